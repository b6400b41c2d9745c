import type { MoveReport, ReportSegments, ReprotectReport } from "../../automation/changeover/report";
import type { DisasterName, SiteName, Topology } from "../../topology/schema";
import { phasesOf } from "../../topology/phases";
import type { Move, MoveAccount } from "../clients/account";

/** `drill.json`: one drill, measured. Times in milliseconds. */
export interface DrillResult {
  scenario: string;
  startedAt: string;
  host: { cpus: number; node: string };
  /** How the provider plugins got here: `official` or `stand-in`. */
  plugins: Record<string, string>;
  /** What the lab plays faster than AWS. */
  lab: { healthIntervalMs: number; ttlMs: number };
  /** In the order in which they happened. */
  changeovers: Changeover[];
  reprotections: Reprotection[];
  /** Writes sent straight to the site that came back, past DNS, from before its return until it was protected again. */
  oldSite?: OldSite;
  tiers: TierResult[];
  objectives: Objective[];
  /** Over the whole drill. */
  writers: { acknowledged: number; lost: number; duplicated: number };
  left: { processes: number; locks: number; pendingOperations: number };
}

export interface Changeover {
  kind: "failover" | "switchover" | "failback" | "restore" | "activation";
  /** What it recovered from; left out for a planned move. */
  disaster?: DisasterName;
  /** Of a restore the site itself, as `to`: from its damaged database to the restored one. */
  from: SiteName;
  to: SiteName;
  epoch: number;
  /** They add up to `rtoMs`. */
  segmentsMs: Segments;
  /** Outage to the write read back; of a planned move: from the command. */
  rtoMs: number;
  /**
   * Of what the epoch that ended had acknowledged. The age is that at the outage, or at the pause; of a restore the time from
   * its moment to the pause, whose writes the restored database lacked when it was opened.
   */
  rpo: { acknowledged: number; lost: number; duplicated: number; oldestLostAgeMs: number };
  /** Of a restore. */
  restored?: Restored;
  /** The longest time without an acknowledged write, over all services together. */
  clientDowntimeMs: number;
  /** The same for the service that waited longest. */
  longestServicePauseMs: number;
  /** When that began, from the start of the command: it may have been in what came after the move. */
  longestServicePauseFromMs: number;
  /** Of a planned move: from the pause at the site that is left to the opening of the target, by the driver's clock. */
  pauseMs?: number;
  callsToLostRegion: number;
  /** The command's own time: start to the write read back. */
  commandMs: number;
}

export type Segments = Record<"detect" | keyof ReportSegments, number>;

export interface Restored {
  /** The moment, ISO 8601. */
  point: string;
  /** Rows of the damaged database that the restored one had not, or had otherwise. */
  dropped: number;
  /** Rows of those that were put in again. */
  reinstated: number;
  /** Alarms that do not watch the database which the site works with now. */
  blindAlarms: string[];
}

export interface Reprotection {
  site: SiteName;
  /** Command to a replica that streams within the RPO. */
  protectedMs: number;
  /** Rows that the old database has and the active one has not; `null` where none was left to compare. */
  diverged: number | null;
}

export interface OldSite {
  attempts: number;
  /** Acknowledged; none may be. */
  accepted: number;
  /** Attempts that something at the site answered, if only with a refusal: without any, nothing is proven. */
  answered: number;
  /** How often each answer came. */
  outcomes: Record<string, number>;
}

export interface TierResult {
  tier: number;
  /**
   * Outage to the first acknowledged write of every service of the tier; of a planned move, from the first service that
   * went to the last one back. The longest of the drill's moves; `null` where one never came back.
   */
  readyMs: number | null;
  budgetMs: number;
  met: boolean;
}

/** Held against a time, or against a number of writes. */
export type Objective = { name: string; met: boolean } & (
  { targetMs: number; measuredMs: number | null } | { target: number; measured: number }
);

/** One move under drill, as it was observed. */
export interface ObservedMove {
  kind: Changeover["kind"];
  disaster?: DisasterName;
  report: Pick<MoveReport, "from" | "to" | "epoch" | "startedAt" | "segmentsMs" | "recoveredMs" | "pause" | "journal">;
  /**
   * Of what a disaster asked for. Milliseconds of the wall clock; `detectedAt`: when the health checks had the lost site out of
   * DNS, or monitoring found the damage.
   */
  outage?: { at: number; detectedAt: number; callsToLostRegion: number };
  restored?: Restored;
}

/** A move, as the clients' account is told of it. */
export function moveOf(move: ObservedMove): Move {
  const { epoch, to, pause } = move.report;
  return { epoch, to, at: beginning(move), lastWritesAt: pause?.from };
}

/** When a move began for the clients. */
function beginning({ report, outage }: ObservedMove): number {
  return outage?.at ?? report.startedAt;
}

/** Cuts the time of a move into segments that add up to it; a planned one has nothing to detect. */
export function segmentsOf({ report, outage }: ObservedMove): Segments {
  const { decide, ...rest } = report.segmentsMs;
  if (!outage) return { detect: 0, decide, ...rest };
  return { detect: outage.detectedAt - outage.at, decide: report.startedAt + decide - outage.detectedAt, ...rest };
}

export function rtoOf(move: ObservedMove): number {
  return move.report.startedAt + move.report.recoveredMs - beginning(move);
}

