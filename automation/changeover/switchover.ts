import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { fenceWrites, pauseWrites, readWrites, type Shut } from "../../guard/writes";
import { formatDuration } from "../../topology/duration";
import { BadInput } from "../../topology/errors";
import type { SiteName } from "../../topology/schema";
import { compareDatabases, type Comparison } from "../comparison/compare";
import { Refused, Stopped } from "../errors";
import { objectionTo } from "../guards";
import { databaseState, factsOf, followsLeftDatabase, latestActivation, siteFacts, type Environment, type SiteFacts } from "../facts";
import { onInterrupt } from "../interrupts";
import { probeWorkloads, type WorkloadState } from "../probes/cluster";
import { adminClient, hangUp, type DatabaseState } from "../probes/database";
import { listDiverged } from "./diverged";
import { copyJournal } from "./elsewhere";
import { fenceSite } from "./fence";
import { pick, type Confirm } from "./failover";
import { GivenUp } from "./given-up";
import { retire } from "./retire";
import type { Incident } from "./incident";
import { settleOwn, updateStack } from "./locks";
import { Takeover, decisionOf, reopenWrites, type Decision } from "./move";
import { switchoverGuards } from "./planned-guards";
import type { MoveReport, RunReport } from "./report";
import { databaseOf, markedBy, servicesOf, subjectOf } from "./sites";
import { retreatFrom } from "./table";
import { TakeoverSwitch, turnOff, turnOn } from "./takeover-switch";

export interface SwitchoverRequest {
  to: SiteName;
  /** When writes may be paused, ISO 8601: from and to. @default at once */
  window?: { from: string; to: string } | undefined;
  /** Longest time from the pause to a target that has everything, in milliseconds; then writes are opened again where they were. */
  maxPauseMs: number;
  /** How long the comparison may wait for tables that are written to, in milliseconds. */
  compareMs: number;
  verifyTimeoutMs: number;
}

/** Longer than the lab's DNS takes to turn and its users to forget the old site; where that takes a minute, the update goes on without. */
const HEAD_START_MS = 3_000;

export type MoveResult = Omit<MoveReport, keyof RunReport>;

/** What a switchover found before it changed anything. */
export interface Readiness {
  from: SiteName;
  to: SiteName;
  epoch: number;
  active: DatabaseState;
  replica: DatabaseState;
  workloads: WorkloadState[];
}

/** Looks at both sites and asks the guards. Changes nothing. @throws BadInput, Refused */
export async function readiness(env: Environment, to: SiteName, facts: SiteFacts[]): Promise<Readiness> {
  const { topology, workspace, names } = env;
  if (!topology.sites[to]) {
    throw new BadInput([{ path: "--to", value: to, message: `a site of the topology: ${Object.keys(topology.sites).join(", ")}` }]);
  }
  const current = latestActivation(topology, facts);
  const from = current.activeSite;
  const [old, target] = [from, to].map((name) => facts.find(({ site }) => site === name));
  if (!old || !target) throw new Error(`no facts of ${from} or ${to}`);
  const [oldSecrets, secrets] = await Promise.all([workspace.secrets(from), workspace.secrets(to)]);
  const [active, replica, workloads] = await Promise.all([
    databaseState(old, oldSecrets),
    databaseState(target, secrets),
    topology.sites[to].standby === "warm"
      ? probeWorkloads(secrets["kubeconfig"] ?? "", names.namespace).catch((error: unknown) => (error as Error).message)
      : [],
  ]);
  const found = { from, to, epoch: current.epoch + 1, active, replica };
  const services = servicesOf(env);
  const objection = objectionTo(switchoverGuards, {
    ...found,
    current,
    standing: target.activation,
    followsLeft: followsLeftDatabase(facts, target, current),
    workloads,
    services,
    maxLagMs: topology.database.maxLag,
  });
  if (objection) throw new Refused(objection.reason, objection.satisfy);
  return { ...found, workloads: typeof workloads === "string" ? [] : workloads.filter(({ service }) => services.includes(service)) };
}

/** The sync dry run: every table of both databases, while writes go on. @throws Refused where they differ */
export async function compareSites(
  env: Environment,
  from: SiteFacts,
  to: SiteFacts,
  timeoutMs: number,
  onTable: (note: string) => void,
): Promise<Comparison> {
  const [left, right] = await Promise.all([from, to].map(async (facts) => databaseOf(facts, await env.workspace.secrets(facts.site))));
  if (!left || !right) throw new Error("two databases are compared");
  const comparison = await compareDatabases(left, right, {
    settle: { timeoutMs },
    onTable: ({ table, state }, { done, total }) => {
      onTable(`${done} of ${total}: ${table} ${state}`);
    },
  });
  const wrong = [
    ...comparison.tables.filter(({ state }) => state === "differs").map(({ table }) => table),
    ...comparison.onlyLeft,
    ...comparison.onlyRight,
  ];
  if (wrong.length > 0) {
    throw new Refused(
      `${to.site}'s copy is not what ${from.site} has: ${wrong.join(", ")}`,
      `rebuild it: changeover reprotect --site ${to.site}; a replica that differs must not take over`,
    );
  }
  return comparison;
}

