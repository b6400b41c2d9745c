import { setImmediate } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { RETREATS, stepsOf, type Kind, type Step } from "../../../automation/changeover/table";
import { decide } from "../../../guard/decide";
import { explore } from "../../model/explore";
import { leavingStandbys, sightOf, trustingAnySwitch } from "../../model/guard";
import { printTrace } from "../../model/print";
import { inOrder, PRODUCT, withEffects } from "../../model/rules";
import { dormant, exposed, initial, type Rules } from "../../model/state";

const MINUTES = 300_000;

/** What is wrong, with its shortest trace; empty where nothing is. */
function fault(start: typeof initial, changeovers: number, trouble: number | undefined, spoilt: Partial<Rules> = {}): string {
  const { violation } = explore(start(changeovers, trouble), { ...PRODUCT, ...spoilt });
  return violation ? printTrace(violation) : "";
}

// An exploration lets nothing else run: vitest's own messages go out in between.
beforeEach(() => setImmediate());

describe("the product's table and guard", () => {
  // Bounds, here and below: `trouble` is how many losses of a site and cut links there are in all; without it, any number,
  // one lost site and one cut link at a time. Drivers are killed any number of times.
  test.each([
    { of: "one changeover, any number of faults", start: initial, changeovers: 1, trouble: undefined },
    { of: "two, from a site that stands alone, any number of faults", start: exposed, changeovers: 2, trouble: undefined },
    { of: "two, of two operators, one loss or cut", start: initial, changeovers: 2, trouble: 1 },
    { of: "one, with a dormant site, any number of faults", start: dormant, changeovers: 1, trouble: undefined },
    { of: "two, with a dormant site, one loss or cut", start: dormant, changeovers: 2, trouble: 1 },
  ])(
    "$of",
    ({ start, changeovers, trouble }) => {
      expect(fault(start, changeovers, trouble)).toBe("");
    },
    MINUTES,
  );

  test(
    "the whole circle, three changeovers, one loss or cut, guards that renew in time",
    () => {
      expect(fault(initial, 3, 1, { guardsInTime: true })).toBe("");
    },
    MINUTES,
  );

  test("a site that cannot be asked only ever keeps writes shut, so no link to a third one need be cut", () => {
    const guard: Rules["guard"] = (state, place) => {
      const sight = sightOf(state, place);
      const switches = { ...sight.switches, C: { state: "unreadable", reason: "cut" } as const };
      const asked = decide(sight);
      expect([asked.action, "fence"]).toContain(decide({ ...sight, switches }).action);
      return asked;
    };
    const explored = explore(initial(1, 1), { ...PRODUCT, guard, guardsInTime: true });
    expect(explored.states).toBeGreaterThan(1_000);
  });

  test("every step is taken, and so is every way back", () => {
    const seen = new Set<string>();
    const guard: Rules["guard"] = (state, place) => {
      for (const driver of state.drivers) if (driver) seen.add(`${driver.kind} ${driver.ended}${driver.undoing ? " back" : ""}`);
      return PRODUCT.guard(state, place);
    };
    for (const start of [initial, exposed, dormant]) explore(start(1, 0), { ...PRODUCT, guard });
    for (const kind of ["failover", "switchover", "reprotect", "activation"] as const) {
      const told = stepsOf(kind).flatMap(({ effects }, at) => (effects.length > 0 ? [`${kind} ${at}`] : []));
      expect([...seen]).toEqual(expect.arrayContaining(told));
    }
    expect([...seen]).toEqual(expect.arrayContaining(["failover 3 back", "switchover 4 back", "switchover 5 back", "switchover 6 back"]));
  });
});

/** The table with a kind's steps as `order` makes them. */
function steps(kind: Kind, order: (steps: Step[]) => Step[]): Partial<Rules> {
  return { edges: inOrder(kind, order(stepsOf(kind).map(({ step }) => step))) };
}

const without =
  (...left: Step[]) =>
  (all: Step[]): Step[] =>
    all.filter((step) => !left.includes(step));

/** Moves a step to where it stands right after another one. */
const after =
  (step: Step, before: Step) =>
  (all: Step[]): Step[] =>
    without(step)(all).flatMap((one) => (one === before ? [one, step] : [one]));

const TWO_WRITERS = "two sites accept writes";
const LOST = "a switchover lost an acknowledged write";
const STUCK = "no way on from here";

