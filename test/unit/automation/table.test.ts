import { describe, expect, test } from "vitest";
import {
  AT_REST,
  EDGES,
  RETREATS,
  STATES,
  nextStep,
  retreatFrom,
  startOf,
  stateAfter,
  stepsOf,
  type Effect,
  type Kind,
  type State,
  type Step,
} from "../../../automation/changeover/table";

/** Every state in order, with the step that leads out of it and what giving up does there, as an operator knows it. */
const WAYS: Record<Kind, [State, Step | undefined, "leave" | "reopen" | undefined][]> = {
  failover: [
    ["protected", "assess", undefined],
    ["assessed", "approve", "leave"],
    ["approved", "prepare", "leave"],
    ["prepared", "fence", "leave"],
    ["fenced", "promote", "reopen"],
    ["promoted", "open", undefined],
    ["open", "services", undefined],
    ["serving", "traffic", undefined],
    ["switched", "verify", undefined],
    ["verified", "data", undefined],
    ["exposed", undefined, undefined],
  ],
  switchover: [
    ["protected", "assess", undefined],
    ["assessed", "compare", "leave"],
    ["compared", "approve", "leave"],
    ["approved", "prepare", "leave"],
    ["prepared", "pause", "leave"],
    ["paused", "steer", "reopen"],
    ["steered", "drain", "reopen"],
    ["drained", "promote", "reopen"],
    ["promoted", "open", undefined],
    ["open", "services", undefined],
    ["serving", "traffic", undefined],
    ["switched", "verify", undefined],
    ["verified", "prove", undefined],
    ["proven", "data", undefined],
    ["connected", "retire", undefined],
    ["exposed", undefined, undefined],
  ],
  reprotect: [
    ["exposed", "assess", undefined],
    ["assessed", "approve", "leave"],
    ["approved", "fence", "leave"],
    ["fenced", "compare", "leave"],
    ["compared", "rebuild", "leave"],
    ["rebuilt", "copy", undefined],
    ["copying", "stream", undefined],
    ["protected", undefined, undefined],
  ],
  activation: [
    ["protected", "assess", undefined],
    ["assessed", "approve", "leave"],
    ["approved", "restore", "leave"],
    ["restoring", "prepare", "leave"],
    ["armed", "recover", "leave"],
    ["recovered", "check", "leave"],
    ["checked", "fence", "leave"],
    ["fenced", "open", undefined],
    ["open", "services", undefined],
    ["serving", "traffic", undefined],
    ["switched", "verify", undefined],
    ["verified", "data", undefined],
    ["connected", "retrieve", undefined],
    ["exposed", undefined, undefined],
  ],
  restore: [
    ["protected", "assess", undefined],
    ["assessed", "approve", "leave"],
    ["approved", "restore", "leave"],
    ["restoring", "pause", "reopen"],
    ["paused", "recover", "reopen"],
    ["recovered", "check", "reopen"],
    ["checked", "prepare", "reopen"],
    ["prepared", "open", "reopen"],
    ["open", "services", undefined],
    ["serving", "traffic", undefined],
    ["switched", "verify", undefined],
    ["verified", "list", undefined],
    ["listed", "data", undefined],
    ["exposed", undefined, undefined],
  ],
};
const kinds = Object.keys(WAYS) as Kind[];
const states = Object.keys(STATES) as State[];

