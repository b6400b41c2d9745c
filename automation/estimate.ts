import { DAY, formatDuration } from "../topology/duration";
import { estimates, type Estimate } from "../topology/estimate";
import { FIGURES, type FigureName } from "../topology/estimate/figures";
import type { DisasterName, Topology } from "../topology/schema";
import { EXIT } from "./errors";
import type { Found } from "./evidence";
import type { Measured } from "./measured";
import { paint, table } from "./output";

/** The runbook drills every quarter. */
export const EVIDENCE_DAYS = 90;

/** One disaster: what is predicted, what was asked for, what was last measured. */
export interface Assessed extends Estimate {
  /** By the estimate; `null` where there is none. */
  met: { rto: boolean; rpo: boolean } | null;
  /** The newest; `null`: none. */
  measured: (Measured & { ageMs: number; rtoRatio: number | null; rpoRatio: number | null }) | null;
  /** `none`, or `old` where the newest is older than `EVIDENCE_DAYS`. */
  evidence: "none" | "old" | "recent";
}

export interface EstimateReport {
  environment: string;
  /** ISO 8601. */
  at: string;
  disasters: Assessed[];
  /** Evidence that counts for nothing. */
  broken: Found["broken"];
}

/**
 * Holds the estimates against the objectives and against what was measured. Pure.
 * @param now wall clock, milliseconds @param only this disaster @default all
 */
export function assessEstimates(
  topology: Topology,
  environment: string,
  evidence: { measured: readonly Measured[]; broken: Found["broken"] },
  now: number,
  only?: DisasterName,
): EstimateReport {
  return {
    environment,
    at: new Date(now).toISOString(),
    disasters: estimates(topology)
      .filter(({ disaster }) => only === undefined || disaster === only)
      .map((estimate) => assess(estimate, evidence.measured, now)),
    broken: evidence.broken,
  };
}

function assess(estimate: Estimate, all: readonly Measured[], now: number): Assessed {
  const { predicted, objective, disaster } = estimate;
  // What a clock of the future wrote is not evidence for ever.
  const newest = all
    .filter((one) => one.disaster === disaster && Date.parse(one.at) <= now)
    .reduce<Measured | undefined>((latest, one) => (latest && Date.parse(latest.at) >= Date.parse(one.at) ? latest : one), undefined);
  const ageMs = newest ? now - Date.parse(newest.at) : 0;
  return {
    ...estimate,
    met: predicted && { rto: predicted.rtoMs <= objective.rtoMs, rpo: predicted.rpoMs <= objective.rpoMs },
    measured: newest
      ? { ...newest, ageMs, rtoRatio: ratio(newest.rtoMs, predicted?.rtoMs), rpoRatio: ratio(newest.rpoMs, predicted?.rpoMs) }
      : null,
    evidence: newest === undefined ? "none" : ageMs > EVIDENCE_DAYS * DAY ? "old" : "recent",
  };
}

function ratio(measured: number | null, predicted: number | undefined): number | null {
  return measured === null || !predicted ? null : measured / predicted;
}

/** 5 where the estimate misses an objective, or, if it is required, where there is no evidence of late. */
export function exitCodeOf({ disasters }: EstimateReport, requireEvidence: boolean): number {
  const missed = disasters.some(({ met }) => met !== null && !(met.rto && met.rpo));
  const unproven = requireEvidence && disasters.some(({ evidence }) => evidence !== "recent");
  return missed || unproven ? EXIT.objectiveMissed : EXIT.done;
}

/** The report as a person reads it. */
export function describeEstimates({ disasters, broken }: EstimateReport): string {
  const sources: FigureName[] = [];
  return [
    "predicted on AWS, from the topology and the figures at the end; nothing was asked of any site",
    ...disasters.map((one) => describeOne(one, sources)),
    ...(sources.length > 0 ? [describeSources(sources)] : []),
    ...broken.map(({ file, why }) => paint.yellow(`not counted: ${file}: ${why}`)),
  ].join("\n\n");
}

/** @param sources those named so far, in the order of their numbers; grows */
function describeOne(one: Assessed, sources: FigureName[]): string {
  const { disaster, title, site, predicted, why, met, objective } = one;
  const heading = `${paint.bold(disaster)}: ${title}${site === undefined ? "" : `, recovered at ${site}`}`;
  if (!predicted || !met) return [heading, paint.yellow(`no estimate: ${why ?? ""}`), evidenceLine(one)].join("\n");
  const cited = (figures: readonly FigureName[]): string =>
    figures
      .map((figure) => {
        if (!sources.includes(figure)) sources.push(figure);
        return `[${sources.indexOf(figure) + 1}]`;
      })
      .join("");
  return [
    heading,
    table(
      ["SEGMENT", "TAKES", "ENDS AT", "FROM", "SOURCE"],
      predicted.segments.map(({ name, ms, endsMs, critical, later, from, figures }) => {
        const cells = [name, formatDuration(ms), formatDuration(endsMs), from + (critical ? "" : later ? "; afterwards" : "; beside")];
        return [...cells.map((cell) => (critical ? cell : paint.dim(cell))), cited(figures)];
      }),
    ),
    table(
      ["MAY BE LOST", "OLD", "FROM", "SOURCE"],
      predicted.losses.map(({ name, ms, from, figures }) => [name, formatDuration(ms), from, cited(figures)]),
    ),
    `RTO ${against(predicted.rtoMs, objective.rtoMs)}; RPO ${against(predicted.rpoMs, objective.rpoMs)}`,
    evidenceLine(one),
  ].join("\n");
}

function against(ms: number, objectiveMs: number): string {
  const by = formatDuration(Math.abs(objectiveMs - ms));
  const verdict = ms > objectiveMs ? paint.red(`missed by ${by}`) : paint.green(ms === objectiveMs ? "just met" : `met, ${by} to spare`);
  return `${formatDuration(ms)} of ${formatDuration(objectiveMs)}: ${verdict}`;
}

function evidenceLine({ measured, evidence }: Assessed): string {
  if (!measured) return paint.yellow("EVIDENCE: none; no drill or failover has measured it");
  const { kind, name, where, at, ageMs, rtoMs, rpoMs, rtoRatio, rpoRatio } = measured;
  const share = (of: number | null): string => (of === null ? "" : ` (${percent(of)} of the estimate)`);
  const rto = rtoMs === null ? "the service did not come back" : `RTO ${formatDuration(rtoMs)}${share(rtoRatio)}`;
  const rpo = rpoMs === null ? "RPO not measured" : `RPO ${formatDuration(rpoMs)}${share(rpoRatio)}`;
  const place = where === "lab" ? "in the lab, which is faster than AWS" : `in ${where}`;
  const line = `last measured: ${kind} ${name} ${place}, ${at.slice(0, 10)}: ${rto}, ${rpo}`;
  if (evidence === "recent") return line;
  const days = Math.floor(ageMs / DAY);
  return `${line}\n${paint.yellow(`EVIDENCE: ${days} days old, more than ${EVIDENCE_DAYS}; drill it again`)}`;
}

function percent(of: number): string {
  return of < 0.01 ? "under 1%" : `${Math.round(of * 100)}%`;
}

function describeSources(sources: readonly FigureName[]): string {
  return sources
    .map((name, i) => {
      const { basis, source } = FIGURES[name];
      return `[${i + 1}] ${basis === "published" ? "" : `${basis}: `}${source}`;
    })
    .join("\n");
}
