import { describe, expect, it, onTestFinished, vi } from "vitest";
import { failoverGuards, objectionTo, type FailoverFacts } from "../../../automation/guards";

/** What the database server's clock says; the clock of the machine that runs the test has nothing to do with it. */
const now = new Date("2026-01-02T03:30:00Z");
const minutesAgo = (n: number): Date => new Date(now.getTime() - n * 60_000);

/** A failover that every guard lets pass. */
const good: FailoverFacts = {
  to: "secondary",
  toRole: "standby",
  current: { activeSite: "primary", epoch: 1 },
  epoch: 2,
  reached: 1,
  continues: false,
  unreachable: ["primary"],
  otherWarm: [],
  database: { kind: "replica", streaming: false, caughtUp: true, lastReplayAt: minutesAgo(2), lagMs: 120_000, nowAt: now },
  followsLeft: false,
  rpoMs: 15 * 60_000,
};

const promoted: FailoverFacts["database"] = { kind: "primary", readOnly: false, timeline: 2, nowAt: now };

describe("guards of a failover", () => {
  it("let a good one pass", () => {
    expect(objectionTo(failoverGuards, good)).toBeUndefined();
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
      "back to the site that was being left, while the other one may answer",
      { to: "primary", returns: { from: "secondary", opened: false }, unreachable: [] },
      /left after secondary's promotion had begun, and secondary is not named lost/,
      /resume finishes it; if secondary is lost: --unreachable secondary/,
    ],
    [
      "back to the site that was being left, once the other one was opened",
      { to: "primary", returns: { from: "secondary", opened: true }, unreachable: ["secondary"], database: promoted },
      /secondary was opened for writes before it was lost/,
      /--accept-loss/,
    ],
    ["with a stale epoch", { epoch: 1 }, /epoch 1 is stale: the sites have reached epoch 1/, /give 2/],
    ["to a database that takes writes", { database: promoted }, /not a replica/, /promoted/],
    [
      "to a database that does not answer",
      { database: { kind: "unreachable", reason: "ECONNREFUSED" } },
      /does not answer: ECONNREFUSED/,
      /another site/,
    ],
    [
      "to a replica of what a restore left",
      { followsLeft: true },
      /replica is of a database that the service has left/,
      /reprotect --site secondary while primary lives.*--accept-loss/,
    ],
    [
      "to a replica behind its RPO",
      { database: { kind: "replica", streaming: false, caughtUp: true, lastReplayAt: minutesAgo(16), lagMs: 0, nowAt: now } },
      /16m behind, beyond the RPO of 15m/,
      /--accept-loss/,
    ],
  ];
  it.each(refused)("refuse a failover %s, and say what would do", (_, change, reason, satisfy) => {
    const objection = objectionTo(failoverGuards, { ...good, ...change });
    expect(objection?.reason).toMatch(reason);
    expect(objection?.satisfy).toMatch(satisfy);
  });

  it("count lag up to the outage, where the operator knows it", () => {
    const facts = { ...good, database: { ...good.database, lastReplayAt: minutesAgo(40) } as FailoverFacts["database"] };
    expect(objectionTo(failoverGuards, facts)?.reason).toMatch(/40m behind/);
    expect(objectionTo(failoverGuards, { ...facts, outageSince: minutesAgo(39) })).toBeUndefined();
    // The operator's clock is an hour ahead: the outage cannot be later than now.
    expect(objectionTo(failoverGuards, { ...facts, outageSince: minutesAgo(-60) })?.reason).toMatch(/40m behind/);
  });

  it("measure lag by the database's clock alone, wherever the driver's may be", () => {
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const behind = { ...good, database: { ...good.database, lastReplayAt: minutesAgo(16) } as FailoverFacts["database"] };
    for (const driverIsOff of [-60, 0, 60]) {
      vi.useFakeTimers({ now: minutesAgo(driverIsOff) });
      expect(objectionTo(failoverGuards, good)).toBeUndefined();
      expect(objectionTo(failoverGuards, behind)?.reason).toMatch(/16m behind/);
    }
  });

  it("take a replica that streams and has replayed all for up to date, however old the last transaction is", () => {
    const idle = { ...good.database, streaming: true, lastReplayAt: minutesAgo(600) } as FailoverFacts["database"];
    expect(objectionTo(failoverGuards, { ...good, database: idle })).toBeUndefined();
    expect(objectionTo(failoverGuards, { ...good, database: { ...idle, caughtUp: false } as FailoverFacts["database"] })?.reason).toMatch(
      /10h behind/,
    );
  });

  it("let an operator accept the loss, by name", () => {
    const facts = { ...good, database: { ...good.database, lastReplayAt: minutesAgo(40) } as FailoverFacts["database"] };
    expect(objectionTo(failoverGuards, { ...facts, acceptLoss: "the region is gone for good" })).toBeUndefined();
  });

  it("go on with a changeover that stopped after its promotion", () => {
    expect(objectionTo(failoverGuards, { ...good, database: promoted, continues: true })).toBeUndefined();
  });

  it("go back to the site that was being left, which is active by all that the stacks show", () => {
    const back = { ...good, to: "primary", unreachable: ["secondary"], database: promoted, epoch: 3, reached: 2 };
    expect(objectionTo(failoverGuards, { ...back, returns: { from: "secondary", opened: false } })).toBeUndefined();
    const opened = { ...back, returns: { from: "secondary", opened: true } };
    expect(objectionTo(failoverGuards, { ...opened, acceptLoss: "gone for good" })).toBeUndefined();
    expect(objectionTo(failoverGuards, { ...opened, acceptLoss: "gone for good", epoch: 2 })?.reason).toMatch(/have reached epoch 2/);
  });
});
