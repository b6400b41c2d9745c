import { describe, expect, it } from "vitest";
import { orderOf } from "../../bench/failover";
import { figuresOf, type Measured } from "../../bench/figures";
import { floorOf } from "../../bench/floor";
import { residentOf } from "../../bench/memory";
import { isWhole } from "../../bench/options";
import { goalsOf } from "../../bench/reach";
import { resultsPage } from "../../bench/results";

const ABOUT: Measured = {
  command: "npm run bench",
  startedAt: "2026-01-02T03:04:05.000Z",
  tookMs: 3_600_000,
  host: { cpu: "a CPU", cores: 2, memoryGiB: 24, os: "an OS", node: "20.20.0" },
  plugins: { aws: "stand-in" },
};

/** Everything measured, and every goal met. */
const WHOLE: Measured = {
  ...ABOUT,
  floor: floorOf([
    { promotionMs: 200, readyPodMs: 800, ttlMs: 2_000, updateMs: 2_500 },
    { promotionMs: 400, readyPodMs: 600, ttlMs: 1_500, updateMs: 2_500 },
    { promotionMs: 300, readyPodMs: 700, ttlMs: 3_000, updateMs: 2_500 },
  ]),
  failover: { changeover: [3_000, 4_000, 2_000], script: [6_000, 5_000, 9_000], atOnce: [3_000] },
  switchover: {
    moves: [
      { pauseMs: 900, pauseFromMs: 4_000, databasePauseMs: 300, commandMs: 6_000, allServicesPauseMs: 700 },
      { pauseMs: 1_200, pauseFromMs: 5_000, databasePauseMs: 400, commandMs: 7_000, allServicesPauseMs: 800 },
    ],
    acknowledged: 5_000,
    lost: 0,
    duplicated: 0,
  },
  plans: [
    { services: 1_000, ms: 20_000, peakMiB: 900, operations: 5_000 },
    { services: 100, ms: 4_000, peakMiB: 400, operations: 500 },
    { services: 1_000, ms: 22_000, peakMiB: 950, operations: 5_000 },
    { services: 100, ms: 4_400, peakMiB: 420, operations: 500 },
  ],
};

const missed = (measured: Measured): string[] =>
  goalsOf(figuresOf(measured))
    .filter(({ met }) => !met)
    .map(({ name }) => name);

describe("the floor", () => {
  it("is the longer way of two: the database and then a pod, or DNS", () => {
    expect(WHOLE.floor).toMatchObject({ floorMs: 2_000, inSequenceMs: 3_000 });
    expect(floorOf([{ promotionMs: 3_000, readyPodMs: 700, ttlMs: 2_000, updateMs: 2_500 }])).toMatchObject({
      floorMs: 3_700,
      inSequenceMs: 5_700,
    });
  });
});

describe("figures", () => {
  it("hold medians against each other", () => {
    expect(figuresOf(WHOLE)).toMatchObject({
      failover: { changeoverMs: [3_000, 4_000, 2_000], scriptMs: [6_000, 5_000, 9_000] },
      failoverToScriptRatio: 0.5,
      failoverToFloorRatio: { min: 1, median: 1.5, max: 2 },
      switchover: {
        runs: 2,
        pauseMs: { median: 1_050, max: 1_200, values: [900, 1_200] },
        moves: [
          { pauseMs: 900, pauseFromMs: 4_000, databasePauseMs: 300, commandMs: 6_000 },
          { pauseMs: 1_200, pauseFromMs: 5_000, databasePauseMs: 400, commandMs: 7_000 },
        ],
        lost: 0,
        duplicated: 0,
      },
      plan: [
        { services: 100, ms: 4_200, peakMiB: 420, operations: 500 },
        { services: 1_000, ms: 21_000, peakMiB: 950, operations: 5_000 },
      ],
      planGrowth: { timeRatio: 5, timePerServiceRatio: 0.5 },
    });
  });

  it("leave out what was not measured", () => {
    const { failover, ...rest } = WHOLE;
    expect(Object.keys(figuresOf(ABOUT))).toEqual(Object.keys(ABOUT));
    expect(figuresOf({ ...ABOUT, ...(failover && { failover }) })).not.toHaveProperty("failoverToFloorRatio");
    expect(figuresOf(rest)).not.toHaveProperty("failoverToScriptRatio");
  });
});

