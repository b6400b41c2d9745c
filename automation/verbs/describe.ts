import { formatDuration } from "../../topology/duration";
import { sitesThatAre } from "../../topology/roles";
import type { SiteName, Topology } from "../../topology/schema";
import type { DryRun } from "../changeover/dry-run";
import type { Reinstated } from "../changeover/reinstate";
import type { MoveReport, ReprotectReport, RestoreReport, RunReport } from "../changeover/report";
import type { Environment } from "../facts";
import { paint, table } from "../output";
import { describeOperations } from "../plan/describe";

/** A finished changeover as an operator reads it, and what is to be done next. */
export function describeReport(report: MoveReport | ReprotectReport | RestoreReport, { topology }: Environment): string {
  if (report.kind === "restore") return describeRestore(report);
  return report.kind === "reprotect" ? describeReprotect(report) : describeMove(report, topology);
}

/** How long it took; where a run went on with an earlier one, also since that began. */
function took({ openedAt, startedAt }: RunReport, ms: number): string {
  const since = startedAt === openedAt ? "" : `, ${formatDuration(startedAt - openedAt + ms)} after the changeover began`;
  return `${paint.bold(formatDuration(ms))}${since}`;
}

function describeRestore(report: RestoreReport): string {
  const { site, epoch, generation, point, recoveredMs, pause, dropped, journal } = report;
  return [
    "",
    `${paint.green("restored:")} ${site} works with database ${generation}, as of ${point}, in epoch ${epoch}; a write through the public name was read back after ${took(report, recoveredMs)}`,
    ...(pause ? [`no writes were taken for ${formatDuration(pause.to - pause.from)}`] : []),
    dropped.rows > 0
      ? paint.yellow(
          `${dropped.rows} rows of the damaged database are not, or not so, in this one; those that are sound: changeover reinstate --rows ${dropped.file}`,
        )
      : "the damaged database has nothing that this one lacks",
    `the damaged database is kept, fenced: generation ${generation - 1}; when nobody needs it: changeover reprotect --site ${site} --discard-old`,
    `${paint.yellow("nothing stands behind it now")}: a standby still has the damaged data; changeover status names it, changeover reprotect rebuilds it`,
    `journal: ${journal}`,
  ].join("\n");
}

function describeMove(report: MoveReport, topology: Topology): string {
  const { from, to, epoch, recoveredMs, segmentsMs, pause, fenced, lastReplayAt, copy, objects, journal } = report;
  const segments = Object.entries<number>({ ...segmentsMs }).map(([name, ms]) => [name, formatDuration(ms)]);
  return [
    "",
    `${paint.green("recovered:")} ${to} is active in epoch ${epoch}; a write through the public name was read back after ${took(report, recoveredMs)}`,
    "",
    table(["SEGMENT", "TOOK"], segments),
    "",
    ...(pause ? [`no site took writes for ${formatDuration(pause.to - pause.from)}`] : []),
    ...(copy
      ? [
          paint.yellow(
            `its database began with ${copy.snapshot}, of ${copy.at}: what was written in the ${formatDuration(copy.ageMs)} after is not in it`,
          ),
        ]
      : []),
    ...(objects ? [`${objects.objects} objects, ${objects.bytes} bytes, were copied out of the archive`] : []),
    ...(fenced && !fenced.known ? [paint.yellow(`${from} is not known to be fenced: ${fenced.reason}`)] : []),
    ...(lastReplayAt === undefined
      ? []
      : [
          paint.yellow(
            `${to}'s newest transaction of before is of ${lastReplayAt}: what ${from} acknowledged later may not be in it; a re-protection lists it`,
          ),
        ]),
    `${paint.yellow("nothing stands behind it now")}; ${nextOf(from, to, topology)}`,
    `journal: ${journal}`,
  ].join("\n");
}

/** A cold site is not rebuilt: it has to be empty to be of use again. */
function nextOf(from: SiteName, to: SiteName, topology: Topology): string {
  const cold = topology.sites[from]?.standby === "cold";
  const rebuilt = cold ? (sitesThatAre("warm", topology).find((site) => site !== to) ?? from) : from;
  return [
    `once ${rebuilt} answers: changeover reprotect --site ${rebuilt}`,
    ...(cold ? [`once nobody needs ${from}'s database: changeover reprotect --site ${from} --discard-old`] : []),
    ...(to === topology.home ? [] : ["then changeover failback"]),
  ].join(", ");
}

function describeReprotect(report: ReprotectReport): string {
  const { site, active, generation, protectedMs, lagMs, diverged, journal } = report;
  return [
    "",
    `${paint.green("protected:")} ${site}'s database ${generation} streams from ${active}, ${formatDuration(lagMs)} behind, after ${took(report, protectedMs)}`,
    ...(diverged && diverged.rows > 0
      ? [
          paint.yellow(
            `${diverged.rows} rows of the old database never reached ${active}, or differ there; to put them in: changeover reinstate --rows ${diverged.file}`,
          ),
        ]
      : [diverged ? "the old database had nothing that the active one lacks" : "the old database was not compared"]),
    `the old database is kept, fenced; when nobody needs it: changeover reprotect --site ${site} --discard-old`,
    `journal: ${journal}`,
  ].join("\n");
}

export function describeReinstated({ site, tables, journal }: Reinstated): string {
  return [
    "",
    table(
      ["TABLE", `PUT INTO ${site.toUpperCase()}`, "KEY TAKEN", "DIFFERENT, LEFT AS THEY ARE"],
      tables.map((one) => [one.table, String(one.inserted), String(one.taken), String(one.different)]),
    ),
    "",
    `journal: ${journal}`,
  ].join("\n");
}

export function describeDryRun({ readiness, comparison, operations, moveMs }: DryRun): string {
  const { from, to, epoch, replica } = readiness;
  const lag = replica.kind === "replica" ? formatDuration(Math.round(replica.lagMs)) : "-";
  return [
    `${from} → ${to}, epoch ${epoch}: ${paint.green("every guard says yes")}; the replica is ${lag} behind; nothing was changed`,
    "",
    table(
      ["TABLE", `ROWS AT ${from.toUpperCase()}`, `ROWS AT ${to.toUpperCase()}`, ""],
      comparison.tables.map(({ table: name, leftRows, rightRows, state }) => [name, String(leftRows), String(rightRows), state]),
    ),
    "",
    describeOperations(operations),
    "",
    `predicted on AWS: writes pause for about ${formatDuration(moveMs)}`,
  ].join("\n");
}
