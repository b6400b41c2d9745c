import { stepsOf, type Kind, type Step } from "../../automation/changeover/table";
import type { StepMoment } from "../../lab/chaos/at-step";

/** A moment of a changeover at which its driver is killed. */
export interface KillPoint extends Required<StepMoment> {
  /** So long after the entry, in milliseconds: in the middle of an update. Default 0. */
  afterMs?: number;
  /** The Pulumi CLI and its plugins are left to themselves. */
  onlyDriver?: boolean;
}

/** Beside the end of every step: before what cannot be undone, and in the middle of an update. */
const MORE: Partial<Record<Step, Omit<KillPoint, "step" | "on">[]>> = {
  pause: [{}],
  restore: [{ afterMs: 300 }],
  recover: [{ afterMs: 2_000, onlyDriver: true }],
  promote: [{}, { afterMs: 400, onlyDriver: true }],
  data: [{ afterMs: 1_000 }],
  retire: [{ afterMs: 2_500 }],
  rebuild: [{}, { afterMs: 2_500 }, { afterMs: 3_500, onlyDriver: true }],
  copy: [{ afterMs: 1_500, onlyDriver: true }],
};

/** What a resumed activation waits for, RDS has already: later than at once the recovery is over. */
const SOONER: Partial<Record<Kind, typeof MORE>> = { activation: { recover: [{ onlyDriver: true }] } };

/** Every point of a kind, in the order in which it comes to them. The end of the last step is the end of the run: its beginning instead. */
export function pointsOf(kind: Kind): KillPoint[] {
  const steps = stepsOf(kind).map(({ step }) => step);
  return steps.flatMap((step, i): KillPoint[] => {
    const last = i === steps.length - 1;
    return [
      ...(last ? [{ step, on: "begin" as const }] : []),
      ...(SOONER[kind]?.[step] ?? MORE[step] ?? []).map((how) => ({ step, on: "begin" as const, ...how })),
      ...(last ? [] : [{ step, on: "end" as const }]),
    ];
  });
}

/** Deals points out to so many runs, as far apart in each as they can be, and still in order. */
export function deal<T>(points: readonly T[], runs: number): T[][] {
  return Array.from({ length: runs }, (_, run) => points.filter((_point, i) => i % runs === run));
}

export function describePoint({ step, on, afterMs, onlyDriver }: KillPoint): string {
  return `${step} ${on}${afterMs === undefined ? "" : ` + ${afterMs} ms`}${onlyDriver ? " (driver only)" : ""}`;
}

export function describePoints(points: readonly KillPoint[]): string {
  return points.length === 0 ? "never" : points.map(describePoint).join(", ");
}
