import { describe, expect, it } from "vitest";
import { afterProbe, beginProbe, probeSettings, untilNextProbe, type ProbeKind, type ProbeState } from "../../../lab/kubernetes/probe";

const settingsOf = (kind: ProbeKind, probe: object) => probeSettings(kind, probe);
const settings = (kind: ProbeKind, more = {}) => settingsOf(kind, { periodSeconds: 5, failureThreshold: 2, ...more });

describe("readiness", () => {
  const readiness = settings("readiness");

  it("is tried eagerly until its first success, then at its period", () => {
    const begun = beginProbe(readiness, 0);
    expect(begun.passing).toBe(false);
    expect(untilNextProbe(readiness, begun, 100)).toBe(60);
    expect(untilNextProbe(readiness, begun, 2_500)).toBe(250);
    const passed = afterProbe(readiness, begun, true, 300);
    expect(passed.passing).toBe(true);
    expect(untilNextProbe(readiness, passed, 300)).toBe(5_000);
  });

  it("needs as many successes and failures in a row as it is set to", () => {
    const twice = settings("readiness", { successThreshold: 2 });
    let state = afterProbe(twice, beginProbe(twice, 0), true, 100);
    expect(state.passing).toBe(false);
    state = afterProbe(twice, state, true, 5_100);
    expect(state.passing).toBe(true);
    state = afterProbe(twice, state, false, 10_100);
    expect(state.passing).toBe(true);
    state = afterProbe(twice, state, false, 15_100);
    expect(state).toMatchObject({ passing: false, exhausted: false });
    state = afterProbe(twice, state, true, 20_100);
    expect(state.passing).toBe(false);
  });
});

describe("startup", () => {
  const startup = settings("startup");

  it("gives up after its periods, however often it was tried in between", () => {
    let state: ProbeState = beginProbe(startup, 0);
    let now = 0;
    while (!state.exhausted && now < 60_000) {
      now += untilNextProbe(startup, state, now);
      state = afterProbe(startup, state, false, now);
    }
    expect(state.exhausted).toBe(true);
    expect(now).toBeGreaterThanOrEqual(10_000);
    expect(now).toBeLessThan(11_000);
  });
});

describe("liveness", () => {
  const liveness = settings("liveness");

  it("is content from the start, never eager, and gives up when failures follow one another", () => {
    let state = beginProbe(liveness, 0);
    expect(state.passing).toBe(true);
    expect(untilNextProbe(liveness, state, 10)).toBe(5_000);
    state = afterProbe(liveness, state, false, 10);
    state = afterProbe(liveness, state, true, 5_010);
    state = afterProbe(liveness, state, false, 10_010);
    expect(state.exhausted).toBe(false);
    state = afterProbe(liveness, state, false, 15_010);
    expect(state).toMatchObject({ passing: false, exhausted: true });
  });
});

it("has Kubernetes' defaults", () => {
  expect(settingsOf("readiness", {})).toEqual({
    kind: "readiness",
    initialDelayMs: 0,
    periodMs: 10_000,
    timeoutMs: 1_000,
    successThreshold: 1,
    failureThreshold: 3,
  });
});
