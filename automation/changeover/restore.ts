import { fenceWrites, pauseWrites } from "../../guard/writes";
import { DAY } from "../../topology/duration";
import { BadInput } from "../../topology/errors";
import type { SiteName } from "../../topology/schema";
import { readAll } from "../comparison/read-all";
import { openSession, type Session } from "../comparison/session";
import { Refused, Stopped } from "../errors";
import { databaseState, factsOf, latestActivation, siteFacts, type Environment, type SiteFacts } from "../facts";
import { onInterrupt } from "../interrupts";
import { Restores, RestoreFailed, type Place, type Waiting } from "../probes/restores";
import type { StepList } from "../steps";
import { withGeneration } from "./config";
import { holds, lastSound } from "./corruption";
import { listDiverged } from "./diverged";
import { pick, type Confirm } from "./failover";
import { GivenUp } from "./given-up";
import type { Incident } from "./incident";
import { settleOwn, updateStack } from "./locks";
import { Takeover, reopenWrites, type Decision as MoveDecision } from "./move";
import type { RestoreReport, RunReport } from "./report";
import { advanceSequences } from "./sequences";
import { asAdmin, databaseOf, markedBy, subjectOf } from "./sites";
import { retreatFrom, type Step } from "./table";

export interface RestoreRequest {
  /** The active site. */
  site: SiteName;
  /** The moment that its database goes back to, ISO 8601. @default the last one at which the check held */
  point?: string | undefined;
  /** A query whose one value is true where the data are sound; the restored database is opened only if it holds there. */
  check?: string | undefined;
  /** Where that moment is looked for: not before this one, ISO 8601. @default all that RDS keeps */
  since?: string | undefined;
  /** How long RDS may take, in milliseconds. */
  restoreTimeoutMs: number;
  verifyTimeoutMs: number;
}

type Database = NonNullable<SiteFacts["database"]>;

/** What was decided, and stays decided over a resume. */
interface Decision extends MoveDecision {
  /** ISO 8601. */
  point: string;
  /** The site's new database. */
  generation: number;
  /** Identifier of the new database. */
  identifier: string;
  damaged: Database;
}

export type RestoreResult = Omit<RestoreReport, keyof RunReport>;

/**
 * Puts a database of an earlier moment in the place of the active site's, which is damaged: RDS restores it beside that one,
 * writes stop meanwhile, and what was written after the moment is listed. The damaged database is kept, fenced. A standby goes
 * on streaming from it, so nothing stands behind the restored one until it is rebuilt.
 * @throws BadInput, Refused before anything changed; GivenUp where there is no such database after all
 */
export async function restore(env: Environment, request: RestoreRequest, incident: Incident, confirm: Confirm): Promise<RestoreResult> {
  const { topology, workspace } = env;
  const { site } = request;
  const definition = topology.sites[site];
  if (!definition) {
    throw new BadInput([{ path: "--site", value: site, message: `a site of the topology: ${Object.keys(topology.sites).join(", ")}` }]);
  }
  const restores = new Restores(definition.region);
  const stopping = new AbortController();
  const interrupt = (): void => {
    stopping.abort(new Stopped("interrupted", "changeover resume goes on, changeover resume --abort gives up"));
  };
  const letGo = onInterrupt(interrupt);
  try {
    const facts = await siteFacts(env);
    const own = factsOf(facts, site);
    const secrets = await workspace.secrets(site);
    let decision = incident.detailOf("assess")?.["decision"] as Decision | undefined;
    if (!decision) {
      await incident.step("assess", `Look at ${site}'s database and its backups`, async () => {
        const found = await assess(env, facts, own, secrets, request, { restores, signal: stopping.signal, list: incident.list });
        ({ decision } = found);
        return { ...found, note: `a database of ${decision.point} can be had` };
      });
    }
    if (!decision) throw new Error("nothing was decided");
    const { point, epoch } = decision;
    if (!incident.has("approve")) {
      await incident.step("approve", "Approval", async () => {
        const question = `Restore ${site}'s database to ${point}, epoch ${epoch}? Writes stop until it is there; what was written after that moment is listed, and not in it.`;
        if (!(await confirm(question))) throw new Refused("the operator said no", "run the command again and agree, or give --yes");
        return { check: request.check ?? null };
      });
    }
    return await exchange(env, request, incident, decision, own, secrets, restores, stopping.signal);
  } finally {
    letGo();
    restores.close();
  }
}

