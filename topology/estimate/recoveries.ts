import type { DisasterName, Topology } from "../schema";
import { copies, log, objects, replica, type Loss } from "./losses";
import type { Segment } from "./schedule";
import {
  archive,
  assess,
  awake,
  build,
  decide,
  detect,
  fence,
  promote,
  records,
  resolvers,
  restore,
  services,
  traffic,
  validate,
  verify,
} from "./segments";

/** How the service comes back: what takes time, and what may be lost. */
export interface Recovery {
  segments: Segment[];
  losses: Loss[];
}

/** A disaster's recovery, or why nothing can be said of it. */
export function recoveryOf(topology: Topology, disaster: DisasterName): Recovery | string {
  const { kind, site } = topology.disasters[disaster].recovery;
  if (kind === "clean-environment") return clean(topology, disaster);
  if (site === undefined) return `disasters.${disaster}.recovery names no site: none is set up for ${kind}`;
  if (kind === "same-region") return pointInTime(topology, disaster);
  return topology.sites[site]?.standby === "cold" ? coldActivation(topology, disaster) : failover(topology, disaster);
}

/** A warm standby takes over. */
export function failover(topology: Topology, disaster: DisasterName): Recovery {
  return {
    segments: [
      detect(topology),
      resolvers(topology),
      decide(topology, disaster),
      fence(),
      traffic(topology),
      promote(),
      ...services(topology, "promote"),
      verify(["services", "resolvers", "traffic"]),
    ],
    losses: [replica(topology), objects()],
  };
}

/** The database is restored where it was, to a moment before it failed; traffic stays where it is. */
function pointInTime(topology: Topology, disaster: DisasterName): Recovery {
  return {
    segments: [
      detect(topology),
      decide(topology, disaster),
      fence(),
      restore("fence"),
      validate(topology),
      ...services(topology, "validate"),
      verify(["services"]),
    ],
    losses: [log()],
  };
}

/** A site where nothing ran is given a database from its newest copy, and pods. */
function coldActivation(topology: Topology, disaster: DisasterName): Recovery {
  return {
    segments: [
      detect(topology),
      resolvers(topology),
      decide(topology, disaster),
      fence(),
      traffic(topology),
      restore("fence"),
      validate(topology),
      ...services(topology, "validate"),
      awake(topology),
      archive(topology, disaster),
      verify(["health check", "resolvers", "traffic"]),
    ],
    losses: [copies(topology)],
  };
}

/** Nothing that ran is trusted: a site from nothing, with the newest copy that is older than the intrusion. */
function clean(topology: Topology, disaster: DisasterName): Recovery {
  return {
    segments: [
      assess(topology, disaster),
      fence(),
      build(),
      restore("build"),
      records(topology),
      validate(topology),
      ...services(topology, "validate"),
      archive(topology, disaster),
      verify(["services", "traffic"]),
    ],
    losses: [copies(topology)],
  };
}