describe.each(kinds)("%s", (kind) => {
  const way = WAYS[kind];
  const on = way.map(([state]) => state);

  test("begins and ends at rest, and is nowhere at rest in between", () => {
    expect(startOf(kind)).toBe(on[0]);
    expect([on[0], on.at(-1)].every((state) => AT_REST.includes(state!))).toBe(true);
    expect(on.slice(1, -1).filter((state) => AT_REST.includes(state))).toEqual([]);
  });

  test("is one chain: no state twice, no step twice", () => {
    expect(new Set(on).size).toBe(on.length);
    expect(new Set(stepsOf(kind).map(({ step }) => step)).size).toBe(on.length - 1);
  });

  test.each(way)("from %s the next step is %s, and giving up is %s", (state, step, undo) => {
    const next = nextStep(kind, state);
    expect(next?.step).toBe(step);
    expect(next?.kind).toBe(step && kind);
    expect(next?.to).toBe(step && on[on.indexOf(state) + 1]);
    expect(retreatFrom(kind, state)?.undo).toBe(undo);
    expect(retreatFrom(kind, state)?.to).toBe(undo && on[0]);
  });

  test.each(states.filter((state) => !on.includes(state)))("is never %s", (state) => {
    expect(() => nextStep(kind, state)).toThrow(RangeError);
    expect(retreatFrom(kind, state)).toBeUndefined();
  });

  test("the state follows from the steps that have ended, in order and without a gap", () => {
    const steps = stepsOf(kind).map(({ step }) => step);
    for (let count = 0; count <= steps.length; count++) {
      expect(stateAfter(kind, steps.slice(0, count))).toBe(on[count]);
      expect(stateAfter(kind, steps.slice(0, count).reverse())).toBe(on[count]);
      // One that is missing holds up all that came after it.
      expect(stateAfter(kind, steps.toSpliced(count, 1))).toBe(on[count]);
    }
    expect(stateAfter(kind, ["nonsense"])).toBe(on[0]);
  });
});

test("every state is described and some kind passes through it", () => {
  for (const state of states) {
    expect(STATES[state]).not.toBe("");
    expect(EDGES.some(({ from, to }) => from === state || to === state)).toBe(true);
  }
});

test("a state has one way back at most", () => {
  for (const { kind, from } of RETREATS) {
    for (const state of from) expect(RETREATS.filter((other) => other.kind === kind && other.from.includes(state))).toHaveLength(1);
  }
});

describe.each(["failover", "switchover"] as const)("in a %s", (kind) => {
  const effects = stepsOf(kind).flatMap((edge) => edge.effects);
  const at = (effect: Effect): number => effects.indexOf(effect);

  test("the old site is shut before the target is promoted, and drained where nothing may be lost", () => {
    const shut = kind === "failover" ? at("fence-old") : at("pause-old");
    expect(shut).toBeGreaterThanOrEqual(0);
    expect(at("promote-target")).toBeGreaterThan(shut);
    if (kind === "switchover") expect(at("promote-target")).toBeGreaterThan(at("drain"));
  });

  test("the target's switch tells the old site's guard before the target is promoted", () => {
    expect(at("switch-target-on")).toBeGreaterThanOrEqual(0);
    expect(at("switch-target-on")).toBeLessThan(at("promote-target"));
  });

  test("the target is opened after its promotion, and verified after that", () => {
    expect(at("open-target")).toBeGreaterThan(at("promote-target"));
    expect(at("verify-target")).toBeGreaterThan(at("open-target"));
  });

  test("from the promotion on there is no way back", () => {
    const promoted = WAYS[kind].findIndex(([state]) => state === "promoted");
    for (const [state] of WAYS[kind].slice(promoted)) expect(retreatFrom(kind, state)).toBeUndefined();
  });
});

test("a restored database is opened once nobody writes to the damaged one, and then there is no way back", () => {
  const effects = stepsOf("restore").flatMap((edge) => edge.effects);
  expect(effects.slice(0, 3)).toEqual(["pause-target", "replace-target", "open-target"]);
  const opened = WAYS.restore.findIndex(([state]) => state === "open");
  for (const [state] of WAYS.restore.slice(opened)) expect(retreatFrom("restore", state)).toBeUndefined();
});

test("what is rebuilt was fenced before", () => {
  const effects = stepsOf("reprotect").flatMap((edge) => edge.effects);
  expect(effects.indexOf("fence-old")).toBeGreaterThanOrEqual(0);
  expect(effects.indexOf("rebuild-old")).toBeGreaterThan(effects.indexOf("fence-old"));
});
