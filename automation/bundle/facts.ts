import { latestActivation, roleIn, siteFacts, type Environment } from "../facts";
import { TAKEOVER_KEY } from "../../topology/names";
import type { Role } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import { plainOutputs, type Exported } from "./deployment";

/** What an operator or a driver needs to know of the sites when neither state nor active region answers. No secrets. */
export interface Facts {
  environment: string;
  service: string;
  /** ISO 8601. */
  madeAt: string;
  activeSite: SiteName;
  epoch: number;
  /** Public name of the service. */
  app: string;
  /** Kubernetes namespace, the same at every site. */
  namespace: string;
  sites: SiteEntry[];
  edge: Record<string, unknown>;
  data: Record<string, unknown>;
}

export interface SiteEntry {
  site: SiteName;
  region: string;
  standby: "warm" | "cold";
  role: Role;
  /** Epoch that the site was last updated to; `null` where it never was. */
  epoch: number | null;
  database: { identifier: string; address: string; port: number; name: string } | null;
  loadBalancer: string | null;
  switchBucket: string;
  takeoverKey: string;
  controlBucket: string;
  /** All that the site's stack exports. */
  outputs: Record<string, unknown>;
}

/** Gathers them from the stacks' state; no region is asked. */
export async function gatherFacts(env: Environment, states: Record<string, Exported>, madeAt: string): Promise<Facts> {
  const { topology, names, workspace } = env;
  const sites = await siteFacts(env);
  const latest = latestActivation(topology, sites);
  const outputs = (part: string): Record<string, unknown> => {
    const state = states[part];
    return state ? plainOutputs(state) : {};
  };
  return {
    environment: workspace.environment,
    service: topology.service,
    madeAt,
    activeSite: latest.activeSite,
    epoch: latest.epoch,
    app: names.app,
    namespace: names.namespace,
    sites: sites.map((facts): SiteEntry => {
      const own = names.site(facts.site);
      return {
        site: facts.site,
        region: own.region,
        standby: topology.sites[facts.site]?.standby === "cold" ? "cold" : "warm",
        role: roleIn(topology, facts, latest),
        epoch: facts.activation?.epoch ?? null,
        database: facts.database ?? null,
        loadBalancer: facts.loadBalancer?.dnsName ?? null,
        switchBucket: own.switchBucket,
        takeoverKey: TAKEOVER_KEY,
        controlBucket: own.controlBucket,
        outputs: outputs(facts.site),
      };
    }),
    edge: outputs("edge"),
    data: outputs("data"),
  };
}
