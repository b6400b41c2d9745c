import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Switch } from "../../../guard/decide";
import { Guard } from "../../../guard/guard";
import { readSettings } from "../../../guard/settings";
import { parseSwitch } from "../../../guard/switches";
import * as writes from "../../../guard/writes";

vi.mock("../../../guard/writes", { spy: true });

const ENV = {
  SITE: "primary",
  ROLE: "active",
  EPOCH: "1",
  DATABASE_HOST: "127.0.0.1",
  DATABASE_NAME: "service",
  DATABASE_USER: "changeover",
  DATABASE_ADMIN_PASSWORD: "open sesame",
  APP_ROLE: "service_app",
  SWITCH_REGION: "eu-north-1",
  SWITCH_BUCKET: "a",
  SITES: JSON.stringify([{ site: "secondary", region: "eu-west-1", bucket: "b" }]),
  INTERVAL_MS: "2000",
  LEASE_MS: "10000",
  CONFIRMED_UNTIL: "",
  POD_NAME: "guard-1",
};
const AT = new Date("2026-01-31T12:00:00Z");
const MARK = { site: "primary", epoch: 1, state: "open", by: "x", reason: "", at: AT } as const;

describe("a guard", () => {
  let switches: Record<string, Switch>;
  let seen: writes.Writes;
  let lines: { message: string; reason: unknown }[];
  let guard: Guard;
  const turnOwnSwitchOff = vi.fn<(upTo: number) => Promise<string>>();

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance", "Date"] });
    switches = { secondary: { state: "off" } };
    seen = { at: AT, recovering: false, mark: MARK, leaseLeftMs: 5_000 };
    lines = [];
    vi.mocked(writes.readWrites).mockImplementation(() => Promise.resolve(seen));
    vi.mocked(writes.renewLease).mockResolvedValue(true);
    vi.mocked(writes.openWrites).mockResolvedValue();
    vi.mocked(writes.fenceWrites).mockResolvedValue({ lsn: "0/0", ended: 0 });
    vi.mocked(writes.endSessions).mockResolvedValue(0);
    turnOwnSwitchOff.mockResolvedValue("off");
    guard = new Guard(readSettings(ENV), {
      readSwitches: () => Promise.resolve(switches),
      turnOwnSwitchOff,
      withDatabase: (work) => work(new Client()),
      log: (message, { reason }) => lines.push({ message, reason }),
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.clearAllMocks();
  });

  it("is not ready before it has looked", async () => {
    expect(guard.ready).toBe(false);
    await guard.look();
    expect(guard.ready).toBe(true);
  });

  it("gives a lease from the moment at which it looked, and says so once", async () => {
    await guard.look();
    await guard.look();
    expect(vi.mocked(writes.renewLease).mock.calls.map(([, of]) => of)).toEqual(
      Array(2).fill({ role: "service_app", epoch: 1, leaseMs: 10_000, seen: AT }),
    );
    expect(lines).toEqual([{ message: "renew", reason: "active in epoch 1" }]);
    expect(guard.status).toMatchObject({ site: "primary", ready: true, decision: { action: "renew" }, switches, writes: { mark: MARK } });
  });

  it("opens only what it has read", async () => {
    seen = { at: AT, recovering: false, mark: { ...MARK, epoch: 0 } };
    await guard.look();
    seen = { at: AT, recovering: false };
    await guard.look();
    expect(
      vi
        .mocked(writes.openWrites)
        .mock.calls.map(([, { epoch, replacing, leaseMs, seen: from, by }]) => [epoch, replacing, leaseMs, from, by]),
    ).toEqual([
      [1, { ...MARK, epoch: 0 }, 10_000, AT, "guard of primary (guard-1)"],
      [1, null, 10_000, AT, "guard of primary (guard-1)"],
    ]);
    expect(guard.ready).toBe(true);
  });

  it("fences in the epoch that it saw, and turns unready even if that cannot be done", async () => {
    await guard.look();
    switches = { secondary: { state: "on", activeSite: "secondary", epoch: 2 } };
    vi.mocked(writes.fenceWrites).mockRejectedValueOnce(new Error("no connection"));
    await guard.look();
    expect(guard.ready).toBe(false);
    expect(guard.status).toMatchObject({ failure: { error: "no connection" } });
    await guard.look();
    expect(vi.mocked(writes.fenceWrites).mock.calls[1]?.[1]).toMatchObject({
      database: "service",
      role: "service_app",
      site: "primary",
      epoch: 2,
      replacing: MARK,
    });
    expect(guard.ready).toBe(false);
    expect(guard.status).not.toHaveProperty("failure");
    switches = { secondary: { state: "off" } };
    await guard.look();
    expect(guard.ready).toBe(true);
  });

  it("turns its own switch off after a fence for a later epoch, in each round, and says so once", async () => {
    switches = { secondary: { state: "on", activeSite: "secondary", epoch: 2 } };
    await guard.look();
    seen = { ...seen, mark: { ...MARK, epoch: 2, state: "fenced" } };
    await guard.look();
    await guard.look();
    expect(turnOwnSwitchOff.mock.calls).toEqual([[1], [1], [1]]);
    const order = (mock: { mock: { invocationCallOrder: number[] } }): number => mock.mock.invocationCallOrder[0] ?? NaN;
    expect(order(vi.mocked(writes.fenceWrites))).toBeLessThan(order(turnOwnSwitchOff));
    expect(lines.filter(({ message }) => message === "own switch")).toEqual([{ message: "own switch", reason: "off" }]);
    expect(guard.status).toMatchObject({ decision: { action: "fence", epoch: 2 }, ownSwitch: "off" });
  });

  it("has fenced when its own switch cannot be turned off, says so, and tries again", async () => {
    switches = { secondary: { state: "on", activeSite: "secondary", epoch: 2 } };
    turnOwnSwitchOff.mockRejectedValueOnce(new Error("AccessDenied"));
    await guard.look();
    expect(guard.status).toMatchObject({ decision: { action: "fence", epoch: 2 }, ownSwitch: "still on, or not known: AccessDenied" });
    expect(guard.status).not.toHaveProperty("failure");
    await guard.look();
    expect(writes.fenceWrites).toHaveBeenCalledTimes(2);
    expect(turnOwnSwitchOff).toHaveBeenCalledTimes(2);
    expect(lines.map(({ message, reason }) => [message, message === "own switch" ? reason : ""])).toEqual([
      ["fence", ""],
      ["own switch", "still on, or not known: AccessDenied"],
      ["own switch", "off"],
    ]);
  });

  it("leaves its own switch when it could not fence, and when it fences for its own epoch", async () => {
    switches = { secondary: { state: "on", activeSite: "secondary", epoch: 2 } };
    vi.mocked(writes.fenceWrites).mockRejectedValueOnce(new Error("no connection"));
    await guard.look();
    expect(guard.status).toMatchObject({ failure: { error: "no connection" } });
    switches = { secondary: { state: "on", activeSite: "secondary", epoch: 1 } };
    await guard.look();
    expect(guard.status).toMatchObject({ decision: { action: "fence", epoch: 1 } });
    expect(turnOwnSwitchOff).not.toHaveBeenCalled();
    expect(guard.status).not.toHaveProperty("ownSwitch");
  });

  it("turns off a switch that was overtaken although its database is a replica, and touches nothing else", async () => {
    switches = { secondary: { state: "on", activeSite: "secondary", epoch: 3 } };
    seen = { at: AT, recovering: true };
    await guard.look();
    expect(turnOwnSwitchOff.mock.calls).toEqual([[2]]);
    expect(writes.fenceWrites).not.toHaveBeenCalled();
  });

  it("touches nothing while it is idle or holds", async () => {
    seen = { at: AT, recovering: true };
    await guard.look();
    seen = { at: AT, recovering: false, mark: { ...MARK, epoch: 2 } };
    await guard.look();
    expect(guard.ready).toBe(true);
    for (const change of [writes.renewLease, writes.openWrites, writes.fenceWrites, turnOwnSwitchOff])
      expect(change).not.toHaveBeenCalled();
  });

  it("ends the sessions of a database that it holds, once nobody may log in any more", async () => {
    seen = { at: AT, recovering: false, mark: { ...MARK, epoch: 2 }, leaseLeftMs: 1 };
    await guard.look();
    expect(writes.endSessions).not.toHaveBeenCalled();
    seen.leaseLeftMs = -1;
    await guard.look();
    expect(writes.endSessions).toHaveBeenCalledOnce();
    expect(writes.fenceWrites).not.toHaveBeenCalled();
  });

  it("is ready for a lease after its last look, then no more", async () => {
    await guard.look();
    vi.mocked(writes.readWrites).mockRejectedValue(new Error("connection refused"));
    vi.advanceTimersByTime(9_000);
    await guard.look();
    expect(guard.ready).toBe(true);
    vi.advanceTimersByTime(1_001);
    expect(guard.ready).toBe(false);
    expect(lines.map(({ message }) => message)).toEqual(["renew", "failed"]);
  });
});

