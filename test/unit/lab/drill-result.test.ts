import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FailoverReport } from "../../../automation/failover";
import { metAll, objectivesOf, rtoOf, segmentBudgets, segmentsOf } from "../../../lab/drill/result";
import { loadTopology } from "../../../stacks/topology-file";

const topology = loadTopology(join(__dirname, "../../../topology.yaml"));

const report: FailoverReport = {
  kind: "failover",
  from: "primary",
  to: "secondary",
  epoch: 2,
  startedAt: 104_000,
  segmentsMs: { decide: 900, fence: 5, promote: 1_200, services: 2_000, traffic: 40, verify: 55 },
  tiers: [],
  recoveredMs: 4_200,
  totalMs: 6_000,
  verified: { key: "k", attempts: 3, tookMs: 2_100, address: "127.20.0.80" },
  journal: "",
};
const moments = { outageAt: 100_000, detectedAt: 103_100, report };

describe("a drill's figures", () => {
  it("segments add up to the time from outage to verified write", () => {
    const segments = segmentsOf(moments);
    expect(segments.detect).toBe(3_100);
    expect(segments.decide).toBe(1_800);
    expect(Object.values(segments).reduce((a, b) => a + b, 0)).toBe(rtoOf(moments));
    expect(rtoOf(moments)).toBe(8_200);
  });

  it("every segment belongs to one phase of the runbook", () => {
    const budgets = segmentBudgets(topology);
    expect(budgets.flatMap(({ segments }) => segments).sort()).toEqual(Object.keys(segmentsOf(moments)).sort());
    expect(budgets.map(({ budgetMs }) => budgetMs / 60_000)).toEqual([10, 20, 30]);
  });

  it("objectives are the topology's, met at their bound and missed beyond it", () => {
    expect(objectivesOf(topology, 3_600_000, 900_000).map(({ met }) => met)).toEqual([true, true]);
    expect(objectivesOf(topology, 3_600_001, 900_001).map(({ met }) => met)).toEqual([false, false]);
  });

  it("one tier that missed spoils the drill", () => {
    const objectives = objectivesOf(topology, 1, 0);
    expect(metAll({ objectives, tiers: [{ tier: 0, readyMs: 1, budgetMs: 2, met: true }] })).toBe(true);
    expect(metAll({ objectives, tiers: [{ tier: 0, readyMs: null, budgetMs: 2, met: false }] })).toBe(false);
  });
});
