import type { FailoverReport } from "../../automation/failover";
import type { Topology } from "../../topology/schema";

/** `drill.json`: one drill, measured. Times in milliseconds. */
export interface DrillResult {
  scenario: string;
  startedAt: string;
  host: { cpus: number; node: string };
  /** How the provider plugins got here: `official` or `stand-in`. */
  plugins: Record<string, string>;
  /** What the lab plays faster than AWS. */
  lab: { healthIntervalMs: number; ttlMs: number };
  changeovers: Changeover[];
  tiers: TierResult[];
  objectives: Objective[];
  writers: { acknowledged: number; lost: number; duplicated: number };
  left: { processes: number; locks: number; pendingOperations: number };
}

export interface Changeover {
  kind: "failover";
  from: string;
  to: string;
  epoch: number;
  segmentsMs: Segments;
  /** Outage to the write read back. */
  rtoMs: number;
  rpo: { acknowledged: number; lost: number; duplicated: number; oldestLostAgeMs: number };
  /** Last acknowledged write before the outage to the first one after, over all services. */
  clientDowntimeMs: number;
  callsToLostRegion: number;
  /** The command's own time: start to the write read back. */
  commandMs: number;
}

export type Segments = Record<"detect" | "decide" | "fence" | "promote" | "services" | "traffic" | "verify", number>;

export interface TierResult {
  tier: number;
  /** Outage to the first acknowledged write of every service of the tier; `null` where one never came back. */
  readyMs: number | null;
  budgetMs: number;
  met: boolean;
}

export interface Objective {
  name: string;
  targetMs: number;
  measuredMs: number | null;
  met: boolean;
}

/** Moments of a failover under drill, in milliseconds of the wall clock. */
export interface Moments {
  outageAt: number;
  /** When the health checks had the lost site out of DNS. */
  detectedAt: number;
  report: FailoverReport;
}

/** Cuts the time from outage to verified write into segments that add up to it. */
export function segmentsOf({ outageAt, detectedAt, report }: Moments): Segments {
  const { decide, ...rest } = report.segmentsMs;
  return { detect: detectedAt - outageAt, decide: report.startedAt + decide - detectedAt, ...rest };
}

export function rtoOf(moments: Moments): number {
  return moments.report.startedAt + moments.report.recoveredMs - moments.outageAt;
}

/** The runbook's budget for each segment: its schedule's phase, which segments of one phase share. */
export function segmentBudgets({ phases }: Topology): { phase: string; budgetMs: number; segments: (keyof Segments)[] }[] {
  const span = ({ from, to }: { from: number; to: number }): number => to - from;
  return [
    { phase: "assessment", budgetMs: span(phases.assessment), segments: ["detect", "decide"] },
    { phase: "failover", budgetMs: span(phases.failover), segments: ["fence", "promote", "services", "traffic"] },
    { phase: "validation", budgetMs: span(phases.validation), segments: ["verify"] },
  ];
}

/** What each phase of the runbook took, beside its budget. */
export function phaseTimes(topology: Topology, segmentsMs: Segments) {
  return segmentBudgets(topology).map((phase) => ({ ...phase, tookMs: phase.segments.reduce((sum, name) => sum + segmentsMs[name], 0) }));
}

/** RTO and RPO of a regional outage, held against what was measured. */
export function objectivesOf(topology: Topology, rtoMs: number, oldestLostAgeMs: number): Objective[] {
  const { rto, rpo } = topology.disasters["regional-outage"];
  return [
    { name: "regional-outage RTO", targetMs: rto, measuredMs: rtoMs, met: rtoMs <= rto },
    { name: "regional-outage RPO", targetMs: rpo, measuredMs: oldestLostAgeMs, met: oldestLostAgeMs <= rpo },
  ];
}

/** Whether everything that the drill set out to hold was held. */
export function metAll({ tiers, objectives }: Pick<DrillResult, "tiers" | "objectives">): boolean {
  return [...tiers, ...objectives].every(({ met }) => met);
}