/** All that an approved restore does. @throws GivenUp where the damaged database serves on */
async function exchange(
  env: Environment,
  request: RestoreRequest,
  incident: Incident,
  decision: Decision,
  own: SiteFacts,
  secrets: Record<string, string>,
  restores: Restores,
  signal: AbortSignal,
): Promise<RestoreResult> {
  const { topology, workspace } = env;
  const { site } = request;
  const { epoch, fromEpoch, generation, identifier, before, damaged, point } = decision;
  const old: SiteFacts = { ...own, database: damaged };
  if (incident.begun("prepare")) await settleOwn(env, incident, site);

  const waitingFor = (step: Step): Waiting => ({
    timeoutMs: request.restoreTimeoutMs,
    signal: signal,
    onState: (state) => {
      incident.list.note(step, state);
    },
  });
  let takeover: Takeover | undefined;
  let snapshot: Session | undefined;
  const interrupted = (): void => void takeover?.abandon("interrupted");
  signal.addEventListener("abort", interrupted);
  try {
    const opened = incident.begun("open");
    let place = incident.detailOf("recover")?.["database"] as Place | undefined;
    const decidedMs = incident.clock();
    if (!opened) {
      await incident.step("restore", `Have RDS restore it to ${point}`, async () => ({
        requestId: (await restores.begin(damaged.identifier, identifier, new Date(point))) ?? null,
      }));
      signal.throwIfAborted();
      await incident.step("pause", `Pause writes at ${site}`, async () => {
        const change = { ...subjectOf(env), site, epoch: fromEpoch, by: markedBy(incident), reason: `restore to ${point}` };
        const { lsn, ended } = await asAdmin(databaseOf(old, secrets), (client) => pauseWrites(client, change));
        return { lsn, sessionsEnded: ended };
      });
      await incident.step(
        "recover",
        "Wait until RDS has it",
        async () => {
          const waiting = waitingFor("recover");
          place = await restores.done(identifier, waiting);
          await restores.keep(topology.database.backupRetention / DAY, identifier, waiting);
          return { database: place };
        },
        request.restoreTimeoutMs,
      );
    }
    if (!place) throw new Error("nobody wrote down where the restored database is");
    const fresh: SiteFacts = { ...own, database: { ...damaged, identifier, ...place } };
    if (!opened) {
      await incident.step("check", "Read every table of it", async () => {
        const rows = await readAll(databaseOf(fresh, secrets), (table) => {
          incident.list.note("check", table);
        });
        const sound = request.check === undefined ? undefined : await holds(databaseOf(fresh, secrets), request.check);
        if (sound === false) {
          throw new Stopped(
            `the check does not hold at ${point} either`,
            "give an earlier --to; the damage was done before that moment, or the check finds something else",
          );
        }
        const sequences = await advanceSequences(databaseOf(old, secrets), databaseOf(fresh, secrets));
        return { rows, sequences, ...(sound !== undefined && { sound }), note: `${rows} rows${sound ? "; the check holds" : ""}` };
      });
    }
    const retained = withGeneration(
      (own.activation?.retained ?? []).filter((one) => one !== generation),
      generation - 1,
    );
    const config = { generation: String(generation), retained, adopt: place.resourceId, protectedBy: before["protectedBy"] };
    takeover = new Takeover(env, incident, decision, fresh, secrets, true, 0, true, config);
    const moved = takeover;
    if (opened) await moved.arm();
    else {
      await incident.step("prepare", `Arm ${site}'s update`, async () => {
        await moved.arm();
        return undefined;
      });
      snapshot = await openSession(databaseOf(fresh, secrets));
    }
    signal.throwIfAborted();
    const restoredMs = incident.clock();
    const seen = snapshot && (await exported(snapshot));
    // The damaged one stays paused: a guard of the epoch that ends still looks at it, and would take a fence of a later epoch
    // for a takeover by another site.
    await incident.step("open", "Open it for writes", () => moved.open());
    await moved.serve(request.verifyTimeoutMs);
    await incident.step("list", "List what was written after that moment", async () => {
      const { file, ...found } = await listDiverged(incident, databaseOf(old, secrets), databaseOf(fresh, secrets), {
        rightSnapshot: seen,
        onTable: ({ table }) => {
          incident.list.note("list", table);
        },
      });
      return { rows: found.rows, file, note: found.rows === 0 ? "nothing" : `${found.rows} rows, in ${file}` };
    });
    await incident.step("data", "Other tiers; point the data stack at the new database; fence the damaged one", async () => {
      await moved.data(true);
      const mark = { ...subjectOf(env), site, epoch, by: markedBy(incident), reason: `restored to ${point}` };
      await asAdmin(databaseOf(old, secrets), (client) => fenceWrites(client, mark));
      await workspace.configure(site, { adopt: undefined });
      await updateStack(env, incident, site);
      return undefined;
    });
    const measured = await moved.report(decidedMs, restoredMs);
    const { rows, file } = incident.detailOf("list") as { rows: number; file: string };
    const pause = incident.period("pause", "open");
    return { kind: "restore", site, epoch, generation, point, ...(pause && { pause }), dropped: { rows, file }, ...measured };
  } catch (error) {
    await takeover?.abandon("stopped");
    if (incident.begun("open") || !retreatFrom("restore", incident.state) || signal.aborted) throw error;
    await giveUpRestore(env, incident, decision, (error as Error).message);
    if (error instanceof Refused) throw error;
    const other =
      error instanceof Stopped
        ? error.next
        : error instanceof RestoreFailed
          ? await alternatives(restores, decision, point)
          : "mend the cause and start again";
    throw new GivenUp(
      `the restore to ${point} was given up: ${error instanceof Stopped ? error.problem : (error as Error).message}`,
      `${site} takes writes as before, with the damage; ${other}`,
      { cause: error },
    );
  } finally {
    signal.removeEventListener("abort", interrupted);
    snapshot?.end();
  }
}

