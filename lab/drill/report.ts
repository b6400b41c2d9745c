import { formatDuration } from "../../topology/duration";
import type { Topology } from "../../topology/schema";
import { metAll, phaseTimes, type Changeover, type DrillResult, type Segments } from "./result";
import { headline, leftText, oldSiteText, reprotectionText, summary, values, writersText } from "./words";

const COLOURS: Record<keyof Segments, string> = {
  detect: "#b5532a",
  decide: "#c98a2b",
  fence: "#8a8a3c",
  promote: "#3f7f5f",
  services: "#2f6f8f",
  traffic: "#4f5fa8",
  verify: "#7a4f9a",
};

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; background: #fff; }
  h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .3rem }
  .verdict { display: inline-block; padding: .1rem .6rem; border-radius: .3rem; color: #fff; font-size: 1rem; font-weight: 600; vertical-align: middle }
  .yes { background: #2c7a4b } .not { background: #b3261e }
  table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
  td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } .no { color: #b3261e; font-weight: 600 }
  p { margin: .4rem 0 } ul { margin: .4rem 0; padding-left: 1.2rem }
  .bar { display: flex; height: 1.6rem; border-radius: .3rem; overflow: hidden; margin: .5rem 0; background: #eee } .bar div { min-width: 2px }
  .key span { display: inline-block; margin-right: 1rem; white-space: nowrap } .key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; border-radius: .15rem }
  .note { color: #555; font-size: .9rem }`;

/** The drill on one page, for those who were not there: no script, nothing loaded from elsewhere. */
export function reportPage(drill: DrillResult, topology: Topology): string {
  const met = metAll(drill);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drill: ${text(drill.scenario)}, ${text(drill.startedAt)}</title>
<style>${STYLE}
</style>
<h1>Drill: ${text(drill.scenario)} <span class="verdict ${met ? "yes" : "not"}">${met ? "objectives met" : "objectives missed"}</span></h1>
<p class="note">${text(note(drill))}</p>
<h2>Objectives</h2>
${table(
  ["objective", "#measured", "#target", ""],
  drill.objectives.map((objective) => {
    const { measured, target } = values(objective);
    return [text(objective.name), measured, target, verdict(objective.met)];
  }),
)}
<p>${text(capital(writersText(drill)))}. ${text(capital(leftText(drill)))}.</p>
${drill.changeovers.map((changeover) => block(changeover, topology, longest(drill))).join("\n")}
${afterwards(drill)}
<h2>Tiers</h2>
${table(
  ["tier", "services", "#away for at most", "#largest downtime", ""],
  drill.tiers.map(({ tier, readyMs, budgetMs, met: ok }) => [
    String(tier),
    text(Object.keys(topology.tiers[tier]?.services ?? {}).join(", ")),
    readyMs === null ? "never back" : formatDuration(readyMs),
    formatDuration(budgetMs),
    verdict(ok),
  ]),
)}
</html>
`;
}

function note({ startedAt, host, plugins, lab }: DrillResult): string {
  const origins = Object.entries(plugins).map(([name, origin]) => `${name} ${origin}`);
  return `${startedAt}, ${host.cpus} cores, Node ${host.node}; provider plugins: ${origins.join(", ")}. Health checks every ${formatDuration(lab.healthIntervalMs)} and records that live ${formatDuration(lab.ttlMs)}; AWS is slower with the same configuration.`;
}

/** The bars of all moves have one scale. */
function longest({ changeovers }: DrillResult): number {
  return Math.max(1, ...changeovers.map(({ segmentsMs }) => total(segmentsMs)));
}

function total(segmentsMs: Segments): number {
  return Object.values<number>(segmentsMs).reduce((sum, ms) => sum + ms, 0);
}

function block(changeover: Changeover, topology: Topology, scaleMs: number): string {
  const segments = (Object.entries(changeover.segmentsMs) as [keyof Segments, number][]).filter(([, ms]) => ms > 0);
  const width = (100 * total(changeover.segmentsMs)) / scaleMs;
  const phases =
    changeover.disaster !== undefined
      ? table(
          ["phase of the runbook", "#took", "#budget", ""],
          phaseTimes(topology, changeover.disaster, changeover.segmentsMs).map(({ phase, budgetMs, tookMs }) => [
            phase,
            formatDuration(tookMs),
            formatDuration(budgetMs),
            verdict(tookMs <= budgetMs),
          ]),
        )
      : "";
  return `<h2>${text(capital(headline(changeover)))}</h2>
<p>${text(capital(summary(changeover)))}.</p>
<div class="bar" style="width:${width.toFixed(1)}%">${segments.map(([name, ms]) => `<div style="flex:${ms} 0 0;background:${COLOURS[name]}" title="${name} ${formatDuration(ms)}"></div>`).join("")}</div>
<p class="key">${segments.map(([name, ms]) => `<span><i style="background:${COLOURS[name]}"></i>${name} ${formatDuration(ms)}</span>`).join("")}</p>
${phases}`;
}

function afterwards({ reprotections, oldSite }: DrillResult): string {
  const lines = [...reprotections.map(reprotectionText), ...(oldSite ? [oldSiteText(oldSite)] : [])];
  return lines.length === 0 ? "" : `<h2>Protected again</h2>\n<ul>${lines.map((line) => `<li>${text(capital(line))}.</li>`).join("")}</ul>`;
}

/** @param headers one that begins with `#` is over numbers @param rows cells of HTML */
function table(headers: string[], rows: string[][]): string {
  const cell = (tag: string, content: string, i: number): string =>
    `<${tag}${headers[i]?.startsWith("#") ? ' class="n"' : ""}>${content}</${tag}>`;
  const head = headers.map((header, i) => cell("th", text(header.replace(/^#/, "")), i)).join("");
  const body = rows.map((row) => `<tr>${row.map((content, i) => cell("td", content, i)).join("")}</tr>`);
  return `<table><tr>${head}</tr>\n${body.join("\n")}\n</table>`;
}

function verdict(met: boolean): string {
  return met ? "met" : '<span class="no">missed</span>';
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function text(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
