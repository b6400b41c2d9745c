import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { account, accountOfMoves, type Row } from "../../../lab/clients/account";
import { Ledger, readLedger, type Attempt } from "../../../lab/clients/ledger";

const T = 1_700_000_000_000;
const OUTAGE = T + 10_000;

/** An acknowledged attempt, `ms` after T. */
const ack = (key: string, ms: number, rest: Partial<Attempt> = {}): Attempt => ({
  key,
  service: "payments",
  tier: 1,
  attempts: 1,
  at: T + ms - 10,
  monotonicMs: ms,
  tookMs: 10,
  outcome: "acknowledged",
  status: 200,
  ackAt: T + ms,
  site: "primary",
  epoch: 1,
  created: true,
  ...rest,
});

const failed = (key: string, ms: number, rest: Partial<Attempt> = {}): Attempt => ({
  key,
  service: "payments",
  tier: 1,
  attempts: 1,
  at: T + ms,
  monotonicMs: ms,
  tookMs: 10,
  outcome: "error",
  error: "ECONNREFUSED",
  ...rest,
});

const second = { site: "secondary", epoch: 2 };
const row = (key: string, rest: Partial<Row> = {}): Row => ({
  key,
  service: "payments",
  site: "primary",
  epoch: 1,
  writtenAt: new Date(T),
  ...rest,
});

describe("what was lost", () => {
  it("is nothing when every acknowledged key has its row", () => {
    const result = account([ack("a", 1_000), ack("b", 2_000), failed("c", 3_000)], [row("a"), row("b")], { outageAt: OUTAGE });
    expect(result).toMatchObject({ acknowledged: 2, lost: 0, lostKeys: [], duplicated: 0, oldestLostAgeMs: 0 });
  });

  it("is each acknowledged key without a row; the age is the oldest one's, at the outage", () => {
    const result = account([ack("a", 1_000), ack("b", 9_500), ack("c", 9_900)], [row("a")], { outageAt: OUTAGE });
    expect(result).toMatchObject({ lost: 2, lostKeys: ["b", "c"], oldestLostAgeMs: 500 });
  });

  it("does not hold keys that were never acknowledged, nor rows that nobody was told of", () => {
    const result = account([failed("a", 9_990), ack("b", 9_000)], [row("b"), row("a")], { outageAt: OUTAGE });
    expect(result).toMatchObject({ acknowledged: 1, lost: 0, duplicated: 0 });
  });

  it("has no age before the outage for a write that was lost after it", () => {
    expect(account([ack("a", 10_500)], [], { outageAt: OUTAGE })).toMatchObject({ lost: 1, oldestLostAgeMs: 0 });
  });

  it("counts a key once, from its first acknowledgement", () => {
    const result = account([ack("a", 9_000), ack("a", 9_400, { attempts: 2, created: false })], [], { outageAt: OUTAGE });
    expect(result).toMatchObject({ acknowledged: 1, lost: 1, oldestLostAgeMs: 1_000 });
  });
});

describe("what was written twice", () => {
  it("is a key with two rows, acknowledged or not", () => {
    expect(account([ack("a", 1_000)], [row("a"), row("a", second), row("x"), row("x")], { outageAt: OUTAGE }).duplicated).toBe(2);
  });

  it("is a key that two acknowledgements say they created", () => {
    const twice = [ack("a", 9_000), ack("a", 20_000, { ...second, attempts: 2, created: true })];
    expect(account(twice, [row("a", second)], { outageAt: OUTAGE })).toMatchObject({ acknowledged: 1, duplicated: 1, lost: 0 });
  });

  it("is not a write that is told again", () => {
    const again = [failed("a", 9_000), ack("a", 20_000, { ...second, attempts: 2, created: false })];
    expect(account(again, [row("a")], { outageAt: OUTAGE }).duplicated).toBe(0);
  });
});

