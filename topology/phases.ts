import type { DisasterName, Topology } from "./schema";

/** The schedule of a recovery, counted from the disaster, and where the topology has it. */
export function phasesOf({ disasters, phases }: Topology, disaster: DisasterName): { phases: Topology["phases"]; path: string } {
  const own = disasters[disaster].phases;
  return own ? { phases: own, path: `disasters.${disaster}.phases` } : { phases, path: "phases" };
}