describe("the reach", () => {
  it("is met", () => {
    expect(goalsOf(figuresOf(WHOLE))).toHaveLength(7);
    expect(missed(WHOLE)).toEqual([]);
  });

  const spoilt: [string, Partial<Measured>, RegExp][] = [
    ["a script that is faster", { failover: { changeover: [3_000], script: [2_999], atOnce: [3_000] } }, /failover by hand/],
    ["more than twice the floor", { failover: { changeover: [4_001], script: [5_000], atOnce: [3_000] } }, /floor/],
    [
      "one pause too long",
      { switchover: { ...WHOLE.switchover!, moves: WHOLE.switchover!.moves.map((move) => ({ ...move, pauseMs: 3_001 })) } },
      /longest write pause/,
    ],
    ["one write lost", { switchover: { ...WHOLE.switchover!, lost: 1 } }, /lost/],
    ["one write made twice", { switchover: { ...WHOLE.switchover!, duplicated: 1 } }, /twice/],
    [
      "more than linear growth",
      { plans: WHOLE.plans!.map((plan) => (plan.services === 1_000 ? { ...plan, ms: 43_000 } : plan)) },
      /for each/,
    ],
    ["too much memory once", { plans: WHOLE.plans!.map((plan, i) => (i === 0 ? { ...plan, peakMiB: 2_049 } : plan)) }, /memory/],
  ];
  it.each(spoilt)("is missed by %s, and by nothing else", (_, change, name) => {
    expect(missed({ ...WHOLE, ...change })).toEqual([expect.stringMatching(name)]);
  });
});

describe("the page", () => {
  it("has every part with its figures", () => {
    const page = resultsPage(figuresOf(WHOLE));
    for (const part of ["Reach", "Failover", "Floor", "Switchover", "Plan"]) expect(page).toContain(`\n## ${part}\n`);
    expect(page).toContain("a CPU, 2 cores");
    expect(page).toContain("| changeover, ms | 3 | 3000 | 2000 | 4000 | 1000 |");
    expect(page).toContain("| 1000 | 5000 | 2 | 21000 | 20000 | 22000 | 1000 | 950 |");
    expect(page).not.toMatch(/undefined|NaN|missed/);
  });

  it("says what was missed, and has no part that was not measured", () => {
    const page = resultsPage(figuresOf({ ...ABOUT, failover: { changeover: [2], script: [1], atOnce: [3_000] } }));
    expect(page).toContain("**missed**");
    expect(page).not.toMatch(/## (Floor|Switchover|Plan)/);
  });

  it("is kept only where everything was measured often enough", () => {
    expect(isWhole({ runs: 5, switchovers: 20 })).toBe(true);
    expect([isWhole({ runs: 4, switchovers: 20 }), isWhole({ runs: 5, switchovers: 19 })]).toEqual([false, false]);
    expect(isWhole({ runs: 5, switchovers: 20, only: "plan" })).toBe(false);
  });
});

describe("the order of failovers", () => {
  it("gives each way each direction", () => {
    expect([0, 1, 2, 3].map((round) => orderOf(round).indexOf("changeover"))).toEqual([0, 1, 0, 1]);
  });
});

describe("memory of a process", () => {
  it("is what proc says, and nothing of one that is gone", () => {
    expect(residentOf("VmPeak:\t  900 kB\nVmRSS:\t    12 kB\nThreads:\t1\n")).toBe(12_288);
    expect(residentOf("")).toBe(0);
  });
});
