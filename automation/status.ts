import type { WritesState } from "../guard/writes";
import { formatDuration } from "../topology/duration";
import { readIntegrity, watchedFrom, type Integrity } from "./backups/integrity";
import { openIncident } from "./changeover/incidents";
import type { Kind, State } from "./changeover/table";
import { sitesThatAre, type Role } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import { databaseState, followsLeftDatabase, latestActivation, roleIn, siteFacts, type Environment, type SiteFacts } from "./facts";
import { paint, table } from "./output";
import { probeWorkloads } from "./probes/cluster";
import type { DatabaseState } from "./probes/database";
import { addressesOf } from "./probes/resolver";

export interface TierStatus {
  tier: number;
  /** Pods ready and wanted, over the tier's services. */
  ready: number;
  wanted: number;
}

export interface SiteStatus {
  name: SiteName;
  role: Role;
  region: string;
  /** Epoch that the site was last updated to. */
  epoch: number | null;
  database: DatabaseState["kind"] | "none";
  databaseDetail?: string;
  /**
   * Whether its database takes writes, by the mark of guards and drivers; `lapsed`: it is marked open, but the services' lease ran
   * out, as after an outage until its guard has looked, and nobody can log in. `null` where that is not known.
   */
  writes: WritesState | "lapsed" | null;
  /** Of a database that is no replica: who shut it, and why. */
  writesDetail?: string;
  /** How far its replica is behind, in milliseconds; `null` where it has none. */
  lagMs: number | null;
  /** Its replica streams from a database that the service has left, by a restore or by a move to a cold site. */
  followsLeft: boolean;
  /** Whether the public name leads here now. */
  traffic: boolean;
  tiers: TierStatus[];
  /** Why the workloads are not known. */
  workloadsDetail?: string;
}

export interface Status {
  environment: string;
  service: string;
  activeSite: SiteName;
  epoch: number;
  /** Addresses that the public name has now. */
  public: { name: string; addresses: string[] };
  /** A changeover that is under way, or was left midway, as far as this machine's journals tell. */
  changeover: {
    incident: string;
    kind: Kind;
    state: State;
    running: boolean;
    /** The disk did not take all of its journal: it may have come further, or to its end. */
    partial: boolean;
  } | null;
  /** The last look at the copies of the data; `null`: nobody ever looked, or it cannot be known. */
  integrity: Integrity | null;
  /** Why that is not known. */
  integrityDetail?: string;
  /** Sites whose databases follow the active site's. None: its loss leaves nothing but the copies. */
  standbys: SiteName[];
  /** Warm sites whose databases do not: a re-protection rebuilds them. */
  toRebuild: SiteName[];
  sites: SiteStatus[];
}

/**
 * The sites as they are: state tells what should be, the databases, clusters and name servers what is. A site that does
 * not answer within its time-out is shown as unreachable and holds nobody up.
 * @param skip sites to which no call is made
 */
