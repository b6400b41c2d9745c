import { describe, expect, it } from "vitest";
import { switchoverGuards, type SwitchoverFacts } from "../../../automation/changeover/planned-guards";
import { objectionTo } from "../../../automation/guards";

const nowAt = new Date("2026-01-02T03:04:05Z");
const mark = { site: "primary", by: "guard", reason: "", at: nowAt };
const good: SwitchoverFacts = {
  from: "primary",
  to: "secondary",
  current: { activeSite: "primary", epoch: 3 },
  standing: { activeSite: "primary", epoch: 3 },
  active: { kind: "primary", readOnly: false, timeline: 2, nowAt, writes: { ...mark, state: "open", epoch: 3 } },
  replica: { kind: "replica", streaming: true, caughtUp: true, lagMs: 0, nowAt },
  followsLeft: false,
  workloads: [{ service: "payments", wanted: 1, ready: 1, updated: 1 }],
  services: ["payments"],
  maxLagMs: 900_000,
};

describe("guards of a planned move", () => {
  it("have nothing against two sites that are well", () => {
    expect(objectionTo(switchoverGuards, good)).toBeUndefined();
  });

  const refused: [string, Partial<SwitchoverFacts>, RegExp, RegExp][] = [
    ["to the active site", { to: "primary" }, /primary is the active site already, since epoch 3/, /nothing/],
    [
      "from a site that does not answer",
      { active: { kind: "unreachable", reason: "ECONNREFUSED" } },
      /primary's database does not answer: ECONNREFUSED/,
      /failover --to secondary/,
    ],
    [
      "from a site that is fenced",
      { active: { kind: "primary", readOnly: true, timeline: 2, nowAt, writes: { ...mark, state: "fenced", epoch: 4 } } },
      /fenced in epoch 4, the service's is 3/,
      /changeover_guard\.writes/,
    ],
    [
      "to a database that is no replica",
      { replica: { kind: "primary", readOnly: false, timeline: 2, nowAt } },
      /no replica of primary's/,
      /reprotect --site secondary/,
    ],
    ["to a replica of what a restore left", { followsLeft: true }, /no replica of primary's/, /reprotect --site secondary/],
    ["to a replica of another epoch's active site", { standing: { activeSite: "cold", epoch: 1 } }, /no replica of primary's/, /reprotect/],
    [
      "to a database that does not answer",
      { replica: { kind: "unreachable", reason: "timeout" } },
      /secondary's database does not answer: timeout/,
      /status/,
    ],
    [
      "to a replica that does not stream",
      { replica: { kind: "replica", streaming: false, caughtUp: true, lagMs: 0, nowAt } },
      /does not stream/,
      /replication/,
    ],
    [
      "to a replica far behind",
      { replica: { kind: "replica", streaming: true, caughtUp: false, lagMs: 960_000, nowAt } },
      /16m behind, more than 15m/,
      /caught up/,
    ],
    ["to a cluster that does not answer", { workloads: "Kubernetes API x: no answer in 2000 ms" }, /no answer/, /cluster/],
    ["to a site without one of the services", { workloads: [] }, /payments not ready/, /kubectl/],
    [
      "to pods that are not ready",
      { workloads: [{ service: "payments", wanted: 2, ready: 1, updated: 2 }] },
      /payments not ready/,
      /kubectl/,
    ],
    [
      "to a site scaled to nothing",
      { workloads: [{ service: "payments", wanted: 0, ready: 0, updated: 0 }] },
      /payments not ready/,
      /kubectl/,
    ],
  ];
  it.each(refused)("refuse a switchover %s, and say what would do", (_, change, reason, satisfy) => {
    const objection = objectionTo(switchoverGuards, { ...good, ...change });
    expect(objection?.reason).toMatch(reason);
    expect(objection?.satisfy).toMatch(satisfy);
  });

  it("are all there to object: none is never reached", () => {
    const names = refused.map(([, change]) => objectionTo(switchoverGuards, { ...good, ...change })?.guard);
    expect(new Set(names)).toEqual(new Set(switchoverGuards.map(({ name }) => name)));
  });
});
