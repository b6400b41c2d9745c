import type { Way } from "./failover";
import type { Floor } from "./floor";
import type { Host } from "./host";
import type { PlanTime } from "./plan";
import type { PolicyTimes } from "./policies";
import type { Recovery } from "./recovery";
import { median, summary } from "./statistics";
import type { Move, Switchovers } from "./switchover";

/** What was measured, as it came. A part that was not asked for is left out. */
export interface Measured {
  command: string;
  /** ISO 8601. */
  startedAt: string;
  tookMs: number;
  host: Host;
  /** How each provider plug-in got here: `official` or `stand-in`. */
  plugins: Record<string, string>;
  floor?: Floor;
  failover?: Record<Way, number[]>;
  switchover?: Switchovers;
  plans?: PlanTime[];
  policies?: PolicyTimes[];
  recovery?: Recovery;
}

/** The bench's answer in JSON. Milliseconds and MiB. */
export interface Figures extends Pick<Measured, "command" | "startedAt" | "tookMs" | "host" | "plugins"> {
  /** From the start of the process to the write that was read back. */
  failover?: { changeoverMs: number[]; scriptMs: number[]; atOnceMs: number[] };
  /** Median by median. */
  failoverToScriptRatio?: number;
  failoverToAtOnceRatio?: number;
  /** Of each failover by `changeover` to the floor. */
  failoverToFloorRatio?: { min: number; median: number; max: number };
  floor?: Floor;
  switchover?: {
    runs: number;
    /** Of the service that waited longest. */
    pauseMs: { median: number; max: number; values: number[] };
    /** Move by move: where each pause was. */
    moves: Move[];
    /** While no service's write was acknowledged. */
    allServicesPauseMs: { median: number; max: number; values: number[] };
    acknowledged: number;
    lost: number;
    duplicated: number;
  };
  plan?: PlanFigure[];
  /** From 100 services to 1,000: how much longer, and how much longer for each service. */
  planGrowth?: { timeRatio: number; timePerServiceRatio: number; memoryRatio: number };
  /** Previews with the policy pack. */
  policies?: { singleMs: Record<string, number[]>; allMs: number[]; allToSlowestRatio: number };
  recovery?: Recovery;
}

export interface PlanFigure {
  services: number;
  /** Median. */
  ms: number;
  /** Of the run that took most. */
  peakMiB: number;
  operations: number;
  msValues: number[];
  peakMiBValues: number[];
}

/** Where growth is looked at, in services. */
const GROWTH = { from: 100, to: 1_000 };

export function figuresOf({ floor, failover, switchover, plans, policies, recovery, ...about }: Measured): Figures {
  const { command, startedAt, tookMs, host, plugins } = about;
  const plan = plans && planFigures(plans);
  const growth = plan && growthOf(plan);
  return {
    command,
    startedAt,
    tookMs,
    host,
    plugins,
    ...(failover && {
      failover: { changeoverMs: failover.changeover, scriptMs: failover.script, atOnceMs: failover.atOnce },
      failoverToScriptRatio: median(failover.changeover) / median(failover.script),
      failoverToAtOnceRatio: median(failover.changeover) / median(failover.atOnce),
    }),
    ...(failover && floor && { failoverToFloorRatio: ratios(failover.changeover, floor.floorMs) }),
    ...(floor && { floor }),
    ...(switchover && {
      switchover: {
        runs: switchover.moves.length,
        pauseMs: spread(switchover.moves.map(({ pauseMs }) => pauseMs)),
        moves: switchover.moves,
        allServicesPauseMs: spread(switchover.moves.map(({ allServicesPauseMs }) => allServicesPauseMs)),
        acknowledged: switchover.acknowledged,
        lost: switchover.lost,
        duplicated: switchover.duplicated,
      },
    }),
    ...(plan && { plan }),
    ...(growth && { planGrowth: growth }),
    ...(policies && { policies: policyFigures(policies) }),
    ...(recovery && { recovery }),
  };
}

function ratios(values: readonly number[], to: number): { min: number; median: number; max: number } {
  const { min, median: middle, max } = summary(values.map((value) => value / to));
  return { min, median: middle, max };
}

function spread(values: number[]): { median: number; max: number; values: number[] } {
  const { median: middle, max } = summary(values);
  return { median: middle, max, values };
}

function planFigures(plans: readonly PlanTime[]): PlanFigure[] {
  return [...new Set(plans.map(({ services }) => services))]
    .sort((a, b) => a - b)
    .map((services) => {
      const runs = plans.filter((plan) => plan.services === services);
      const [msValues, peakMiBValues] = [runs.map(({ ms }) => ms), runs.map(({ peakMiB }) => peakMiB)];
      return {
        services,
        ms: median(msValues),
        peakMiB: Math.max(...peakMiBValues),
        operations: Math.max(...runs.map(({ operations }) => operations)),
        msValues,
        peakMiBValues,
      };
    });
}

/** All of them at once against the slowest by itself, median by median. */
function policyFigures(times: readonly PolicyTimes[]): NonNullable<Figures["policies"]> {
  const parts = [...new Set(times.flatMap(({ singleMs }) => Object.keys(singleMs)))];
  const singleMs = Object.fromEntries(parts.map((part) => [part, times.flatMap((one) => one.singleMs[part] ?? [])]));
  const allMs = times.map((one) => one.allMs);
  const slowest = Math.max(...Object.values(singleMs).map(median));
  return { singleMs, allMs, allToSlowestRatio: median(allMs) / slowest };
}

function growthOf(plan: readonly PlanFigure[]): Figures["planGrowth"] {
  const of = (services: number): PlanFigure | undefined => plan.find((figure) => figure.services === services);
  const [from, to] = [of(GROWTH.from), of(GROWTH.to)];
  if (!from || !to) return undefined;
  const timeRatio = to.ms / from.ms;
  return { timeRatio, timePerServiceRatio: (timeRatio * GROWTH.from) / GROWTH.to, memoryRatio: to.peakMiB / from.peakMiB };
}