export async function readStatus(env: Environment, skip: SiteName[] = []): Promise<Status> {
  const { topology, names, workspace } = env;
  const looked = skip.includes(watchedFrom(topology)) ? Promise.reject(new Error("not asked")) : readIntegrity(env);
  const integrity = looked.then(
    (found) => ({ integrity: found ?? null }),
    (error: unknown) => ({ integrity: null, integrityDetail: (error as Error).message }),
  );
  const [facts, addresses] = await Promise.all([siteFacts(env), lookUp(names.app)]);
  const current = latestActivation(topology, facts);
  const sites = await Promise.all(
    facts.map(async (site): Promise<SiteStatus> => {
      const role = roleIn(topology, site, current);
      const base = {
        name: site.site,
        role,
        region: topology.sites[site.site]?.region ?? "",
        epoch: site.activation?.epoch ?? null,
        followsLeft: followsLeftDatabase(facts, site, current),
      };
      if (role === "dormant")
        return { ...base, database: "none", writes: null, lagMs: null, traffic: await serves(env, site, addresses), tiers: [] };
      if (skip.includes(site.site)) {
        return {
          ...base,
          database: "unreachable",
          databaseDetail: "not asked",
          writes: null,
          lagMs: null,
          traffic: await serves(env, site, addresses),
          tiers: [],
        };
      }
      const secrets = await workspace.secrets(site.site);
      const [database, workloads, traffic] = await Promise.all([
        databaseState(site, secrets),
        tierStates(env, secrets["kubeconfig"] ?? "").catch((error: unknown) => (error as Error).message),
        serves(env, site, addresses),
      ]);
      return {
        ...base,
        database: database.kind,
        ...(database.kind === "unreachable" ? { databaseDetail: database.reason } : {}),
        writes: writesAt(database),
        ...shutBy(database),
        lagMs: database.kind === "replica" ? Math.round(database.lagMs) : null,
        traffic,
        ...(typeof workloads === "string" ? { tiers: [], workloadsDetail: workloads } : { tiers: workloads }),
      };
    }),
  );
  const open = openIncident(workspace.environment);
  const standbys = sites.filter(({ role, followsLeft }) => role === "standby" && !followsLeft).map(({ name }) => name);
  return {
    environment: workspace.environment,
    service: topology.service,
    activeSite: current.activeSite,
    epoch: current.epoch,
    public: { name: names.app, addresses },
    changeover: open
      ? { incident: open.id, kind: open.opening.kind, state: open.state, running: open.running, partial: open.partial }
      : null,
    ...(await integrity),
    standbys,
    toRebuild: sitesThatAre("warm", topology).filter((site) => site !== current.activeSite && !standbys.includes(site)),
    sites,
  };
}

function writesAt(database: DatabaseState): SiteStatus["writes"] {
  if (database.kind === "unreachable" || !database.writes) return null;
  const { writes, leaseLeftMs = Infinity } = database;
  return writes.state === "open" && leaseLeftMs <= 0 ? "lapsed" : writes.state;
}

function shutBy(database: DatabaseState): Pick<SiteStatus, "writesDetail"> {
  if (database.kind !== "primary" || !database.writes || database.writes.state === "open") return {};
  const { state, by, reason, epoch } = database.writes;
  return { writesDetail: `${state} in epoch ${epoch} by ${by}: ${reason}` };
}

/** Where the name server is slow, a status that says so late is better than one that says nothing leads there. */
const LOOK_UP_MS = 3_000;

async function lookUp(name: string): Promise<string[]> {
  return addressesOf(name, LOOK_UP_MS).catch(() => []);
}

async function serves({ topology }: Environment, site: SiteFacts, addresses: string[]): Promise<boolean> {
  const own = await lookUp(`${site.site}.${topology.domain}`);
  return own.some((address) => addresses.includes(address));
}