describe("planted faults are found, with the shortest way there", () => {
  test("a failover that promotes before it fences", () => {
    const trace = fault(initial, 1, 0, steps("failover", after("fence", "promote")));
    console.log(trace);
    expect(trace).toMatch(
      /^two sites accept writes\n {2}0\. at the start .*\n.*an operator begins: failover.*\n.*promote-target \(asked\).*\n.*B's promotion is done .*A: primary.*WRITES; B: primary.*WRITES$/,
    );
  });

  test("a switchover that opens before it drains", () => {
    const trace = fault(initial, 1, 0, steps("switchover", after("drain", "open")));
    expect(trace).toContain(LOST);
    expect(trace).toMatch(/A acknowledges a write[^]*pause-old[^]*promote-target/);
  });

  test("a switchover that drains before it pauses", () => {
    expect(fault(initial, 1, 1, steps("switchover", after("pause", "drain")))).toContain(LOST);
  });

  test("a switchover that steers before it pauses: the old site's guard fences it, and the pause is refused", () => {
    const trace = fault(initial, 1, 0, steps("switchover", after("pause", "steer")));
    expect(trace).toContain(STUCK);
    expect(trace.split("\n").at(-1)).toContain("A's guard looks: fence");
  });

  test("a failover that turns the target's switch on after the promotion: the old site's guard looks, and sees nothing", () => {
    const trace = fault(initial, 1, 0, { edges: withEffects("failover", "fence", ["fence-old"]) });
    expect(trace).toContain(TWO_WRITERS);
    expect(trace).toContain("A's guard looks: renew");
  });

  test("a re-protection that does not fence: the database that is left still takes writes", () => {
    expect(fault(initial, 2, 0, steps("reprotect", without("fence")))).toContain("a database that is left still takes writes");
  });

  test("an activation that opens before its switch is on: a site that comes back does not know", () => {
    expect(fault(dormant, 1, 1, steps("activation", after("fence", "open")))).toContain(TWO_WRITERS);
  });

  test("a way back that leaves writes paused", () => {
    const retreats = RETREATS.map((retreat) => ({ ...retreat, undo: "leave" as const }));
    expect(fault(initial, 1, 0, { retreats })).toContain(STUCK);
  });

  test("a way back that forgets the step that was begun", () => {
    expect(fault(initial, 1, 0, { begunCounts: false })).toContain(STUCK);
  });

  test("a way forward after a way back was begun", () => {
    expect(fault(initial, 1, 0, { retreatIsFinal: false })).toMatch(new RegExp(`^(${TWO_WRITERS}|${LOST})`));
  });

  test("a failover that takes over and, given up, leaves what the one before had done", () => {
    expect(fault(initial, 2, 0, { heirsPay: false })).toContain(STUCK);
  });

  test("a failover that takes over and, given up, does not know that a promotion was asked for", () => {
    expect(fault(initial, 2, 0, { retreatKnowsPromotion: false })).toContain(TWO_WRITERS);
  });

  test("a failover back to the site that was being left, in the epoch of the one that is lost", () => {
    const trace = fault(initial, 2, 1, { beyondLeft: false });
    expect(trace).toContain(TWO_WRITERS);
    expect(trace).toMatch(/promote-target \(asked\)[^]*begins: failover, target A, A is active, epoch 2/);
  });

  test(
    "a guard that lets a standby be which was promoted and then overtaken",
    () => {
      expect(fault(initial, 3, 1, { guard: leavingStandbys, guardsInTime: true })).toContain(TWO_WRITERS);
    },
    MINUTES,
  );

  test("two operators who do not see each other's changeovers", () => {
    expect(fault(initial, 2, 0, { seesOthers: false })).toContain(TWO_WRITERS);
  });

  test("a guard that opens once it could read any switch, the cold site's too", () => {
    const trace = fault(initial, 1, undefined, { guard: trustingAnySwitch, guardsInTime: true });
    expect(trace).toContain(TWO_WRITERS);
    expect(trace).toMatch(/A comes back[^]*A-B is cut.*\n.*A's guard looks: open .*\n.*A: primary.*WRITES; B: primary.*WRITES; A-B cut$/);
  });

  test("a guard that opens a mark other than the one it read", () => {
    expect(fault(initial, 1, 0, { comparesMark: false })).toContain(TWO_WRITERS);
  });

  test("a lease that never runs out", () => {
    const trace = fault(initial, 1, 1, { leaseRunsOut: false });
    expect(trace).toContain("A came back and accepts writes before its guard has looked");
  });

  test(
    "an unplanned failover home: the switch of the site that was left keeps traffic there until its guard turns it off",
    () => {
      const home = { traffic: true, guardsInTime: true };
      expect(fault(exposed, 2, 1, { ...home, fencedTurnsSwitchOff: false })).toContain(STUCK);
      expect(fault(exposed, 2, 1, home)).toBe("");
    },
    MINUTES,
  );
});

describe("harmless to writes", () => {
  test(
    "a switchover that does not retire the old site: it stays paused, and its guard fences it",
    () => {
      expect(fault(initial, 2, 0, steps("switchover", without("retire")))).toBe("");
    },
    MINUTES,
  );

  test("a failover that does not open the target: the guard of the new epoch does", () => {
    expect(fault(initial, 1, 0, steps("failover", without("open")))).toBe("");
  });
});
