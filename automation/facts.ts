import { DATABASE_ADMIN, namesFor, type Names } from "../topology/names";
import { roleOf, type Activation, type Standing } from "../topology/roles";
import type { SiteName, Topology } from "../topology/schema";
import { probeDatabase, type DatabaseState } from "./probes/database";
import type { Workspace } from "./pulumi/workspace";

/** What a site's stack says of itself, from the state backend. */
export interface SiteFacts {
  site: SiteName;
  /** Activation and databases that the site was last updated to; `undefined` where it was never deployed. */
  activation?: Standing | undefined;
  database?: { identifier: string; address: string; port: number; name: string } | undefined;
  loadBalancer?: { dnsName: string } | undefined;
}

export interface Environment {
  topology: Topology;
  names: Names;
  workspace: Workspace;
}

export function environmentOf(topology: Topology, workspace: Workspace): Environment {
  return { topology, names: namesFor(topology, workspace.environment), workspace };
}

/** Every site's facts. Reads state only: no region is asked, so none that is gone can hold this up. */
export async function siteFacts({ topology, workspace }: Environment): Promise<SiteFacts[]> {
  return Promise.all(
    Object.keys(topology.sites).map(async (site) => {
      const outputs = await workspace.outputs(site);
      const own = { activeSite: outputs["activeSite"], epoch: outputs["epoch"] };
      const left = (outputs["retained"] ?? []) as { generation: number }[];
      const databases = {
        ...(typeof outputs["generation"] === "number" && { generation: outputs["generation"] }),
        retained: left.map(({ generation }) => generation),
        ...(typeof outputs["sourceGeneration"] === "number" && { sourceGeneration: outputs["sourceGeneration"] }),
      };
      return {
        site,
        activation: typeof own.activeSite === "string" ? { activeSite: own.activeSite, epoch: Number(own.epoch), ...databases } : undefined,
        database: outputs["database"] as SiteFacts["database"],
        loadBalancer: outputs["loadBalancer"] as SiteFacts["loadBalancer"],
      };
    }),
  );
}

/** Those of one site. */
export function factsOf(facts: readonly SiteFacts[], name: SiteName): SiteFacts {
  const found = facts.find(({ site }) => site === name);
  if (!found) throw new Error(`no facts of ${name}`);
  return found;
}

/** The newest activation that any site knows: the higher epoch wins. */
export function latestActivation(topology: Topology, facts: readonly SiteFacts[]): Activation {
  let latest: Activation = { activeSite: topology.home, epoch: 0 };
  for (const { activation } of facts) if (activation && activation.epoch > latest.epoch) latest = activation;
  return latest;
}

/**
 * Whether a site's replica streams from a database that the service has left since, by a restore or by a move to a cold site: it
 * may have what the restore was to be rid of, and lacks what was written after it.
 */
export function followsLeftDatabase(facts: SiteFacts[], { site, activation }: SiteFacts, { activeSite }: Activation): boolean {
  const source = activation?.sourceGeneration;
  const generation = facts.find((other) => other.site === activeSite)?.activation?.generation;
  return site !== activeSite && source !== undefined && generation !== undefined && source !== generation;
}

export function roleIn(topology: Topology, facts: SiteFacts, latest: Activation): ReturnType<typeof roleOf> {
  return roleOf(topology, facts.site, facts.activation ?? latest, latest);
}

/** Asks the site's database what it is. The password comes from the site's own stack config. */
export async function databaseState(facts: SiteFacts, secrets: Record<string, string>): Promise<DatabaseState> {
  if (!facts.database) return { kind: "unreachable", reason: "the site has no database" };
  return probeDatabase({
    host: facts.database.address,
    port: facts.database.port,
    database: facts.database.name,
    user: DATABASE_ADMIN,
    password: secrets["databasePassword"] ?? "",
    ca: secrets["databaseCa"],
  });
}
