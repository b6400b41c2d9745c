import { sitesThatAre } from "./roles";
import type { Topology } from "./schema";

/**
 * What standing by costs, from the least on: the four strategies of the AWS whitepaper 'Disaster Recovery of Workloads on AWS',
 * which orders them so by cost, and the other way round by recovery time.
 */
export const COST_CLASSES = ["backup and restore", "pilot light", "warm standby", "active everywhere"] as const;
export type CostClass = (typeof COST_CLASSES)[number];

/** The dearest strategy that a site of the topology stands by with. */
export function costClass(topology: Topology): CostClass {
  const standbys = sitesThatAre("warm", topology).filter((site) => site !== topology.home);
  if (standbys.length === 0) return "backup and restore";
  const services = topology.tiers.flatMap((tier) => Object.values(tier.services));
  if (services.every(({ replicas }) => replicas.standby === 0)) return "pilot light";
  return services.every(({ replicas }) => replicas.standby >= replicas.active) ? "active everywhere" : "warm standby";
}

/** Pods and databases that stand by, for what a class does not tell. */
export function standingBy(topology: Topology): { pods: number; databases: number } {
  const standbys = sitesThatAre("warm", topology).filter((site) => site !== topology.home).length;
  const pods = topology.tiers.flatMap((tier) => Object.values(tier.services)).reduce((sum, { replicas }) => sum + replicas.standby, 0);
  return { pods: standbys * pods, databases: standbys };
}