describe("what a guard is told", () => {
  it("is read from its environment", () => {
    expect(readSettings({ ...ENV, CONFIRMED_UNTIL: "2026-01-31T12:00:00Z" })).toMatchObject({
      site: "primary",
      role: "active",
      epoch: 1,
      database: { port: 5432, password: "open sesame", ca: "" },
      ownSwitch: { region: "eu-north-1", bucket: "a" },
      others: [{ site: "secondary" }],
      confirmedUntil: AT.getTime(),
      listen: { port: 8080 },
    });
    expect(readSettings(ENV)).not.toHaveProperty("confirmedUntil");
  });

  it("names all that is wrong, and no value", () => {
    const wrong = {
      ...ENV,
      ROLE: "boss",
      EPOCH: "0",
      SITES: '[{"site":"x"}]',
      CONFIRMED_UNTIL: "tomorrow",
      DATABASE_HOST: "",
      SWITCH_BUCKET: "",
    };
    const read = (): unknown => readSettings(wrong);
    expect(read).toThrow(/DATABASE_HOST is not set/);
    for (const name of ["ROLE", "EPOCH", "SITES", "CONFIRMED_UNTIL", "SWITCH_BUCKET"]) expect(read).toThrow(name);
    expect(read).not.toThrow(/boss|tomorrow|sesame/);
  });
});

describe("a switch", () => {
  it("says a site and an epoch, or nothing that anybody can go by", () => {
    expect(parseSwitch('{"activeSite":"secondary","epoch":2}')).toEqual({ state: "on", activeSite: "secondary", epoch: 2 });
    for (const text of [
      "",
      "{}",
      "null",
      '{"activeSite":"","epoch":2}',
      '{"activeSite":"x","epoch":"2"}',
      '{"activeSite":"x","epoch":0.5}',
    ]) {
      expect(parseSwitch(text), text).toMatchObject({ state: "unreadable" });
    }
  });
});
