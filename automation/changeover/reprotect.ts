import { setTimeout as sleep } from "node:timers/promises";
import { formatDuration } from "../../topology/duration";
import { BadInput } from "../../topology/errors";
import { sitesThatAre } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import { Refused, Stopped } from "../errors";
import {
  databaseState,
  factsOf,
  followsLeftDatabase,
  latestActivation,
  roleIn,
  siteFacts,
  type Environment,
  type SiteFacts,
} from "../facts";
import { probeWorkloads } from "../probes/cluster";
import type { DatabaseState } from "../probes/database";
import { listDiverged } from "./diverged";
import { catchUp } from "./catch-up";
import { isProtectedBy, standsBy, withGeneration, type Rebuilt } from "./config";
import { copyJournal } from "./elsewhere";
import { fenceSite } from "./fence";
import type { StepList } from "../steps";
import type { Confirm } from "./failover";
import type { Incident } from "./incident";
import { refreshStack, updateStack } from "./locks";
import type { ReprotectReport, RunReport } from "./report";
import { databaseOf, markedBy } from "./sites";

export interface ReprotectRequest {
  /** Site that was left and is to stand by again. */
  site: SiteName;
  /** The operator's reason to go on without the old database: nothing can be compared then. */
  oldLost?: string | undefined;
  /** How long the new replica may take until it streams within the RPO, in milliseconds. */
  streamTimeoutMs: number;
}

interface Decision extends Rebuilt {
  /** It has a replica, which nobody ever wrote to. */
  replica: boolean;
}

export type ReprotectResult = Omit<ReprotectReport, keyof RunReport>;

const SECURITY_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
/** A replica counts as following when it was seen to, this often in a row. */
const STEADY = 3;

/**
 * Rebuilds a site that was left as a standby: its old database is fenced, compared and kept; a new one streams from the
 * active site, the buckets are copied to it, and protection is reported once its lag is within the RPO.
 * @throws BadInput, Refused before anything changed
 */
export async function reprotect(
  env: Environment,
  request: ReprotectRequest,
  incident: Incident,
  confirm: Confirm,
): Promise<ReprotectResult> {
  const { topology, workspace } = env;
  const { site } = request;
  if (topology.sites[site]?.standby !== "warm") {
    const warm = sitesThatAre("warm", topology);
    throw new BadInput([{ path: "--site", value: site, message: `a warm site of the topology: ${warm.join(", ")}` }]);
  }
  const facts = await siteFacts(env);
  const own = factsOf(facts, site);
  const secrets = await workspace.secrets(site);
  let decision = incident.detailOf("assess")?.["decision"] as Decision | undefined;
  if (!decision) {
    await incident.step("assess", `Look at ${site}`, async () => {
      decision = await assess(env, facts, own, secrets, request);
      copyJournal(env, incident, decision.active);
      return { decision, note: `a new database, generation ${decision.generation}, is to stream from ${decision.active}` };
    });
  }
  if (!decision) throw new Error("nothing was decided");
  const decided = decision;
  const { active, epoch, generation, replica } = decided;
  const activeFacts = factsOf(facts, active);
  const activeSecrets = await workspace.secrets(active);
  if (!incident.has("approve")) {
    await incident.step("approve", "Approval", async () => {
      const question = `Rebuild ${site} as a standby of ${active}? Its old database is kept, fenced; a new one is made.`;
      if (!(await confirm(question))) throw new Refused("the operator said no", "run the command again and agree, or give --yes");
      return { oldLost: request.oldLost ?? null };
    });
  }
  const rebuilt = incident.begun("rebuild");
  let known = request.oldLost === undefined && !replica;
  const why = replica ? "it has a replica, which nobody wrote to" : `its old database is gone: ${request.oldLost ?? ""}`;
  if (!rebuilt) {
    await incident.step("fence", `Fence ${site}`, async () => {
      if (!known) return { note: why };
      const fencing = await fenceSite(env, own, secrets, { epoch, by: markedBy(incident), reason: `left for ${active}` });
      if (!fencing.lsn) {
        throw new Stopped(
          `${site}'s old database does not answer: ${fencing.tried.join("; ")}`,
          'bring it back, then changeover resume; if it is gone for good: changeover resume --abort, and reprotect with --old-lost "reason"',
        );
      }
      return { ...fencing, note: fencing.tried.join("; ") };
    });
    await incident.step("compare", "List what it never shipped", async () => {
      if (!known) return { diverged: null, note: "nothing to compare" };
      const { file, ...found } = await listDiverged(incident, databaseOf(own, secrets), databaseOf(activeFacts, activeSecrets), {
        onTable: ({ table }) => {
          incident.list.note("compare", table);
        },
      });
      return { diverged: { rows: found.rows, file }, note: found.rows === 0 ? "nothing" : `${found.rows} rows, in ${file}` };
    });
  }
  known = incident.detailOf("compare")?.["diverged"] !== null;
  await incident.step("rebuild", `Rebuild ${site}: database ${generation}, pods, alarms`, async () => {
    // What a fencing closed by hand is opened again only if state knows that it is closed.
    if (!rebuilt) await refreshStack(env, incident, site, SECURITY_RULE);
    await workspace.configure(site, standsBy(decided));
    await updateStack(env, incident, site);
    return undefined;
  });
  await incident.step("copy", `Copy ${active}'s buckets to it`, async () => {
    await workspace.configure(active, isProtectedBy(site));
    await updateStack(env, incident, active);
    const copied = await catchUp(env, active, site, (note) => {
      incident.list.note("copy", note);
    });
    return { ...copied, note: copied.objects === 0 ? undefined : `${copied.objects} objects that were written before` };
  });
  let lagMs = 0;
  await incident.step(
    "stream",
    "Wait until it follows within the RPO",
    async () => {
      lagMs = await following(env, site, request.streamTimeoutMs, (note) => {
        incident.list.note("stream", note);
      });
      return { lagMs, note: `${formatDuration(lagMs)} behind` };
    },
    request.streamTimeoutMs,
  );
  const protectedMs = Math.round(incident.clock());
  const diverged = (incident.detailOf("compare")?.["diverged"] ?? null) as ReprotectReport["diverged"];
  return { kind: "reprotect", site, active, epoch, generation, protectedMs, lagMs, diverged };
}

