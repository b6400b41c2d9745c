import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  adminClient,
  hangUp,
  positionOf,
  probeDatabase,
  ReplayTimeout,
  waitForReplay,
  type DatabaseState,
  type ReplayLag,
} from "../../automation/probes/database";
import { openWrites, pauseWrites } from "../../guard/writes";
import { CertificateAuthority } from "../../lab/certificates";
import { ServerPair } from "./server-pair";

const leaseLeft = (state: DatabaseState): number | undefined => (state.kind === "unreachable" ? undefined : state.leaseLeftMs);
const change = { database: "service", role: "service_app", site: "primary", epoch: 3, by: "test", reason: "because" };

describe("where two databases are", () => {
  let pair: ServerPair;
  beforeAll(async () => {
    pair = await ServerPair.start();
    await pair.sql("left", "create table rows (id bigint generated always as identity primary key, value text)");
    await pair.caughtUp();
  }, 60_000);
  afterAll(() => pair.dispose());

  const insert = (): Promise<unknown> => pair.sql("left", "insert into rows (value) select repeat('x', 1000) from generate_series(1, 100)");
  const flushed = async (): Promise<string> => {
    const at = await positionOf(pair.address("left"));
    return at.kind === "primary" ? at.flushLsn : "none";
  };

  it("tells a primary's position and a replica's", async () => {
    const lsn = await flushed();
    expect(await positionOf(pair.address("left"))).toMatchObject({ kind: "primary", timeline: 1 });
    const replica = await positionOf(pair.address("right"));
    expect(replica).toMatchObject({ kind: "replica", streaming: true, timeline: 1 });
    expect(replica).toMatchObject({ receiveLsn: lsn, replayLsn: lsn });
  });

  it("waits for the replay, no longer than it takes", async () => {
    await pair.pauseReplay();
    await insert();
    const lsn = await flushed();
    const lags: ReplayLag[] = [];
    let resumedAt = 0;
    const waiting = waitForReplay(pair.address("right"), lsn, { timeoutMs: 5_000, onLag: (lag) => lags.push(lag) });
    await sleep(200);
    await pair.resumeReplay();
    resumedAt = performance.now();
    const replayed = await waiting;
    expect(performance.now() - resumedAt).toBeLessThan(1_000);
    expect(lags.length).toBeGreaterThan(5);
    expect(lags[0]?.bytes).toBeGreaterThan(100_000);
    expect(replayed.polls).toBe(lags.length + 1);
    expect(replayed.tookMs).toBeGreaterThan(150);
  });

  it("uses a connection that is open, and leaves it open", async () => {
    const client = adminClient(pair.address("right"));
    await client.connect();
    await insert();
    await waitForReplay(client, await flushed(), { timeoutMs: 5_000 });
    const again = await waitForReplay(client, "0/1", { timeoutMs: 5_000 });
    expect(again).toMatchObject({ polls: 1 });
    expect(await positionOf(client)).toMatchObject({ kind: "replica" });
    hangUp(client);
  });

  it("gives up when the time is over, and says how much is missing", async () => {
    await pair.pauseReplay();
    await insert();
    const began = performance.now();
    const error: unknown = await waitForReplay(pair.address("right"), await flushed(), { timeoutMs: 300 }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ReplayTimeout);
    expect((error as Error).message).toMatch(/has replayed up to 0\/\w+ after 300 ms: \d{6} bytes before 0\/\w+/);
    expect(performance.now() - began).toBeLessThan(1_500);
    await pair.resumeReplay();
    await pair.caughtUp();
  });

  it("can be called off", async () => {
    const waiting = waitForReplay(pair.address("right"), "F/0", { timeoutMs: 5_000, signal: AbortSignal.timeout(100) });
    await expect(waiting).rejects.toThrow(/abort/i);
  });

  it("refuses to wait for a server that never was a replica", async () => {
    await expect(waitForReplay(pair.address("left"), "0/1", { timeoutMs: 500 })).rejects.toThrow(/not a replica/);
  });

  it("tells the server's clock and lag by it", async () => {
    const before = Date.now();
    const state = await probeDatabase(pair.address("right"));
    if (state.kind !== "replica") throw new Error(`it is ${state.kind}`);
    // Same machine, so here the two clocks are one.
    expect(state.nowAt.getTime()).toBeGreaterThanOrEqual(before - 1);
    expect(state.nowAt.getTime()).toBeLessThanOrEqual(Date.now() + 1);
    expect(state).toMatchObject({ streaming: true, caughtUp: true, lagMs: 0 });
  });

  it("tells whether the services may write, on the replica as well", async () => {
    expect(await probeDatabase(pair.address("left"))).toMatchObject({ kind: "primary", readOnly: false });
    expect(await probeDatabase(pair.address("left"))).not.toHaveProperty("writes");
    const client = adminClient(pair.address("left"));
    await client.connect();
    await pauseWrites(client, change);
    await pair.caughtUp();
    const mark = { state: "paused", epoch: 3, site: "primary", by: "test" };
    expect(await probeDatabase(pair.address("left"))).toMatchObject({ kind: "primary", readOnly: true, writes: mark });
    expect(await probeDatabase(pair.address("right"))).toMatchObject({ kind: "replica", writes: mark });
    // The administrator writes where nobody else may.
    await insert();
    await pair.root("left", `create role ${change.role} login`);
    await pair.root("left", `grant ${change.role} to changeover with admin option`);
    await openWrites(client, { ...change, leaseMs: 10_000 });
    const open = await probeDatabase(pair.address("left"));
    expect(open).toMatchObject({ readOnly: false, writes: { state: "open" } });
    expect(leaseLeft(open)).toBeGreaterThan(5_000);
    await openWrites(client, { ...change, leaseMs: 1 });
    await sleep(10);
    expect(leaseLeft(await probeDatabase(pair.address("left")))).toBeLessThan(0);
    hangUp(client);
  });

  it("knows of a promotion at once, and still says whether the position had been replayed", async () => {
    await pair.caughtUp();
    const lsn = await flushed();
    await pair.cut();
    await insert();
    const later = await flushed();
    await pair.promote();
    expect(await positionOf(pair.address("right"))).toMatchObject({ kind: "primary", timeline: 2 });
    expect(await probeDatabase(pair.address("right"))).toMatchObject({ kind: "primary", timeline: 2 });
    await waitForReplay(pair.address("right"), lsn, { timeoutMs: 500 });
    await expect(waitForReplay(pair.address("right"), later, { timeoutMs: 500 })).rejects.toThrow(
      /was promoted at 0\/\w+, \d+ bytes before/,
    );
  });

  it("shows no password, whatever goes wrong", async () => {
    const address = pair.address("left");
    const folder = mkdtempSync(join(tmpdir(), "changeover-authority-"));
    const stranger = (await CertificateAuthority.open(folder)).caCert;
    rmSync(folder, { recursive: true });
    const wrong = {
      "another password": { ...address, password: `${address.password}!` },
      "no server": { ...address, port: 1 },
      "no such database": { ...address, database: "nowhere" },
      "another authority": { ...address, ca: stranger },
    };
    for (const [what, where] of Object.entries(wrong)) {
      const client = adminClient(where);
      const error: unknown = await client.connect().catch((reason: unknown) => reason);
      expect(error, what).toBeInstanceOf(Error);
      const shown = inspect([error, client], { depth: Infinity }) + JSON.stringify(error);
      expect(shown, what).not.toContain("of the pair");
      hangUp(client);
      expect(await probeDatabase(where), what).toMatchObject({ kind: "unreachable" });
    }
  });
});
