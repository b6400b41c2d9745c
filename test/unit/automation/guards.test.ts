import { describe, expect, it } from "vitest";
import { objectionTo, type FailoverFacts } from "../../../automation/guards";

const now = new Date("2026-01-02T03:30:00Z");
const minutesAgo = (n: number): Date => new Date(now.getTime() - n * 60_000);

/** A failover that every guard lets pass. */
const good: FailoverFacts = {
  to: "secondary",
  toRole: "standby",
  current: { activeSite: "primary", epoch: 1 },
  epoch: 2,
  continues: false,
  unreachable: ["primary"],
  otherWarm: [],
  database: { kind: "replica", streaming: false, caughtUp: true, lastReplayAt: minutesAgo(2), lagMs: 120_000 },
  rpoMs: 15 * 60_000,
  now,
};

describe("guards of a failover", () => {
  it("let a good one pass", () => {
    expect(objectionTo(good)).toBeUndefined();
  });

  const refused: [string, Partial<FailoverFacts>, RegExp, RegExp][] = [
    [
      "to the active site",
      { current: { activeSite: "secondary", epoch: 4 }, epoch: 5 },
      /secondary is the active site already, since epoch 4/,
      /nothing/,
    ],
    ["to a dormant site", { toRole: "dormant", to: "cold", otherWarm: ["secondary"] }, /cold is dormant/, /secondary/],
    ["to a site named lost", { unreachable: ["primary", "secondary"] }, /both the target and named unreachable/, /only lost/],
    [
      "while the active site is not given up",
      { unreachable: [] },
      /primary is active and was not named unreachable/,
      /--unreachable primary/,
    ],
    ["with a stale epoch", { epoch: 1 }, /epoch 1 is stale: the sites have reached epoch 1/, /give 2/],
    ["to a database that takes writes", { database: { kind: "primary", readOnly: false, timeline: 2 } }, /not a replica/, /promoted/],
    [
      "to a database that does not answer",
      { database: { kind: "unreachable", reason: "ECONNREFUSED" } },
      /does not answer: ECONNREFUSED/,
      /another site/,
    ],
    [
      "to a replica behind its RPO",
      { database: { kind: "replica", streaming: false, caughtUp: true, lastReplayAt: minutesAgo(16), lagMs: 0 } },
      /16m behind, beyond the RPO of 15m/,
      /--accept-loss/,
    ],
  ];
  it.each(refused)("refuse a failover %s, and say what would do", (_, change, reason, satisfy) => {
    const objection = objectionTo({ ...good, ...change });
    expect(objection?.reason).toMatch(reason);
    expect(objection?.satisfy).toMatch(satisfy);
  });

  it("count lag up to the outage, where the operator knows it", () => {
    const facts = { ...good, database: { ...good.database, lastReplayAt: minutesAgo(40) } as FailoverFacts["database"] };
    expect(objectionTo(facts)?.reason).toMatch(/40m behind/);
    expect(objectionTo({ ...facts, outageSince: minutesAgo(39) })).toBeUndefined();
  });

  it("let an operator accept the loss, by name", () => {
    const facts = { ...good, database: { ...good.database, lastReplayAt: minutesAgo(40) } as FailoverFacts["database"] };
    expect(objectionTo({ ...facts, acceptLoss: "the region is gone for good" })).toBeUndefined();
  });

  it("go on with a changeover that stopped after its promotion", () => {
    const promoted = { ...good, database: { kind: "primary", readOnly: false, timeline: 2 } } as FailoverFacts;
    expect(objectionTo({ ...promoted, continues: true })).toBeUndefined();
  });
});
