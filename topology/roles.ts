import type { SiteName, Topology } from "./schema";

/** What a site does now. A dormant one has nothing that runs: it waits for copies, and keeps them. */
export type Role = "active" | "standby" | "dormant" | "fenced";

/** A number that goes up by one at each changeover. The higher epoch wins. */
export type Epoch = number;

/** Which site is active, and since which changeover. */
export interface Activation {
  activeSite: SiteName;
  /** 1 at the first deployment. */
  epoch: Epoch;
}

/** What a site's own stack is configured with, as far as its role follows from it. */
export interface Standing extends Activation {
  /** Counts the site's databases. @default 1 */
  generation?: number;
  /** Generations that lost the role `active` and are kept. @default none */
  retained?: readonly number[];
  /** Of a standby: the generation of the active site's database that its own streams from. @default not known */
  sourceGeneration?: number;
}

/**
 * A site's role, from what its own stack was last configured with. One whose newest database is kept and no more than
 * that has nothing to stand by with: it is fenced until it gets a new one.
 * @param latest the newest activation known anywhere, where the caller knows more than the site does:
 *   a site that believes itself active under an older epoch is fenced.
 */
export function roleOf(topology: Topology, site: SiteName, own: Standing, latest: Activation = own): Role {
  const definition = topology.sites[site];
  if (!definition) throw new RangeError(`no site ${site} in the topology`);
  if (own.activeSite === site) return own.epoch < latest.epoch && latest.activeSite !== site ? "fenced" : "active";
  if (own.retained?.includes(own.generation ?? 1) === true) return "fenced";
  return definition.standby === "cold" ? "dormant" : "standby";
}

/** Sites that are warm, or cold, while another one is active. */
export function sitesThatAre(standby: "warm" | "cold", { sites }: Topology): SiteName[] {
  return Object.keys(sites).filter((site) => sites[site]?.standby === standby);
}

/** Sites that stand after this one in the DNS chain: their takeover switches make it count as unhealthy. */
export function laterSites(topology: Topology, site: SiteName): SiteName[] {
  return topology.chain.slice(topology.chain.indexOf(site) + 1);
}

/** The takeover switch is on at the active site. At home no health check asks for it, but the guards of the others do. */
export function takeoverSwitchOn(role: Role): boolean {
  return role === "active";
}

/** A site's first database at home is created empty; every other one begins as a copy: a replica of the active site's, or a restored one. */
export function bornAsCopy(topology: Topology, site: SiteName, generation: number): boolean {
  return !(site === topology.home && generation === 1);
}

/** Services of one tier with the pods each has in this role, recovery order kept. */
export function replicasOf(workload: { replicas: { active: number; standby: number } }, role: Role): number {
  if (role === "active") return workload.replicas.active;
  return role === "standby" ? workload.replicas.standby : 0;
}
