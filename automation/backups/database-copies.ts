import { formatDuration } from "../../topology/duration";
import { sitesThatAre } from "../../topology/roles";
import type { DisasterName, SiteName } from "../../topology/schema";
import { databaseState, factsOf, followsLeftDatabase, latestActivation, type Environment, type SiteFacts } from "../facts";
import { keyState } from "../probes/keys";
import { RecoveryPoints, type RecoveryPoint } from "../probes/recovery-points";
import { Restores } from "../probes/restores";
import { late, type Copy } from "./copies";

/** A recovery point that a copy was found to be, for whoever restores it. */
export interface DatabaseCopies {
  copies: Copy[];
  /** The newest recovery point of each site that has one. */
  newest: Map<SiteName, RecoveryPoint>;
}

const DATA = "database";

/** Every copy of the active site's database, and what there is to say of each. Asks every site: nothing of it is for an outage. */
export async function databaseCopies(env: Environment, facts: SiteFacts[]): Promise<DatabaseCopies> {
  const { topology } = env;
  const current = latestActivation(topology, facts);
  const active = factsOf(facts, current.activeSite);
  if (!active.database) throw new Error(`${active.site} has no database`);
  const { identifier } = active.database;
  const resourceArn = env.names.site(active.site).databaseArn(active.activation?.generation ?? 1);
  const warm = sitesThatAre("warm", topology);
  const standbys = facts.filter(({ site, database }) => site !== active.site && warm.includes(site) && database);
  const vaults = new Set([active.site, ...sitesThatAre("cold", topology)]);
  const newest = new Map<SiteName, RecoveryPoint>();
  const found = await Promise.all([
    live(env, active),
    ...standbys.map((standby) => replica(env, standby, followsLeftDatabase(facts, standby, current))),
    log(env, active.site, identifier),
    ...[...vaults].map(async (site) => {
      const { copy, point } = await vaulted(env, active.site, site, resourceArn);
      if (point) newest.set(site, point);
      return copy;
    }),
  ]);
  return { copies: found, newest };
}

function base({ topology }: Environment, site: SiteName): Pick<Copy, "data" | "site" | "region"> {
  return { data: DATA, site, region: topology.sites[site]?.region ?? "" };
}

function objective({ topology }: Environment, disaster: DisasterName): NonNullable<Copy["rpo"]> {
  return { disaster, ms: topology.disasters[disaster].rpo };
}

async function live(env: Environment, active: SiteFacts): Promise<Copy> {
  const state = await databaseState(active, await env.workspace.secrets(active.site));
  const answers = state.kind === "primary";
  return {
    ...base(env, active.site),
    storage: "instance",
    live: true,
    id: active.database?.identifier ?? "",
    at: answers ? state.nowAt.toISOString() : null,
    ageMs: answers ? 0 : null,
    rpo: null,
    read: "its state",
    problems: answers ? [] : [state.kind === "unreachable" ? `does not answer: ${state.reason}` : "is a replica"],
  };
}

async function replica(env: Environment, standby: SiteFacts, followsLeft: boolean): Promise<Copy> {
  const state = await databaseState(standby, await env.workspace.secrets(standby.site));
  const follows = state.kind === "replica";
  const rpo = objective(env, "regional-outage");
  const ageMs = follows ? Math.round(state.lagMs) : null;
  return {
    ...base(env, standby.site),
    storage: "instance",
    live: false,
    id: standby.database?.identifier ?? "",
    at: follows ? new Date(state.nowAt.getTime() - state.lagMs).toISOString() : null,
    ageMs,
    rpo,
    read: "its lag",
    problems: [
      ...(follows ? [] : [state.kind === "unreachable" ? `does not answer: ${state.reason}` : "is no replica"]),
      ...(followsLeft ? ["follows a database that the service has left"] : []),
      ...late(ageMs, rpo, formatDuration),
    ],
  };
}

/** RDS's automated backups: the log up to a few minutes ago. */
async function log(env: Environment, site: SiteName, identifier: string): Promise<Copy> {
  const rpo = objective(env, "database-failure");
  const region = env.topology.sites[site]?.region ?? "";
  const restores = new Restores(region);
  try {
    const window = await restores.window(identifier);
    const ageMs = window ? Math.max(0, Date.now() - window.latest.getTime()) : null;
    return {
      ...base(env, site),
      storage: "log",
      live: false,
      id: identifier,
      at: window?.latest.toISOString() ?? null,
      ageMs,
      rpo,
      read: window ? `any moment from ${window.earliest.toISOString()} on` : "no window",
      problems: window ? late(ageMs, rpo, formatDuration) : ["RDS has no complete backup of it"],
    };
  } finally {
    restores.close();
  }
}

async function vaulted(
  env: Environment,
  active: SiteName,
  site: SiteName,
  resourceArn: string,
): Promise<{ copy: Copy; point: RecoveryPoint | undefined }> {
  const { topology, names } = env;
  const { vault, vaultArn, region } = names.site(site);
  const [there, here] = [new RecoveryPoints(region), new RecoveryPoints(names.site(active).region)];
  try {
    const points = await there.in(vault, resourceArn);
    const [point] = points;
    const [state, failure] = await Promise.all([
      point?.keyArn === undefined ? undefined : keyState(region, point.keyArn),
      site === active ? undefined : here.failedCopy(vaultArn, resourceArn),
    ]);
    const ageMs = point ? Math.max(0, Date.now() - point.at.getTime()) : null;
    // What lies in the active region is for a mistake that nobody noticed in time; the log has what is newer.
    const rpo =
      site === active
        ? { disaster: "database-failure" as const, ms: Math.max(topology.disasters["database-failure"].rpo, 2 * topology.backups.interval) }
        : objective(env, "multi-region-outage");
    const copy: Copy = {
      ...base(env, site),
      storage: "snapshot",
      live: false,
      id: point?.snapshot ?? vault,
      at: point?.at.toISOString() ?? null,
      ageMs,
      rpo,
      read: point ? `${points.length} in ${vault}; its key is ${state ?? "none: it is not encrypted"}` : `none in ${vault}`,
      problems: [
        ...(point ? [] : ["there is none"]),
        ...(state === undefined || state === "Enabled" ? [] : [`nobody can decrypt it: its key is ${state}`]),
        ...(failure === undefined ? [] : [`the newest copy to it failed: ${failure}`]),
        ...late(ageMs, rpo, formatDuration),
      ],
    };
    return { copy, point };
  } finally {
    there.close();
    here.close();
  }
}
