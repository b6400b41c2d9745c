import type { Figures } from "./figures";
import { median } from "./statistics";

/** A figure held against what it is to reach. */
export interface Goal {
  name: string;
  /** In words, with the unit. */
  target: string;
  measured: string;
  met: boolean;
}

const MAX_SCRIPT_RATIO = 1;
const MAX_FLOOR_RATIO = 2;
const MAX_PAUSE_MS = 3_000;
const MAX_PLAN_MIB = 2_048;
const MAX_POLICIES_RATIO = 1.5;
const MAX_RESTORE_MS = 60_000;
const MAX_ACTIVATION_MS = 120_000;

/** What was measured, goal by goal; what was not measured is left out. Pure. */
export function goalsOf({
  failover,
  failoverToScriptRatio,
  failoverToFloorRatio,
  floor,
  switchover,
  plan,
  planGrowth,
  policies,
  recovery,
}: Figures): Goal[] {
  const goals: Goal[] = [];
  const most = (name: string, measured: number, target: number, show: (value: number) => string): void => {
    goals.push({ name, target: `≤ ${show(target)}`, measured: show(measured), met: measured <= target });
  };
  if (failoverToScriptRatio !== undefined)
    most("failover by changeover to failover by hand, medians", failoverToScriptRatio, MAX_SCRIPT_RATIO, twoDigits);
  if (failover && floor && failoverToFloorRatio)
    most("failover to the floor, medians", failoverToFloorRatio.median, MAX_FLOOR_RATIO, twoDigits);
  if (switchover) {
    const { runs, pauseMs, lost, duplicated } = switchover;
    most(`longest write pause of a client in ${runs} switchovers`, pauseMs.max, MAX_PAUSE_MS, milliseconds);
    most("acknowledged writes lost", lost, 0, String);
    most("writes made twice", duplicated, 0, String);
  }
  if (planGrowth) most("plan, time for each service at 1,000 to that at 100", planGrowth.timePerServiceRatio, 1, twoDigits);
  const largest = plan?.at(-1);
  if (largest)
    most(`plan, peak memory with ${largest.services} services`, largest.peakMiB, MAX_PLAN_MIB, (mib) => `${Math.round(mib)} MiB`);
  if (policies)
    most(
      "every stack previewed with the policies to the slowest by itself, medians",
      policies.allToSlowestRatio,
      MAX_POLICIES_RATIO,
      twoDigits,
    );
  if (recovery) {
    most("restore of 1 GiB to a point in time", recovery.restoreMs, MAX_RESTORE_MS, milliseconds);
    most("activation of the cold site with 1 GiB", recovery.activationMs, MAX_ACTIVATION_MS, milliseconds);
  }
  return goals;
}

/** How many times the floor a failover took with everything one after the other: what a runbook's order would allow. */
export function ratioInSequence({ failover, floor }: Pick<Figures, "failover" | "floor">): number | undefined {
  return failover && floor && median(failover.changeoverMs) / floor.inSequenceMs;
}

/** How many times the floor and one update without a change a failover took: what goes by Pulumi cannot do without that. */
export function ratioWithUpdate({ failover, floor }: Pick<Figures, "failover" | "floor">): number | undefined {
  return failover && floor && median(failover.changeoverMs) / (floor.floorMs + median(floor.updateMs));
}

export function twoDigits(value: number): string {
  return value.toFixed(2);
}

export function milliseconds(value: number): string {
  return `${Math.round(value)} ms`;
}
