import { basename } from "node:path";
import { copyEvidence, writeEvidence, type DrillRecord } from "../../automation/evidence";
import { namesFor } from "../../topology/names";
import type { Topology } from "../../topology/schema";
import type { DrillResult, Objective } from "./result";

/**
 * What a drill proves of the disasters' objectives; `undefined` where it measured none of them.
 * @param journals paths of its incidents' journals
 */
export function recordOf({ disasters }: Topology, drill: DrillResult, journals: readonly string[]): DrillRecord | undefined {
  const { scenario, startedAt, objectives } = drill;
  const measured = Object.keys(disasters).flatMap((disaster) => {
    const rtos = timesOf(objectives, `${disaster} RTO`);
    return rtos.length === 0 ? [] : [{ disaster, rtoMs: worst(rtos), rpoMs: worst(timesOf(objectives, `${disaster} RPO`)) }];
  });
  if (measured.length === 0) return undefined;
  return { scenario, startedAt, where: "lab", incidents: journals.map((file) => basename(file, ".jsonl")), measured };
}

function timesOf(objectives: readonly Objective[], name: string): (number | null)[] {
  return objectives.flatMap((objective) => ("measuredMs" in objective && objective.name === name ? [objective.measuredMs] : []));
}

function worst(times: (number | null)[]): number | null {
  return times.length === 0 || times.includes(null) ? null : Math.max(...(times as number[]));
}

/**
 * Keeps a drill's record: in a folder that outlives the lab, and in the control bucket of the lab's site that took over.
 * @returns the file, and why the bucket did not take it
 */
export async function keepEvidence(
  topology: Topology,
  drill: DrillResult,
  record: DrillRecord,
  folder: string,
): Promise<{ file: string; uncopied?: string }> {
  const file = writeEvidence(folder, record);
  const site = drill.changeovers[0]?.to ?? topology.home;
  const region = topology.sites[site]?.region ?? "";
  try {
    await copyEvidence({ site, region, bucket: namesFor(topology, "lab").site(site).controlBucket }, record);
    return { file };
  } catch (error) {
    return { file, uncopied: (error as Error).message };
  }
}
