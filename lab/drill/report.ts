import { formatDuration } from "../../topology/duration";
import type { Topology } from "../../topology/schema";
import { metAll, phaseTimes, type Changeover, type DrillResult, type Segments } from "./result";

const COLOURS: Record<keyof Segments, string> = {
  detect: "#b5532a",
  decide: "#c98a2b",
  fence: "#8a8a3c",
  promote: "#3f7f5f",
  services: "#2f6f8f",
  traffic: "#4f5fa8",
  verify: "#7a4f9a",
};

/** The drill on one page, for those who were not there: no script, nothing loaded from elsewhere. */
export function reportPage(drill: DrillResult, topology: Topology): string {
  const met = metAll(drill);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drill: ${text(drill.scenario)}, ${text(drill.startedAt)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; background: #fff; }
  h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
  .verdict { display: inline-block; padding: .1rem .6rem; border-radius: .3rem; color: #fff; background: ${met ? "#2c7a4b" : "#b3261e"} }
  table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
  td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } .no { color: #b3261e; font-weight: 600 }
  .bar { display: flex; height: 2rem; border-radius: .3rem; overflow: hidden; margin: .5rem 0 } .bar div { min-width: 2px }
  .key span { display: inline-block; margin-right: 1rem; white-space: nowrap } .key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; border-radius: .15rem }
  .note { color: #555; font-size: .9rem }
</style>
<h1>Drill: ${text(drill.scenario)} <span class="verdict">${met ? "objectives met" : "objectives missed"}</span></h1>
<p class="note">${text(drill.startedAt)}, ${drill.host.cpus} cores, Node ${text(drill.host.node)}; provider plugins: ${Object.entries(
    drill.plugins,
  )
    .map(([name, origin]) => `${text(name)} ${origin}`)
    .join(
      ", ",
    )}. Health checks every ${formatDuration(drill.lab.healthIntervalMs)} and records that live ${formatDuration(drill.lab.ttlMs)}; AWS is slower with the same configuration.</p>
${drill.changeovers.map((changeover) => changeoverBlock(changeover, topology)).join("\n")}
<h2>Tiers</h2>
<table><tr><th>tier</th><th>services</th><th class="n">back after</th><th class="n">largest downtime</th><th></th></tr>
${drill.tiers
  .map(
    ({ tier, readyMs, budgetMs, met: ok }) =>
      `<tr><td>${tier}</td><td>${text(Object.keys(topology.tiers[tier]?.services ?? {}).join(", "))}</td><td class="n">${readyMs === null ? "never" : formatDuration(readyMs)}</td><td class="n">${formatDuration(budgetMs)}</td>${verdict(ok)}</tr>`,
  )
  .join("\n")}
</table>
<h2>Objectives</h2>
<table><tr><th>objective</th><th class="n">measured</th><th class="n">target</th><th></th></tr>
${drill.objectives.map(({ name, measuredMs, targetMs, met: ok }) => `<tr><td>${text(name)}</td><td class="n">${measuredMs === null ? "-" : formatDuration(measuredMs)}</td><td class="n">${formatDuration(targetMs)}</td>${verdict(ok)}</tr>`).join("\n")}
</table>
<h2>Writes</h2>
<p>${drill.writers.acknowledged} acknowledged, ${drill.writers.lost} lost, ${drill.writers.duplicated} duplicated.
Left behind: ${drill.left.processes} processes, ${drill.left.locks} locks, ${drill.left.pendingOperations} pending operations.</p>
</html>
`;
}

function changeoverBlock(changeover: Changeover, topology: Topology): string {
  const segments = Object.entries(changeover.segmentsMs) as [keyof Segments, number][];
  return `<h2>${text(changeover.kind)} ${text(changeover.from)} → ${text(changeover.to)}, epoch ${changeover.epoch}</h2>
<p>Verified ${formatDuration(changeover.rtoMs)} after the outage, ${formatDuration(changeover.commandMs)} after the command; clients without an answer for ${formatDuration(changeover.clientDowntimeMs)}; calls to the lost region: ${changeover.callsToLostRegion}.</p>
<div class="bar">${segments.map(([name, ms]) => `<div style="flex:${Math.max(ms, 0)} 0 0;background:${COLOURS[name]}" title="${name} ${formatDuration(ms)}"></div>`).join("")}</div>
<p class="key">${segments.map(([name, ms]) => `<span><i style="background:${COLOURS[name]}"></i>${name} ${formatDuration(ms)}</span>`).join("")}</p>
<table><tr><th>phase of the runbook</th><th class="n">took</th><th class="n">budget</th><th></th></tr>
${phaseTimes(topology, changeover.segmentsMs)
  .map(
    ({ phase, budgetMs, tookMs }) =>
      `<tr><td>${phase}</td><td class="n">${formatDuration(tookMs)}</td><td class="n">${formatDuration(budgetMs)}</td>${verdict(tookMs <= budgetMs)}</tr>`,
  )
  .join("\n")}
</table>`;
}

function verdict(met: boolean): string {
  return met ? "<td>met</td>" : '<td class="no">missed</td>';
}

function text(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
