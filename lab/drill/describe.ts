import { paint, table } from "../../automation/output";
import { formatDuration } from "../../topology/duration";
import { estimateFailover } from "../../topology/estimate";
import type { Topology } from "../../topology/schema";
import { phaseTimes, type Changeover, type DrillResult, type Segments } from "./result";
import { headline, leftText, oldSiteText, reprotectionText, summary, values, writersText } from "./words";

/** The drill as a person reads it. */
export function describeDrill(drill: DrillResult, topology: Topology): string {
  const { changeovers, reprotections, oldSite } = drill;
  const notes = [...reprotections.map(reprotectionText), ...(oldSite ? [oldSiteText(oldSite)] : [])];
  return [
    header(drill, topology),
    ...changeovers.map((changeover) => `${paint.bold(headline(changeover))}: ${summary(changeover)}\n\n${times(changeover, topology)}`),
    ...(notes.length > 0 ? [notes.join("\n")] : []),
    table(
      ["TIER", "SERVICES", "AWAY FOR AT MOST", "LARGEST DOWNTIME", ""],
      drill.tiers.map(({ tier, readyMs, budgetMs, met }) => [
        String(tier),
        Object.keys(topology.tiers[tier]?.services ?? {}).join(", "),
        readyMs === null ? "never back" : formatDuration(readyMs),
        formatDuration(budgetMs),
        verdict(met),
      ]),
    ),
    table(
      ["OBJECTIVE", "MEASURED", "TARGET", ""],
      drill.objectives.map((objective) => {
        const { measured, target } = values(objective);
        return [objective.name, measured, target, verdict(objective.met)];
      }),
    ),
    `${writersText(drill)}\n${leftText(drill)}`,
  ].join("\n\n");
}

/** A recovery by the runbook's phases; a planned move, which no schedule waits for, by its segments. */
function times({ disaster, segmentsMs }: Changeover, topology: Topology): string {
  if (disaster === undefined) {
    const segments = (Object.entries(segmentsMs) as [keyof Segments, number][]).filter(([name]) => name !== "detect");
    return table(
      segments.map(([name]) => name.toUpperCase()),
      [segments.map(([, ms]) => formatDuration(ms))],
    );
  }
  return table(
    ["PHASE OF THE RUNBOOK", "SEGMENTS", "TOOK", "BUDGET", ""],
    phaseTimes(topology, disaster, segmentsMs).map(({ phase, budgetMs, segments, tookMs }) => [
      phase,
      segments.map((name) => `${name} ${formatDuration(segmentsMs[name])}`).join(", "),
      formatDuration(tookMs),
      formatDuration(budgetMs),
      verdict(tookMs <= budgetMs),
    ]),
  );
}

function header(drill: DrillResult, topology: Topology): string {
  const aws = estimateFailover(topology);
  const plugins = Object.entries(drill.plugins).map(([name, origin]) => `${name} ${origin}`);
  return [
    `provider plugins: ${plugins.join(", ")}`,
    `the lab plays health checks every ${formatDuration(drill.lab.healthIntervalMs)} and records that live ${formatDuration(drill.lab.ttlMs)}; on AWS the same configuration gives`,
    `${formatDuration(topology.traffic.healthInterval)} × ${topology.traffic.healthFailures} + ${formatDuration(topology.traffic.ttl)} TTL, a promotion of minutes, and about ${formatDuration(aws.rtoMs)} from the decision on (changeover estimate)`,
  ].join("\n");
}

function verdict(met: boolean): string {
  return met ? paint.green("met") : paint.red("missed");
}