/** A move and what it did to the clients. */
export function changeoverOf(move: ObservedMove, account: MoveAccount): Changeover {
  const { kind, disaster, report, outage, restored } = move;
  const { acknowledged, lost, duplicated } = account;
  const droppedMs = restored && report.pause ? report.pause.from - Date.parse(restored.point) : undefined;
  return {
    kind,
    ...(disaster !== undefined && { disaster }),
    from: report.from,
    to: report.to,
    epoch: report.epoch,
    segmentsMs: segmentsOf(move),
    rtoMs: rtoOf(move),
    rpo: { acknowledged, lost, duplicated, oldestLostAgeMs: Math.round(droppedMs ?? account.oldestLostAgeMs) },
    ...(restored && { restored }),
    clientDowntimeMs: Math.round(account.clientDowntimeMs),
    longestServicePauseMs: Math.round(account.longestServicePauseMs),
    longestServicePauseFromMs: Math.round((account.longestServicePauseAt ?? report.startedAt) - report.startedAt),
    ...(report.pause && { pauseMs: report.pause.to - report.pause.from }),
    callsToLostRegion: outage?.callsToLostRegion ?? 0,
    commandMs: report.recoveredMs,
  };
}

export function reprotectionOf({ site, protectedMs, diverged }: ReprotectReport): Reprotection {
  return { site, protectedMs, diverged: diverged?.rows ?? null };
}

/** The runbook's budget for each segment of a recovery: its schedule's phase, which segments of one phase share. */
export function segmentBudgets(
  topology: Topology,
  disaster: DisasterName,
): { phase: string; budgetMs: number; segments: (keyof Segments)[] }[] {
  const { phases } = phasesOf(topology, disaster);
  const span = ({ from, to }: { from: number; to: number }): number => to - from;
  return [
    { phase: "assessment", budgetMs: span(phases.assessment), segments: ["detect", "decide"] },
    { phase: "failover", budgetMs: span(phases.failover), segments: ["fence", "promote", "services", "traffic"] },
    { phase: "validation", budgetMs: span(phases.validation), segments: ["verify"] },
  ];
}

/** What each phase of the runbook took, beside its budget. */
export function phaseTimes(topology: Topology, disaster: DisasterName, segmentsMs: Segments) {
  return segmentBudgets(topology, disaster).map((phase) => ({
    ...phase,
    tookMs: phase.segments.reduce((sum, name) => sum + segmentsMs[name], 0),
  }));
}

/** Each tier's worst time over the moves. */
export function tierResults(topology: Topology, moves: { move: ObservedMove; account: MoveAccount }[]): TierResult[] {
  return topology.tiers.map(({ tier, maxDowntime }) => {
    const times = moves.map(({ move, account }) => {
      const downtime = account.tiers.find((other) => other.tier === tier);
      if (downtime?.firstAckAfter === undefined) return null;
      return Math.round(move.outage ? downtime.firstAckAfter - move.outage.at : downtime.downtimeMs);
    });
    const readyMs = times.reduce((worst, ms) => (worst === null || ms === null ? null : Math.max(worst, ms)), 0);
    return { tier, readyMs, budgetMs: maxDowntime, met: readyMs !== null && readyMs <= maxDowntime };
  });
}

/** The longest that clients may be without an acknowledged write in a planned move, in milliseconds. */
const WRITE_PAUSE_MS = 3_000;

/** What was measured, held against the RTO and RPO of the disaster, and against what a planned move promises. */
export function objectivesOf(
  { disasters }: Topology,
  { changeovers, oldSite, lost, elsewhere }: Pick<DrillResult, "changeovers" | "oldSite"> & { lost: number; elsewhere: number },
): Objective[] {
  const planned = changeovers.filter(({ disaster }) => disaster === undefined);
  const restores = changeovers.flatMap(({ restored }) => restored ?? []);
  // What was never copied to another site goes with the one that is lost; nothing else may.
  const lostWithSites = changeovers.reduce((sum, { kind, rpo }) => sum + (kind === "failover" || kind === "activation" ? rpo.lost : 0), 0);
  return [
    ...changeovers.flatMap(({ disaster, rtoMs, rpo: { oldestLostAgeMs } }) =>
      disaster === undefined
        ? []
        : [within(`${disaster} RTO`, disasters[disaster].rto, rtoMs), within(`${disaster} RPO`, disasters[disaster].rpo, oldestLostAgeMs)],
    ),
    ...(planned.length === 0
      ? []
      : [within("switchover write pause", WRITE_PAUSE_MS, Math.max(...planned.map(({ longestServicePauseMs }) => longestServicePauseMs)))]),
    none("lost", lost - lostWithSites),
    none("writes by two sites at once", elsewhere),
    ...(restores.length === 0
      ? []
      : [
          none(
            "alarms that watch another database",
            restores.reduce((sum, { blindAlarms }) => sum + blindAlarms.length, 0),
          ),
        ]),
    ...(oldSite ? [none("writes accepted by the site that came back", oldSite.accepted)] : []),
  ];
}

function within(name: string, targetMs: number, measuredMs: number): Objective {
  return { name, targetMs, measuredMs, met: measuredMs <= targetMs };
}

function none(name: string, measured: number): Objective {
  return { name, target: 0, measured, met: measured === 0 };
}

/** Whether everything that the drill set out to hold was held. */
export function metAll({ tiers, objectives }: Pick<DrillResult, "tiers" | "objectives">): boolean {
  return [...tiers, ...objectives].every(({ met }) => met);
}
