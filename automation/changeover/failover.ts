import type { SiteName } from "../../topology/schema";
import { BadInput } from "../../topology/errors";
import { Refused, Stopped } from "../errors";
import { databaseState, factsOf, followsLeftDatabase, latestActivation, roleIn, siteFacts, type Environment } from "../facts";
import { failoverGuards, objectionTo } from "../guards";
import { onInterrupt } from "../interrupts";
import { waitForReplay, type DatabaseState } from "../probes/database";
import { fenceSite } from "./fence";
import type { Incident } from "./incident";
import { settleOwn } from "./locks";
import { Takeover, decisionOf, type Decision } from "./move";
import type { MoveReport, RunReport } from "./report";
import { databaseOf, markedBy, warmSitesBut } from "./sites";
import { turnOn } from "./takeover-switch";

export interface FailoverRequest {
  to: SiteName;
  /** Sites to which not one call goes. */
  unreachable: SiteName[];
  epoch?: number | undefined;
  /** ISO 8601. */
  outageSince?: string | undefined;
  acceptLoss?: string | undefined;
  /** The operator's reason to go on although nobody knows that the old site takes no writes. */
  acceptUnfenced?: string | undefined;
  /** A changeover of another machine, by name, that this one takes over from. */
  supersedes?: string | undefined;
  /** How long the write through the public name may take after the promotion, in milliseconds. */
  verifyTimeoutMs: number;
}

/** What came of fencing the old site. */
interface Fenced {
  fenced: NonNullable<MoveReport["fenced"]>;
  /** Whether all that it ever acknowledged has arrived, as far as that is known. */
  arrived: boolean;
}

/** Asked once every guard has said yes, before anything changes. */
export type Confirm = (question: string) => Promise<boolean>;

/**
 * For this long the target's guards need not reach the lost site to go on after a restart: that it is lost is what the
 * operator just said. A re-protection ends it.
 */
export const CONFIRMED_MS = 24 * 3_600_000;
/** How long a replica may take to replay what a fenced site still sent it, in milliseconds. */
const DRAIN_MS = 5_000;

/**
 * An unplanned move: fences the old site by what still answers, promotes the target, brings the tiers up in order, turns
 * its takeover switch on and verifies by a write through the public name. Also back to the site that a changeover which was left midway
 * was leaving: there the database is a primary already.
 * @param onApproved called once it is certain that this one goes ahead
 * @throws BadInput, Refused before anything changed
 */
