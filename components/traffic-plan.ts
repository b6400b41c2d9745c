import type { Names } from "../topology/names";
import { laterSites } from "../topology/roles";
import type { SiteName, Topology } from "../topology/schema";

/** Where an alias record leads: to a site's load balancer, or to the next level's name. */
export type Target = { site: SiteName } | { name: string };

/** One level of the failover chain: its site while that one counts as healthy, else what comes after. */
export interface Level {
  /** `app`, `standby`: first label of the name; also part of the resources' names. */
  label: string;
  /** Full name. */
  name: string;
  primary: SiteName;
  /** Sites whose takeover switch, when on, makes the primary count as unhealthy. */
  yieldsTo: SiteName[];
  secondary: Target;
}

/**
 * The chain of names: `app` is the first site or else `standby`, which is the second site or else the last. Nothing in
 * it depends on who is active: health checks decide, and a failover leaves every record as it is.
 */
export function planChain(topology: Topology, names: Names): Level[] {
  const { chain } = topology;
  return names.levels.map((name, i) => {
    const next = names.levels[i + 1];
    return {
      label: name.slice(0, name.indexOf(".")),
      name,
      primary: chain[i] as SiteName,
      yieldsTo: laterSites(topology, chain[i] as SiteName),
      secondary: next === undefined ? { site: chain[i + 1] as SiteName } : { name: next },
    };
  });
}
