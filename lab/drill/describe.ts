import { paint, table } from "../../automation/output";
import { formatDuration } from "../../topology/duration";
import { estimateFailover } from "../../topology/estimate";
import type { Topology } from "../../topology/schema";
import { phaseTimes, type DrillResult } from "./result";

/** The drill as a person reads it. */
export function describeDrill(drill: DrillResult, topology: Topology): string {
  const blocks = [header(drill, topology)];
  for (const changeover of drill.changeovers) {
    blocks.push(
      `${paint.bold(`${changeover.kind} ${changeover.from} → ${changeover.to}`)}, epoch ${changeover.epoch}: verified ${formatDuration(changeover.rtoMs)} after the outage, ${formatDuration(changeover.commandMs)} after the command`,
      table(
        ["PHASE OF THE RUNBOOK", "SEGMENTS", "TOOK", "BUDGET", ""],
        phaseTimes(topology, changeover.segmentsMs).map(({ phase, budgetMs, segments, tookMs }) => [
          phase,
          segments.map((name) => `${name} ${formatDuration(changeover.segmentsMs[name])}`).join(", "),
          formatDuration(tookMs),
          formatDuration(budgetMs),
          verdict(tookMs <= budgetMs),
        ]),
      ),
    );
  }
  blocks.push(
    table(
      ["TIER", "SERVICES", "BACK AFTER", "LARGEST DOWNTIME", ""],
      drill.tiers.map(({ tier, readyMs, budgetMs, met }) => [
        String(tier),
        Object.keys(topology.tiers[tier]?.services ?? {}).join(", "),
        readyMs === null ? "never" : formatDuration(readyMs),
        formatDuration(budgetMs),
        verdict(met),
      ]),
    ),
    table(
      ["OBJECTIVE", "MEASURED", "TARGET", ""],
      drill.objectives.map(({ name, measuredMs, targetMs, met }) => [
        name,
        measuredMs === null ? "-" : formatDuration(measuredMs),
        formatDuration(targetMs),
        verdict(met),
      ]),
    ),
    writers(drill),
  );
  return blocks.join("\n\n");
}

function header(drill: DrillResult, topology: Topology): string {
  const aws = estimateFailover(topology);
  const plugins = Object.entries(drill.plugins).map(([name, origin]) => `${name} ${origin}`);
  return [
    `provider plugins: ${plugins.join(", ")}`,
    `the lab plays health checks every ${formatDuration(drill.lab.healthIntervalMs)} and records that live ${formatDuration(drill.lab.ttlMs)}; on AWS the same configuration gives`,
    `${formatDuration(topology.traffic.healthInterval)} × ${topology.traffic.healthFailures} + ${formatDuration(topology.traffic.ttl)} TTL, a promotion of minutes, and about ${formatDuration(aws.rtoMs)} in all (docs/figures.md)`,
  ].join("\n");
}

function writers({ writers: { acknowledged, lost, duplicated }, changeovers, left }: DrillResult): string {
  const rpo = changeovers[0]?.rpo;
  const age = rpo && rpo.lost > 0 ? `, the oldest ${formatDuration(rpo.oldestLostAgeMs)} before the outage` : "";
  const calls = changeovers.reduce((sum, { callsToLostRegion }) => sum + callsToLostRegion, 0);
  return [
    `writes acknowledged ${acknowledged}, lost ${lost}${age}, duplicated ${duplicated}`,
    `calls to the lost region after the outage: ${calls}`,
    `left behind: ${left.processes} processes, ${left.locks} locks, ${left.pendingOperations} pending operations`,
  ].join("\n");
}

function verdict(met: boolean): string {
  return met ? paint.green("met") : paint.red("missed");
}