/** What it takes to look for a moment. */
interface Means {
  restores: Restores;
  signal: AbortSignal;
  list: StepList;
}

async function assess(
  env: Environment,
  facts: SiteFacts[],
  own: SiteFacts,
  secrets: Record<string, string>,
  request: RestoreRequest,
  { restores, signal, list }: Means,
): Promise<{ decision: Decision; looks?: number }> {
  const { topology, workspace, names } = env;
  const { site, check } = request;
  const current = latestActivation(topology, facts);
  if (current.activeSite !== site) {
    throw new Refused(
      `${site} is not the active site; ${current.activeSite} is, since epoch ${current.epoch}`,
      `--site ${current.activeSite}`,
    );
  }
  const { database } = own;
  const state = await databaseState(own, secrets);
  if (!database || state.kind !== "primary") {
    const why = state.kind === "unreachable" ? `does not answer: ${state.reason}` : "is a replica";
    throw new Refused(
      `${site}'s database ${why}; nobody could stop what is written to it`,
      "bring it back; if the site is lost: changeover failover",
    );
  }
  const window = await restores.window(database.identifier);
  if (!window) throw new Refused(`RDS has no complete backup of ${database.identifier} yet`, "changeover failover, if a standby is sound");
  const address = databaseOf(own, secrets);
  const sound = check === undefined ? undefined : await holds(address, check);
  let { point } = request;
  let looks: number | undefined;
  if (point === undefined) {
    if (check === undefined || sound !== false) {
      throw new BadInput([
        { path: "--check", value: check, message: "a query that does not hold in the database as it is, and did before" },
      ]);
    }
    const found = await lastSound(restores, {
      damaged: { identifier: database.identifier, address },
      check,
      window,
      since: request.since === undefined ? undefined : new Date(request.since),
      restoreTimeoutMs: request.restoreTimeoutMs,
      signal,
      onNote: (note) => {
        list.note("assess", note);
      },
    });
    point = found.at.toISOString();
    ({ looks } = found);
  } else if (sound === true) list.warn("the check holds in the database as it is: is it the one that finds the damage?");
  const at = new Date(point);
  if (at < window.earliest || at.getTime() > Date.now()) {
    throw new BadInput([
      {
        path: "--to",
        value: point,
        message: `a moment from ${window.earliest.toISOString()} on, which RDS keeps of ${database.identifier} (up to ${window.latest.toISOString()} so far)`,
      },
    ]);
  }
  // What is younger it has a few minutes later.
  await restores.reaches(database.identifier, at, {
    timeoutMs: request.restoreTimeoutMs,
    signal,
    onState: (state) => {
      list.note("assess", state);
    },
  });
  const settings = await workspace.settings(site);
  const generation = (own.activation?.generation ?? 1) + 1;
  const keys = ["activeSite", "epoch", "generation", "retained", "adopt", "protectedBy", "capacity", "confirmedUntil"];
  const decision = {
    from: site,
    to: site,
    epoch: current.epoch + 1,
    fromEpoch: current.epoch,
    before: pick(settings, keys),
    point,
    generation,
    identifier: names.site(site).database(generation),
    damaged: database,
  };
  return { decision, ...(looks !== undefined && { looks }) };
}