async function tierStates({ topology, names }: Environment, kubeconfig: string): Promise<TierStatus[]> {
  const workloads = await probeWorkloads(kubeconfig, names.namespace);
  return topology.tiers.map(({ tier, services }) => {
    const mine = workloads.filter(({ service }) => service in services);
    return { tier, ready: sum(mine.map((w) => w.ready)), wanted: sum(mine.map((w) => w.wanted)) };
  });
}

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** The status as a person reads it. */
export function describeStatus(status: Status): string {
  const roles: Record<Role, (text: string) => string> = { active: paint.green, standby: paint.cyan, dormant: paint.dim, fenced: paint.red };
  const rows = status.sites.map((site) => [
    site.name,
    roles[site.role](site.role),
    site.region,
    site.epoch === null ? "-" : String(site.epoch),
    site.database === "unreachable" ? paint.red("unreachable") : site.database,
    site.database !== "primary" || site.writes === null ? "-" : site.writes === "open" ? paint.green("open") : paint.red(site.writes),
    site.lagMs === null ? "-" : formatDuration(site.lagMs),
    site.traffic ? paint.green("here") : "-",
    site.tiers.length === 0 ? (site.role === "dormant" ? "-" : paint.red("unknown")) : site.tiers.map((t) => tierText(t)).join(" "),
  ]);
  const notes = status.sites.flatMap((site) => [
    ...(site.followsLeft
      ? [`${site.name}: its replica is of a database that the service has left: changeover reprotect --site ${site.name}`]
      : []),
    ...(site.databaseDetail === undefined ? [] : [`${site.name}: database: ${site.databaseDetail}`]),
    ...(site.writesDetail === undefined ? [] : [`${site.name}: ${site.writesDetail}${wayOpen(site, status)}`]),
    ...(site.workloadsDetail === undefined ? [] : [`${site.name}: ${site.workloadsDetail}`]),
  ]);
  return [
    `${status.service} (${status.environment}): ${paint.bold(status.activeSite)} is active, epoch ${status.epoch}${whoElseWrites(status)}; ${status.public.name} is ${status.public.addresses.join(", ") || "not resolved"}`,
    "",
    table(["SITE", "ROLE", "REGION", "EPOCH", "DATABASE", "WRITES", "LAG", "TRAFFIC", "PODS READY BY TIER"], rows),
    ...(status.changeover ? ["", describeChangeover(status.changeover)] : describeExposure(status)),
    "",
    describeIntegrity(status),
    ...(notes.length > 0 ? ["", ...notes.map((note) => paint.dim(note))] : []),
  ].join("\n");
}

/** Stacks say which site is active; a changeover that was left midway has a database that they do not know of, or none, take writes. */
function whoElseWrites({ sites, activeSite }: Status): string {
  const writers = sites.filter(({ database, writes }) => database === "primary" && writes === "open").map(({ name }) => name);
  if (writers.some((name) => name !== activeSite)) return paint.red(` by its stack, but writes are open at ${writers.join(" and ")}`);
  const { database, writes = null } = sites.find(({ name }) => name === activeSite) ?? {};
  if (database !== "primary" || writes === null || writes === "open") return "";
  return paint.red(writes === "lapsed" ? "; the services' lease of its database ran out: nobody can log in" : "; no site takes writes");
}

/** An active site whose guard could not ask the others: nobody but an operator knows. */
function wayOpen({ name, role, writes }: SiteStatus, { changeover }: Status): string {
  return role === "active" && writes === "fenced" && !changeover
    ? `; if no other site took over: changeover confirm --site ${name} --reason "..."`
    : "";
}

function describeExposure({ activeSite, standbys, toRebuild }: Status): string[] {
  if (standbys.length > 0) return [];
  const commands = toRebuild.map((site) => `changeover reprotect --site ${site}`);
  return ["", paint.red(`nothing stands behind ${activeSite}: ${commands.join(" or ")}, once that site answers`)];
}

function describeIntegrity({ integrity, integrityDetail }: Status): string {
  if (integrityDetail !== undefined) return paint.yellow(`the copies: whether they are sound is not known: ${integrityDetail}`);
  if (!integrity) return paint.yellow("the copies: nobody has looked at them: changeover watch");
  const { at, sound, late, problems, testedAt } = integrity;
  const tested = testedAt === null ? "none was ever restored" : `one was last restored at ${testedAt}`;
  const found = sound ? `sound at ${at}; ${tested}` : `at ${at}: ${problems.join("; ")}; ${tested}`;
  if (late) return paint.red(`the copies: no look since ${at}: changeover watch; then: ${found}`);
  return sound ? `the copies: ${paint.green(found)}` : paint.red(`the copies: ${found}`);
}

function describeChangeover({ incident, kind, state, running, partial }: NonNullable<Status["changeover"]>): string {
  const text = `${incident}: a ${kind}, ${state}`;
  if (partial && !running) return paint.red(`${text} or further, as its disk was full: changeover resume reads the copy of its journal`);
  return running ? paint.yellow(`${text}, is under way`) : paint.red(`${text}, was left midway: changeover resume`);
}

function tierText({ tier, ready, wanted }: TierStatus): string {
  const text = `${tier}:${ready}/${wanted}`;
  return ready < wanted ? paint.yellow(text) : text;
}