async function assess(
  env: Environment,
  facts: SiteFacts[],
  own: SiteFacts,
  secrets: Record<string, string>,
  request: ReprotectRequest,
): Promise<Decision> {
  const { topology, workspace } = env;
  const { site } = request;
  const current = latestActivation(topology, facts);
  const active = current.activeSite;
  if (active === site) {
    throw new Refused(
      `${site} is the active site, since epoch ${current.epoch}`,
      "name the site that was left; changeover status shows the sites",
    );
  }
  const role = roleIn(topology, own, current);
  const database = await databaseState(own, secrets);
  const replica = database.kind === "replica";
  // A changeover that was left midway may have told its stack more than it shows.
  const stands = role === "standby" && (await workspace.settings(site))["activeSite"] !== site && !followsLeftDatabase(facts, own, current);
  if (stands && replica && (database.streaming || database.lagMs <= topology.database.maxLag)) {
    throw new Refused(
      `${site} stands by already: its replica is ${formatDuration(database.lagMs)} behind`,
      "nothing is to be done; changeover status shows the sites",
    );
  }
  if (database.kind === "unreachable" && request.oldLost === undefined) {
    throw new Refused(
      `${site}'s old database does not answer: ${database.reason}; what it acknowledged and never shipped would not be listed`,
      'bring it back; if it is gone for good: --old-lost "reason"',
    );
  }
  const source = await databaseState(factsOf(facts, active), await workspace.secrets(active));
  if (source.kind !== "primary") {
    throw new Refused(
      `${active}'s database ${source.kind === "replica" ? "is a replica" : `does not answer: ${source.reason}`}`,
      "a standby needs an active site to stream from",
    );
  }
  await probeWorkloads(secrets["kubeconfig"] ?? "", env.names.namespace).catch((error: unknown) => {
    throw new Refused(`${site}'s cluster does not answer: ${(error as Error).message}`, "bring it back first");
  });
  const last = own.activation?.generation ?? 1;
  return {
    active,
    epoch: current.epoch,
    generation: last + 1,
    retained: withGeneration(own.activation?.retained ?? [], last),
    sourceGeneration: factsOf(facts, active).activation?.generation ?? 1,
    replica,
  };
}

/** Waits for a replica that streams, has what it received, and is within the RPO. @returns its lag, in milliseconds */
async function following(env: Environment, site: SiteName, timeoutMs: number, onState: (note: string) => void): Promise<number> {
  const own = factsOf(await siteFacts(env), site);
  const secrets = await env.workspace.secrets(site);
  const { rpo } = env.topology.disasters["regional-outage"];
  const until = performance.now() + timeoutMs;
  let seen = 0;
  for (;;) {
    const state = await databaseState(own, secrets);
    seen = state.kind === "replica" && state.streaming && state.lagMs <= Math.min(rpo, env.topology.database.maxLag) ? seen + 1 : 0;
    if (seen >= STEADY && state.kind === "replica") return Math.round(state.lagMs);
    onState(describe(state));
    if (performance.now() > until)
      throw new Stopped(`${site} does not follow after ${formatDuration(timeoutMs)}: ${describe(state)}`, "changeover resume waits again");
    await sleep(200);
  }
}

function describe(state: DatabaseState): string {
  if (state.kind === "unreachable") return state.reason;
  if (state.kind === "primary") return "no replica";
  return `${state.streaming ? "streams" : "does not stream"}, ${formatDuration(Math.round(state.lagMs))} behind`;
}

/**
 * Removes the databases that a site kept from earlier generations: their deletion protection first, then they themselves.
 * Their snapshots stay.
 * @returns the generations that were removed
 */
export async function discardOld(env: Environment, site: SiteName, confirm: Confirm, steps: StepList): Promise<number[]> {
  const { workspace } = env;
  const own = factsOf(await siteFacts(env), site);
  const retained = [...(own.activation?.retained ?? [])];
  const generation = own.activation?.generation ?? 1;
  if (retained.length === 0) throw new Refused(`${site} keeps no old database`, "nothing is to be done");
  const cold = env.topology.sites[site]?.standby === "cold";
  // A cold site that was left needs no new database: it is dormant again.
  const next = cold && retained.includes(generation) ? generation + 1 : generation;
  if (retained.includes(next)) {
    throw new Refused(`${site} has no other database than the one that it left`, `changeover reprotect --site ${site} first`);
  }
  if (!(await confirm(`Remove ${site}'s database of generation ${retained.join(", ")} for good? Its snapshots stay.`))) {
    throw new Refused("the operator said no", "run the command again and agree, or give --yes");
  }
  steps.start("unprotect", "Lift the deletion protection");
  await workspace.configure(site, { discard: "true", ...(next !== generation && { generation: String(next) }) });
  await workspace.update(site);
  steps.done("unprotect");
  steps.start("remove", `Remove generation ${retained.join(", ")}`);
  await workspace.configure(site, { discard: undefined, retained: undefined });
  await workspace.update(site);
  steps.done("remove");
  return retained;
}