export async function failover(
  env: Environment,
  request: FailoverRequest,
  incident: Incident,
  confirm: Confirm,
  onApproved: () => Promise<void>,
): Promise<Omit<MoveReport, keyof RunReport>> {
  const { topology, workspace } = env;
  const { to } = request;
  checkSites(env, request);
  if (incident.begun("promote")) await settleOwn(env, incident, to);

  const [facts, secrets, settings] = await Promise.all([siteFacts(env), workspace.secrets(to), workspace.settings(to)]);
  const target = factsOf(facts, to);
  const database = await databaseState(target, secrets);

  let decision = decisionOf(incident);
  if (!decision) {
    await incident.step(
      "assess",
      "Assess the target",
      async () => {
        decision = decide();
        return { decision, unreachable: request.unreachable, database, note: `${to} can take over from ${decision.from}` };
      },
      span(topology.phases.assessment),
    );
  }
  if (!decision) throw new Error("nothing was decided");
  const { from, epoch } = decision;
  const lost = request.unreachable.includes(from);

  if (!incident.has("approve")) {
    await incident.step("approve", "Approval", async () => {
      if (!(await confirm(question(decision as Decision))))
        throw new Refused("the operator said no", "run the command again and agree, or give --yes");
      const { acceptLoss = null, acceptUnfenced = null, unreachable } = request;
      return { acceptLoss, acceptUnfenced, unreachable };
    });
  }
  await onApproved();
  const decidedMs = incident.clock();

  const takeover = new Takeover(env, incident, decision, target, secrets, database.kind === "primary", lost ? CONFIRMED_MS : 0, false);
  const stop = (): void => void takeover.abandon("interrupted");
  const letGo = onInterrupt(stop);
  try {
    await incident.step("prepare", `${lost ? "Start" : "Arm"} ${to}'s update`, async () => {
      // Nothing is taken from a site that may live for a move that cannot begin. One that is lost has nothing to take, and
      // neither its guard nor the database waits for the engine; unless somebody else may hold the stack.
      await (lost && !workspace.mayBeLocked(to) ? takeover.start() : takeover.arm());
      return undefined;
    });
    await incident.step("fence", `Fence ${from}`, async () => {
      const { fenced, ...found } = await fence(decision as Decision);
      // An earlier run may have seen it; once promoted, the target cannot tell any more.
      const arrived = found.arrived || incident.detailOf("fence")?.["arrived"] === true;
      // Where the old site's guard still looks, it sees that another one took over, before anything is promoted.
      await incident.record({ event: "switched", step: "fence", detail: { requestId: await turnOn(env, { activeSite: to, epoch }) } });
      return { fenced, arrived, note: fenced.known ? fenced.by : `not known to be fenced; accepted: ${fenced.reason}` };
    });
    const fencedMs = incident.clock();
    await incident.step("promote", "Promote the database", () => takeover.promote(), span(topology.phases.failover));
    await incident.step("open", "Open it for writes", () => takeover.open());
    await takeover.serve(request.verifyTimeoutMs);
    await incident.step("data", "Other tiers; point the data stack at the new database", async () => {
      await takeover.data();
      return undefined;
    });
    const { fenced, arrived } = incident.detailOf("fence") as unknown as Fenced;
    const assessed = incident.detailOf("assess")?.["database"] as DatabaseState | undefined;
    const lastReplayAt = arrived || !assessed ? undefined : lastReplayOf(assessed);
    return {
      kind: "failover",
      from,
      to,
      epoch,
      ...(await takeover.report(decidedMs, fencedMs)),
      fenced,
      ...(lastReplayAt !== undefined && { lastReplayAt }),
    };
  } catch (error) {
    await takeover.abandon("stopped");
    if (error instanceof Refused && !incident.mayBind) await workspace.configure(to, decision.before);
    throw error;
  } finally {
    letGo();
  }

  function decide(): Decision {
    const current = latestActivation(topology, facts);
    const continues = settings["activeSite"] === to && Number(settings["epoch"]) > current.epoch;
    const before = incident.opening.supersedes;
    // What may have been promoted elsewhere has that one's epoch; one that can still be given up leaves none behind.
    const begun = before?.promoting ? (before.epoch ?? 0) : 0;
    const reached = Math.max(current.epoch, before?.move?.to === to ? begun - 1 : begun);
    const next = request.epoch ?? (continues ? Number(settings["epoch"]) : reached + 1);
    const returns = before?.promoting && before.move?.from === to ? { from: before.move.to, opened: before.opened === true } : undefined;
    const left = returns?.from ?? current.activeSite;
    const objection = objectionTo(failoverGuards, {
      to,
      toRole: roleIn(topology, target, current),
      current,
      epoch: next,
      continues,
      returns,
      reached,
      unreachable: request.unreachable,
      otherWarm: warmSitesBut(env, to, current.activeSite),
      database,
      followsLeft: followsLeftDatabase(facts, target, current),
      rpoMs: topology.disasters["regional-outage"].rpo,
      outageSince: request.outageSince === undefined ? undefined : new Date(request.outageSince),
      acceptLoss: request.acceptLoss,
    });
    if (objection) throw new Refused(objection.reason, objection.satisfy);
    if (request.unreachable.includes(left) && request.acceptUnfenced === undefined) {
      throw new Refused(
        `no call goes to ${left}, so nobody knows whether it still takes writes; what it takes from now on, ${to} will never see`,
        `--accept-unfenced "reason", which goes into the journal; or leave --unreachable out: what still answers there is then fenced`,
      );
    }
    const config = {
      activeSite: current.activeSite,
      epoch: String(current.epoch),
      ...pick(settings, ["activeSite", "epoch", "protectedBy", "capacity", "confirmedUntil"]),
    };
    return { from: left, to, epoch: next, fromEpoch: current.epoch, before: config };
  }

  function question({ from: left, epoch: next }: Decision): string {
    const how =
      request.unreachable.length > 0 ? `without a call to ${request.unreachable.join(", ")}` : `fencing ${left} by what answers there`;
    const unfenced = request.acceptUnfenced === undefined ? "" : `; accepted that ${left} may still take writes: ${request.acceptUnfenced}`;
    const loss = request.acceptLoss === undefined ? "" : `; loss beyond the RPO accepted: ${request.acceptLoss}`;
    const streams = database.kind === "replica" && database.streaming;
    const last = streams ? undefined : lastReplayOf(database);
    const has = last === undefined ? "" : `; ${to}'s newest transaction is of ${last}`;
    return `Fail over from ${left} to ${to}, epoch ${next}, ${how}${has}${unfenced}${loss}?`;
  }

  async function fence({ from: left, epoch: next }: Decision): Promise<Fenced> {
    if (lost) return { fenced: { known: false, reason: request.acceptUnfenced ?? "" }, arrived: false };
    const old = factsOf(facts, left);
    const mark = { epoch: next, by: markedBy(incident), reason: `failover to ${to}` };
    const { known, touched, tried, lsn } = await fenceSite(env, old, await workspace.secrets(left), mark);
    await incident.record({ event: "fencing", step: "fence", detail: { site: left, known, tried, lsn: lsn ?? null } });
    if (!known && request.acceptUnfenced === undefined) {
      const problem = `${left} could not be fenced, and may still take writes that ${to} will never see: ${tried.join("; ")}`;
      const satisfy = '--accept-unfenced "reason", which goes into the journal';
      throw touched ? new Stopped(problem, `the same command with ${satisfy}`) : new Refused(problem, satisfy);
    }
    let arrived = false;
    // It lives and takes no writes: what it had acknowledged can still arrive.
    if (lsn !== undefined && database.kind === "replica") {
      const detail = await waitForReplay(databaseOf(target, secrets), lsn, { timeoutMs: DRAIN_MS }).then(
        (found) => ({ ...found }),
        (error: unknown) => ({ lost: (error as Error).message }),
      );
      arrived = !("lost" in detail);
      await incident.record({ event: "drained", step: "fence", detail });
    }
    return { fenced: known ? { known, by: tried.join("; ") } : { known, reason: request.acceptUnfenced ?? "" }, arrived };
  }
}

/** Of a replica, as it was probed or as the journal has that: commit time of its newest transaction, ISO 8601. */
function lastReplayOf(database: DatabaseState): string | undefined {
  const at = database.kind === "replica" ? database.lastReplayAt : undefined;
  return at && new Date(at).toISOString();
}

function checkSites({ topology }: Environment, { to, unreachable }: FailoverRequest): void {
  for (const [path, site] of [["--to", to], ...unreachable.map((name) => ["--unreachable", name])] as [string, SiteName][]) {
    if (topology.sites[site]) continue;
    throw new BadInput([{ path, value: site, message: `a site of the topology: ${Object.keys(topology.sites).join(", ")}` }]);
  }
}

export function pick(from: Record<string, string>, keys: string[]): Record<string, string | undefined> {
  return Object.fromEntries(keys.map((key) => [key, from[key]]));
}

export function span({ from, to }: { from: number; to: number }): number {
  return to - from;
}