/** The database as it is before anybody writes to it, for as long as the session lasts. */
async function exported(session: Session): Promise<string | undefined> {
  await session.rows("keeping a snapshot", "begin isolation level repeatable read, read only");
  const [row] = await session.rows<{ snapshot: string }>("keeping a snapshot", "select pg_export_snapshot() as snapshot");
  return row?.snapshot;
}

/** What else there is to go back to, newest first; RDS has not been asked to do it. */
async function alternatives(restores: Restores, { damaged }: Decision, point: string): Promise<string> {
  const [window, snapshots] = await Promise.all([restores.window(damaged.identifier), restores.snapshots(damaged.identifier)]).catch(
    () => [undefined, []] as const,
  );
  const before = snapshots.filter(({ at }) => at.getTime() < Date.parse(point)).slice(0, 3);
  return [
    window ? `other moments: ${window.earliest.toISOString()} to ${window.latest.toISOString()}` : "RDS names no other moment",
    before.length > 0
      ? `snapshots before it: ${before.map(({ id, at }) => `${id} of ${at.toISOString()}`).join(", ")}`
      : "no snapshot before it",
  ].join("; ");
}

/** Back to where it was: the restored database goes, writes open in the damaged one. */
export async function giveUpRestore(env: Environment, incident: Incident, decision: MoveDecision, reason: string): Promise<void> {
  const { to: site, fromEpoch, before, damaged, identifier } = decision as Decision;
  await incident.record({ event: "retreat", detail: { reason, state: incident.state } });
  const own = factsOf(await siteFacts(env), site);
  if (incident.begun("pause")) {
    incident.list.start("reopen", `Open writes at ${site} again`);
    await reopenWrites(env, incident, { ...own, database: damaged }, await env.workspace.secrets(site), fromEpoch);
    incident.list.done("reopen");
  }
  if (incident.begun("prepare")) await env.workspace.configure(site, before);
  const restores = new Restores(env.topology.sites[site]?.region ?? "");
  try {
    if (incident.begun("restore")) await restores.remove(identifier);
  } finally {
    restores.close();
  }
}
