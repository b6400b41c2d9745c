import type { V1Probe } from "@kubernetes/client-node";

export type ProbeKind = "startup" | "readiness" | "liveness";

/** A probe's settings with Kubernetes' defaults, times in milliseconds. */
export interface ProbeSettings {
  kind: ProbeKind;
  initialDelayMs: number;
  periodMs: number;
  timeoutMs: number;
  successThreshold: number;
  failureThreshold: number;
}

export interface ProbeState {
  /** What the probe says of the container: a liveness probe is content from the start, the others are not. */
  passing: boolean;
  /** A startup or liveness probe has failed for good: the container is to be restarted. */
  exhausted: boolean;
  /** Has succeeded at least once. */
  begun: boolean;
  successes: number;
  failures: number;
  /** When the last failure was counted, or the probe began. */
  countedAt: number;
  startedAt: number;
}

/** Until a startup or readiness probe first succeeds it is tried this often: the first ready pod ends a failover, and a period is long. */
const EAGER_MS = 60;
/** After this time without success, less often. */
const EAGER_FOR_MS = 2_000;
const PATIENT_MS = 250;

export function probeSettings(kind: ProbeKind, probe: V1Probe): ProbeSettings {
  return {
    kind,
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1_000,
    periodMs: (probe.periodSeconds ?? 10) * 1_000,
    timeoutMs: (probe.timeoutSeconds ?? 1) * 1_000,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  };
}

/** @param now milliseconds of any clock that only goes forward; the same in every call */
export function beginProbe(settings: ProbeSettings, now: number): ProbeState {
  const passing = settings.kind === "liveness";
  return { passing, exhausted: false, begun: false, successes: 0, failures: 0, countedAt: now, startedAt: now };
}

/** The state after one attempt. Eager attempts between two periods never count as failures. */
export function afterProbe(settings: ProbeSettings, state: ProbeState, succeeded: boolean, now: number): ProbeState {
  if (succeeded) {
    const successes = state.successes + 1;
    return {
      ...state,
      begun: true,
      successes,
      failures: 0,
      countedAt: now,
      passing: state.passing || successes >= settings.successThreshold,
    };
  }
  if (isEager(settings, state) && now - state.countedAt < settings.periodMs) return { ...state, successes: 0 };
  const failures = state.failures + 1;
  const failed = failures >= settings.failureThreshold;
  return {
    ...state,
    successes: 0,
    failures,
    countedAt: now,
    passing: state.passing && !failed,
    exhausted: failed && settings.kind !== "readiness",
  };
}

/** Milliseconds until the next attempt. */
export function untilNextProbe(settings: ProbeSettings, state: ProbeState, now: number): number {
  if (!isEager(settings, state)) return settings.periodMs;
  return Math.min(settings.periodMs, now - state.startedAt < EAGER_FOR_MS ? EAGER_MS : PATIENT_MS);
}

function isEager(settings: ProbeSettings, state: ProbeState): boolean {
  return settings.kind !== "liveness" && !state.begun;
}