describe("two writers", () => {
  const moves = [
    { epoch: 2, to: "secondary", at: OUTAGE },
    { epoch: 3, to: "primary", at: T + 30_000 },
  ];
  const elsewhere = (ledger: Attempt[]): number[] => accountOfMoves(ledger, [], moves).moves.map((move) => move.elsewhere);

  it("show as acknowledgements of another site for what was sent after the target acknowledged", () => {
    const ledger = [ack("a", 9_000), ack("b", 20_000, second), ack("c", 20_500), ack("d", 21_000, second)];
    expect(elsewhere(ledger)).toEqual([1, 0]);
    const back = [ack("e", 31_000, { epoch: 3 }), ack("f", 32_000, second), ack("g", 33_000, second)];
    expect(elsewhere([...ledger, ...back])).toEqual([1, 2]);
  });

  it("do not show in an answer that was under way when the target began", () => {
    const late = ack("c", 20_005, { at: T + 19_990, tookMs: 15 });
    expect(elsewhere([ack("b", 20_000, second), late])).toEqual([0, 0]);
  });

  it("are not the pods of one site, some of which have not been told of the new epoch", () => {
    const old = { ...second, epoch: 1 };
    expect(elsewhere([ack("a", 20_000, old), ack("b", 20_100, second), ack("c", 20_200, old), ack("d", 31_000, second)])).toEqual([0, 0]);
  });
});

describe("downtime", () => {
  const every = (from: number, to: number, step: number, rest: Partial<Attempt> = {}): Attempt[] =>
    Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) =>
      ack(`${rest.service ?? "payments"}-${from + i * step}`, from + i * step, rest),
    );

  it("runs from the last acknowledgement before the outage to the first after", () => {
    const result = account([...every(1_000, 9_900, 100), failed("x", 15_000), ...every(40_000, 41_000, 100, second)], [], {
      outageAt: OUTAGE,
    });
    expect(result.services).toEqual([
      { service: "payments", tier: 1, lastAckBefore: T + 9_900, firstAckAfter: T + 40_000, downtimeMs: 30_100 },
    ]);
    expect(result.clientDowntimeMs).toBe(30_100);
  });

  it("does not end at an answer that was on its way when the outage began", () => {
    const result = account([...every(1_000, 10_050, 50), ...every(40_000, 41_000, 100, second)], [], { outageAt: OUTAGE });
    expect(result.services[0]).toMatchObject({ lastAckBefore: T + 10_050, firstAckAfter: T + 40_000, downtimeMs: 29_950 });
  });

  it("lasts to the end where nothing came back", () => {
    const result = account([...every(1_000, 9_900, 100), failed("x", 29_990)], [], { outageAt: OUTAGE });
    expect(result.services[0]).toMatchObject({ lastAckBefore: T + 9_900, firstAckAfter: undefined, downtimeMs: 20_100 });
  });

  it("counts from the outage for a service that had never answered", () => {
    const result = account([failed("x", 9_000), ack("y", 15_000, second)], [], { outageAt: OUTAGE });
    expect(result.services[0]).toMatchObject({ lastAckBefore: undefined, firstAckAfter: T + 15_000, downtimeMs: 5_000 });
  });

  it("of a tier runs until the last of its services is back; of the clients until the first", () => {
    const ledger = [
      ...every(1_000, 9_900, 100),
      ...every(1_000, 9_800, 100, { service: "auth" }),
      ...every(20_000, 60_000, 100, second),
      ...every(50_000, 60_000, 100, { service: "auth", ...second }),
      ...every(1_000, 60_000, 100, { service: "emergency-call", tier: 0 }),
    ];
    const result = account(ledger, [], { outageAt: OUTAGE });
    expect(result.tiers.map(({ tier, downtimeMs }) => [tier, downtimeMs])).toEqual([
      [0, 100],
      [1, 40_200],
    ]);
    expect(result.tiers[1]).toMatchObject({ lastAckBefore: T + 9_800, firstAckAfter: T + 50_000 });
    expect(result.clientDowntimeMs).toBe(100);
  });

  it("of a tier has no end while one service is not back", () => {
    const ledger = [
      ...every(1_000, 9_900, 100),
      ack("y", 9_000, { service: "auth" }),
      failed("z", 60_000, { service: "auth" }),
      ...every(20_000, 60_000, 100, second),
    ];
    expect(account(ledger, [], { outageAt: OUTAGE }).tiers[0]).toMatchObject({ firstAckAfter: undefined, downtimeMs: 51_010 });
  });

  it("looks no further than the window", () => {
    const ledger = [...every(1_000, 9_900, 100), ...every(12_000, 20_000, 100, second), ...every(60_000, 61_000, 100, second)];
    expect(account(ledger, [], { outageAt: OUTAGE, until: T + 20_000 })).toMatchObject({ clientDowntimeMs: 2_100 });
    expect(account(ledger, [], { outageAt: OUTAGE }).clientDowntimeMs).toBe(40_000);
  });
});

