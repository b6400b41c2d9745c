import { formatDuration } from "../../topology/duration";
import type { Changeover, DrillResult, Objective, OldSite, Reprotection } from "./result";

/** What is said of a drill in the same words on a terminal and on the page. */

export function headline({ kind, from, to, epoch, restored }: Changeover): string {
  return restored ? `${kind} of ${to} to ${restored.point}, epoch ${epoch}` : `${kind} ${from} → ${to}, epoch ${epoch}`;
}

export function summary(changeover: Changeover): string {
  const { kind, rpo, rtoMs, commandMs, pauseMs = 0, clientDowntimeMs, longestServicePauseMs, callsToLostRegion, restored } = changeover;
  const age = rpo.lost > 0 ? `, the oldest ${formatDuration(rpo.oldestLostAgeMs)} before` : "";
  const lost = `lost ${rpo.lost} of ${rpo.acknowledged} writes acknowledged before${age}`;
  const waited = `no write was acknowledged for ${formatDuration(clientDowntimeMs)}, for the slowest service ${formatDuration(longestServicePauseMs)}`;
  const paused = `writes paused for ${formatDuration(pauseMs)}`;
  if (kind === "failover" || kind === "activation") {
    return `verified ${formatDuration(rtoMs)} after the outage, ${formatDuration(commandMs)} after the command; ${waited}; ${lost}; ${callsToLostRegion} calls to what was lost`;
  }
  if (restored) {
    const dropped = `${restored.dropped} rows of the damaged database were not in the restored one or otherwise, ${restored.reinstated} of them were put in again`;
    return `verified ${formatDuration(rtoMs)} after the damage, ${formatDuration(commandMs)} after the command; ${paused}; ${waited}; ${dropped}; ${lost}`;
  }
  return `verified ${formatDuration(commandMs)} after the command; ${paused}; ${waited}; ${lost}`;
}

export function reprotectionText({ site, protectedMs, diverged }: Reprotection): string {
  const rows =
    diverged === null
      ? "no old database was left to compare"
      : diverged === 0
        ? "its old database has no row that the active one has not"
        : `its old database has ${diverged} rows that the active one has not`;
  return `${site} protected again ${formatDuration(protectedMs)} after the command; ${rows}`;
}

export function oldSiteText({ attempts, accepted, answered, outcomes }: OldSite): string {
  const kinds = Object.entries(outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${outcome} ×${count}`);
  return `writes sent straight to the site that came back: ${attempts}, answered ${answered}, accepted ${accepted} (${kinds.join(", ")})`;
}

/** Target and measured value, in the objective's own unit. */
export function values(objective: Objective): { target: string; measured: string } {
  if ("target" in objective) return { target: String(objective.target), measured: String(objective.measured) };
  const { targetMs, measuredMs } = objective;
  if (measuredMs === null) return { target: formatDuration(targetMs), measured: "-" };
  const [target, measured] = [formatDuration(targetMs), formatDuration(measuredMs)];
  // What is missed by less than is shown would look as if it were met.
  return { target, measured: !objective.met && measured === target ? `${Math.round(measuredMs)}ms` : measured };
}

export function writersText({ writers: { acknowledged, lost, duplicated } }: DrillResult): string {
  return `${acknowledged} writes acknowledged in all, ${lost} lost, ${duplicated} duplicated`;
}

export function leftText({ left: { processes, locks, pendingOperations } }: DrillResult): string {
  return `left behind: ${processes} processes, ${locks} locks, ${pendingOperations} pending operations`;
}