/**
 * A planned move, without loss: both sites are looked at and compared, writes pause at the old one, the target gets all
 * that was acknowledged, and takes over. What would lose a write stops it, and opens writes where they were.
 * @throws BadInput, Refused before anything changed; Stopped where it was given up on the way
 */
export async function switchover(env: Environment, request: SwitchoverRequest, incident: Incident, confirm: Confirm): Promise<MoveResult> {
  const { workspace } = env;
  const facts = await siteFacts(env);
  let decision = decisionOf(incident);
  let comparison: Comparison | undefined;
  if (!decision) {
    await incident.step("assess", "Look at both sites", async () => {
      const found = await readiness(env, request.to, facts);
      const settings = await workspace.settings(found.to);
      const fromEpoch = found.epoch - 1;
      const before = { ...pick(settings, ["activeSite", "epoch", "protectedBy", "capacity", "confirmedUntil"]) };
      decision = { from: found.from, to: found.to, epoch: found.epoch, fromEpoch, before };
      copyJournal(env, incident, found.from);
      return { decision, active: found.active, replica: found.replica, note: `${found.to} streams from ${found.from} and is ready` };
    });
  }
  if (!decision) throw new Error("nothing was decided");
  const { from, to, epoch, fromEpoch } = decision;
  const [old, target] = [factsOf(facts, from), factsOf(facts, to)];
  const [oldSecrets, secrets] = await Promise.all([workspace.secrets(from), workspace.secrets(to)]);
  if (incident.begun("promote")) await settleOwn(env, incident, to);
  const reached = await databaseState(target, secrets);
  /** Whether a run that stopped had promoted the target already: then nothing before that is to be done any more. */
  const promoted = incident.mayBind && reached.kind === "primary";

  if (!incident.has("compare") && !promoted) {
    await incident.step("compare", "Compare every table, as a dry run", async () => {
      comparison = await compareSites(env, old, target, request.compareMs, (note) => {
        incident.list.note("compare", note);
      });
      const rows = comparison.tables.reduce((sum, { leftRows }) => sum + leftRows, 0);
      return { tables: comparison.tables, note: `${comparison.tables.length} tables, ${rows} rows` };
    });
  }
  if (!incident.has("approve")) {
    await incident.step("approve", "Approval", async () => {
      const question = `Switch over from ${from} to ${to}, epoch ${epoch}? Writes pause for a moment; none is lost.`;
      if (!(await confirm(question))) throw new Refused("the operator said no", "run the command again and agree, or give --yes");
      return { window: request.window ?? null };
    });
  }

  const takeover = new Takeover(env, incident, decision, target, secrets, promoted);
  const [switchTo, switchFrom] = [new TakeoverSwitch(env, to), new TakeoverSwitch(env, from)];
  const oldAdmin = adminClient(databaseOf(old, oldSecrets));
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    if (incident.begun("promote")) void takeover.abandon("interrupted");
  };
  const heed = (): void => {
    if (interrupted) throw new Stopped("interrupted", "changeover resume goes on, changeover resume --abort gives up");
  };
  const letGo = onInterrupt(interrupt);
  try {
    let pausedLsn = incident.detailOf("pause")?.["lsn"] as string | undefined;
    let decidedMs = incident.clock();
    if (promoted) await takeover.arm();
    else {
      await incident.step("prepare", `Bring ${to} to full size; arm its update`, async () => {
        if (!incident.has("prepare")) {
          await workspace.configure(to, { capacity: "active" });
          await updateStack(env, incident, to);
        }
        heed();
        await takeover.arm();
        heed();
        await window(request.window, incident, heed);
        // What is connected before the pause is not waited for in it.
        await Promise.all([oldAdmin.connect(), takeover.connect(), switchTo.warmUp(), switchFrom.warmUp()]);
        return undefined;
      });
      heed();
      decidedMs = incident.clock();
      const pausedMs = incident.clock();
      await incident.step("pause", `Pause writes at ${from}`, async () => {
        const { lsn, ended } = await hold(oldAdmin);
        pausedLsn = lsn;
        return { lsn, sessionsEnded: ended };
      });
      await incident.step("steer", "Turn traffic to it", async () => ({
        requestIds: await Promise.all([switchTo.on(epoch), switchFrom.off()]),
      }));
      await incident.step("drain", "Wait until it has everything", async () => {
        const left = Math.max(100, request.maxPauseMs - (incident.clock() - pausedMs));
        return { ...(await takeover.drain(pausedLsn ?? "", left)) };
      });
      heed();
    }
    const fencedMs = incident.clock();
    await incident.step("promote", `Promote ${to}'s database`, () => takeover.promote());
    await incident.step("open", "Open it for writes", () => takeover.open(HEAD_START_MS));
    await takeover.serve(request.verifyTimeoutMs);
    await incident.step("prove", "Every row of the old site is at the new one", () => prove(old, target));
    await incident.step("data", "Other tiers; point the data stack at the new database", async () => {
      await takeover.data();
      return undefined;
    });
    await incident.step("retire", `Scale ${from} down`, async () => {
      const mark = { epoch, by: markedBy(incident), reason: `left for ${to}` };
      const fencing = await fenceSite(env, old, oldSecrets, mark);
      return { ...fencing, ...(await retire(env, incident, old, { activeSite: to, epoch })) };
    });
    const pause = incident.period("pause", "open");
    return { kind: "switchover", from, to, epoch, ...(pause && { pause }), ...(await takeover.report(decidedMs, fencedMs)) };
  } catch (error) {
    await takeover.abandon("stopped");
    const bound = incident.begun("promote") || (incident.fetched && reached.kind !== "replica");
    if (bound || !retreatFrom("switchover", incident.state)) throw error;
    await giveUp(env, incident, decision, (error as Error).message);
    throw error instanceof Refused
      ? error
      : new GivenUp(
          `the switchover to ${to} was given up: ${(error as Error).message}`,
          `${from} is active and takes writes; mend the cause and start again`,
          { cause: error },
        );
  } finally {
    letGo();
    hangUp(oldAdmin);
    for (const each of [switchTo, switchFrom]) each.close();
  }

  /** Pauses writes; where the old site's guard has seen the target's switch already, they are fenced, and stay so. */
  async function hold(client: Client): Promise<Shut> {
    const change = { ...subjectOf(env), site: from, by: markedBy(incident), reason: `switchover to ${to}` };
    const { mark } = await readWrites(client);
    if (mark?.state === "fenced" && mark.epoch === epoch) return fenceWrites(client, { ...change, epoch });
    return pauseWrites(client, { ...change, epoch: fromEpoch });
  }

  /** The old database stands still, so every row that it has must be found at the new one. */
  async function prove(left: SiteFacts, right: SiteFacts): Promise<Record<string, unknown>> {
    const { file, ...found } = await listDiverged(incident, databaseOf(left, oldSecrets), databaseOf(right, secrets));
    if (found.rows > 0) {
      incident.list.warn(
        `${found.rows} rows of ${left.site} are not, or not so, at ${right.site}: changed since, or lost; they are in ${file}`,
      );
    }
    return { rows: found.rows, file, note: found.rows === 0 ? "every one" : `all but ${found.rows}` };
  }
}