describe("several moves", () => {
  const home = { site: "primary", epoch: 3 };
  /** Writes every 100 ms: in epoch 1 up to 9.9 s, in epoch 2 from 40 s to 60 s, in epoch 3 from 62 s to 70 s. */
  const stretch = (from: number, to: number, rest: Partial<Attempt>): Attempt[] =>
    Array.from({ length: Math.round((to - from) / 100) + 1 }, (_, i) => ack(`${rest.epoch ?? 1}-${from + i * 100}`, from + i * 100, rest));
  const ledger = [...stretch(1_000, 9_900, {}), ...stretch(40_000, 60_000, second), ...stretch(62_000, 70_000, home)];
  const rows = (without: string[] = []): Row[] =>
    [...new Set(ledger.map(({ key }) => key))].filter((key) => !without.includes(key)).map((key) => row(key));
  const moves = [
    { epoch: 2, to: "secondary", at: OUTAGE },
    { epoch: 3, to: "primary", at: T + 59_000 },
  ];

  it("each has the losses of the epoch that it ended, and the account in all has every one", () => {
    const { total, moves: each } = accountOfMoves(ledger, rows(["1-9800", "1-9900", "2-58000"]), moves);
    expect(each.map(({ epoch, acknowledged, lost, oldestLostAgeMs }) => [epoch, acknowledged, lost, oldestLostAgeMs])).toEqual([
      [2, 90, 2, 200],
      [3, 201, 1, 1_000],
    ]);
    expect(total).toMatchObject({ acknowledged: 372, lost: 3 });
  });

  it("what the last epoch lost no move has to answer for, but the account in all", () => {
    const { total, moves: each } = accountOfMoves(ledger, rows(["3-65000"]), moves);
    expect([total.lost, ...each.map(({ lost }) => lost)]).toEqual([1, 0, 0]);
  });

  it("a write that is acknowledged again in a later epoch belongs to the first", () => {
    const again = ack("1-9900", 41_000, { ...second, attempts: 2, created: true });
    const { total, moves: each } = accountOfMoves([...ledger, again], rows(), moves);
    expect([total.duplicated, ...each.map(({ duplicated }) => duplicated)]).toEqual([1, 1, 0]);
  });

  it("each has its own downtime, up to the next one", () => {
    const { moves: each } = accountOfMoves(ledger, rows(), moves);
    expect(each.map(({ clientDowntimeMs }) => clientDowntimeMs)).toEqual([30_100, 2_000]);
  });

  it("the longest pause is that of the service that waited longest, also where another was served", () => {
    const other = { service: "auth" };
    const busy = [
      ...stretch(1_000, 60_000, other),
      ...stretch(63_500, 70_000, { ...other, ...home }),
      ...stretch(60_100, 70_000, { service: "booking", ...home }),
    ];
    const { moves: each } = accountOfMoves([...ledger, ...busy], rows(), moves);
    expect(each[1]).toMatchObject({ clientDowntimeMs: 100, longestServicePauseMs: 3_500, longestServicePauseAt: T + 60_000 });
  });

  it("there has to be one", () => {
    expect(() => accountOfMoves(ledger, rows(), [])).toThrow(RangeError);
  });
});

describe("the ledger", () => {
  const folder = mkdtempSync(join(tmpdir(), "ledger-"));
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("comes back as it was written, without a last line that was cut short", () => {
    const file = join(folder, "deep", "ledger.jsonl");
    const ledger = new Ledger(file);
    const attempts = [ack("a", 1), failed("b", 2)];
    attempts.forEach((attempt) => {
      ledger.add(attempt);
    });
    ledger.close();
    writeFileSync(file, '{"key":"c","serv', { flag: "a" });
    expect(readLedger(file)).toEqual(attempts);
  });
});