/** Waits for the maintenance window. @param heed throws where the operator does not want to wait any more @throws Stopped after its end */
async function window(wanted: SwitchoverRequest["window"], incident: Incident, heed: () => void): Promise<void> {
  if (!wanted) return;
  const [from, to] = [Date.parse(wanted.from), Date.parse(wanted.to)];
  for (let left = from - Date.now(); left > 0; left = from - Date.now()) {
    heed();
    incident.list.note("prepare", `the window opens in ${formatDuration(left)}`);
    await sleep(Math.min(left, 1_000));
  }
  if (Date.now() > to) throw new Stopped(`the window ended at ${wanted.to}`, "give a later --window");
}

/** Back to where it was: writes open at the old site, traffic there, the target a standby again. */
export async function giveUp(env: Environment, incident: Incident, decision: Decision, reason: string): Promise<void> {
  const { from, to, fromEpoch, before } = decision;
  const { workspace } = env;
  await incident.record({ event: "retreat", detail: { reason, state: incident.state } });
  const old = factsOf(await siteFacts(env), from);
  if (incident.begun("pause")) {
    incident.list.start("reopen", `Open writes at ${from} again`);
    const off = await turnOff(env, to).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    try {
      await turnOn(env, { activeSite: from, epoch: fromEpoch });
      await reopenWrites(env, incident, old, await workspace.secrets(from), fromEpoch);
      // A guard that had just seen the target's switch may have turned this one off.
      await turnOn(env, { activeSite: from, epoch: fromEpoch });
    } catch (error) {
      throw new Stopped(
        `it is given up (${reason}), but writes at ${from} could not be opened again: ${(error as Error).message}`,
        `once ${from} answers: changeover resume --abort; if it is lost: changeover failover --to ${to} --unreachable ${from}`,
        { cause: error },
      );
    }
    incident.list.done("reopen");
    if (off) {
      throw new Stopped(
        `writes are open at ${from} again, but ${to}'s takeover switch could not be turned off: ${off.message}`,
        `once ${to} answers, at once: changeover resume --abort; until then its return makes ${from}'s guard fence ${from}`,
      );
    }
  }
  await workspace.configure(to, { ...before });
  if (incident.begun("prepare")) {
    incident.list.start("scale", `Scale ${to} back`);
    await updateStack(env, incident, to);
    incident.list.done("scale");
  }
}
