import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN_OPTIONS, fenceWrites, openWrites, pauseWrites, readWrites, renewLease, WritesRefused } from "../../guard/writes";
import { databaseIdentity, type Identity } from "../../lab/postgres/identity";
import { bootstrapStatements, REPLICATION_USER } from "../../lab/postgres/roles";
import { ensure } from "../../setup";
import { postgresql } from "../../setup/postgresql";

const run = promisify(execFile);
const HOST = "127.40.7.1";
const PRIMARY = 5471;
const REPLICA = 5472;

const DATABASE = "service";
const ROLE = "service_app";
const LEASE = 10_000;
const at = { database: DATABASE, role: ROLE, site: "primary", by: "test", reason: "because" };

describe("the lease and the mark", () => {
  let folder: string;
  let identity: Identity;
  let tool: (name: string) => string;
  const servers: ChildProcess[] = [];
  const clients: Client[] = [];
  let admin: Client;

  const connect = async (user: string, port = PRIMARY, options?: string, name = "test"): Promise<Client> => {
    const client = new Client({
      host: HOST,
      port,
      user,
      password: "password",
      database: DATABASE,
      application_name: name,
      ...(options !== undefined && { options }),
    });
    client.on("error", () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  const administrator = (port = PRIMARY): Promise<Client> => connect("changeover", port, ADMIN_OPTIONS, "changeover");
  const insert = (client: Client): Promise<unknown> => client.query("insert into rows default values");

  const start = async (data: string, port: number): Promise<void> => {
    const { command, args } = identity.wrap(tool("postgres"), [
      "-D",
      data,
      ...[
        `listen_addresses=${HOST}`,
        `port=${port}`,
        "unix_socket_directories=",
        "fsync=off",
        "shared_buffers=16MB",
        "hot_standby=on",
      ].flatMap((setting) => ["-c", setting]),
    ]);
    servers.push(spawn(command, args, { stdio: "ignore" }));
    for (let tries = 0; ; tries++) {
      const client = new Client({ host: HOST, port, user: "rdsadmin", database: "postgres" });
      client.on("error", () => undefined);
      const ready = await client.connect().then(
        () => true,
        () => false,
      );
      await client.end().catch(() => undefined);
      if (ready) return;
      if (tries > 200) throw new Error(`PostgreSQL at ${port} does not start`);
      await sleep(50);
    }
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "changeover-guard-"));
    ({ tool } = await ensure([postgresql]));
    identity = await databaseIdentity(folder, tool("initdb"));
    const data = join(folder, "primary");
    const { command, args } = identity.wrap(tool("initdb"), [
      `--pgdata=${data}`,
      "--username=rdsadmin",
      "--auth=trust",
      "--encoding=UTF8",
      "--no-locale",
      "--no-sync",
    ]);
    await run(command, args);
    // Who may log in is only looked at where there is a password to give.
    const open = `host all rdsadmin all trust\nhost replication ${REPLICATION_USER} all trust\n`;
    writeFileSync(join(data, "pg_hba.conf"), `${open}host all all all scram-sha-256\n`);
    await start(data, PRIMARY);
    const root = new Client({ host: HOST, port: PRIMARY, user: "rdsadmin", database: "postgres" });
    await root.connect();
    const master = { username: "changeover", password: "password", database: DATABASE };
    for (const statement of bootstrapStatements(master, "password")) await root.query(statement);
    await root.end();
    const first = await administrator();
    await first.query(`create role ${ROLE} login password 'password'`);
    await first.query(`create role other login password 'password'`);
    await first.query("create table rows (id bigint generated always as identity primary key)");
    await first.query(`grant insert, select on rows to ${ROLE}, other`);
  }, 60_000);

  afterAll(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
    await Promise.all(
      servers.map(async (server) => {
        const ended = new Promise((resolve) => server.once("exit", resolve));
        server.kill("SIGINT");
        await ended;
      }),
    );
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    admin = await administrator();
    await admin.query("drop schema if exists changeover_guard cascade");
    await admin.query(`alter role ${ROLE} valid until 'infinity'`);
    await admin.query(`alter database ${DATABASE} reset default_transaction_read_only`);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
  });

  it("finds nothing at first, and opens", async () => {
    expect(await readWrites(admin)).toEqual({ at: expect.any(Date) as Date, recovering: false });
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const { mark, leaseLeftMs } = await readWrites(admin);
    expect(mark).toMatchObject({ site: "primary", epoch: 1, state: "open", by: "test" });
    expect(leaseLeftMs).toBeGreaterThan(LEASE - 1_000);
    expect(leaseLeftMs).toBeLessThanOrEqual(LEASE);
    await insert(await connect(ROLE));
  });

  it("leaves what an administrator makes and reads where it was", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const { rows } = await admin.query<{ path: string }>("select current_schemas(false) as path");
    expect(rows).toEqual([{ path: "{public}" }]);
  });

  it("lets nobody log in when the lease has run out, and again once it is renewed", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: 200 });
    const early = await connect(ROLE);
    await sleep(250);
    await expect(connect(ROLE)).rejects.toMatchObject({ code: "28P01" });
    await insert(early);
    expect(await renewLease(admin, { role: ROLE, epoch: 1, leaseMs: LEASE })).toBe(true);
    await insert(await connect(ROLE));
  });

  it("gives no lease for what was seen long ago", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const { at: seen } = await readWrites(admin);
    expect(Math.abs(seen.getTime() - Date.now())).toBeLessThan(1_000);
    await renewLease(admin, { role: ROLE, epoch: 1, leaseMs: LEASE, seen });
    await connect(ROLE);
    // As by a guard that was stopped between its look and this.
    await renewLease(admin, { role: ROLE, epoch: 1, leaseMs: LEASE, seen: new Date(seen.getTime() - LEASE) });
    await expect(connect(ROLE)).rejects.toMatchObject({ code: "28P01" });
  });

  it("renews for its own epoch only, and never at a fence", async () => {
    const renew = (epoch: number): Promise<boolean> => renewLease(admin, { role: ROLE, epoch, leaseMs: LEASE });
    expect(await renew(1)).toBe(false);
    await openWrites(admin, { ...at, epoch: 2, leaseMs: 1 });
    expect(await renew(1)).toBe(false);
    expect(await renew(2)).toBe(true);
    await fenceWrites(admin, { ...at, epoch: 2 });
    expect(await renew(2)).toBe(false);
    await expect(connect(ROLE)).rejects.toMatchObject({ code: "28P01" });
  });

  it("does without the role, which another stack makes", async () => {
    await openWrites(admin, { ...at, role: "not_yet", epoch: 1, leaseMs: LEASE });
    expect(await renewLease(admin, { role: "not_yet", epoch: 1, leaseMs: LEASE })).toBe(false);
    await fenceWrites(admin, { ...at, role: "not_yet", epoch: 1 });
    expect(await readWrites(admin, "not_yet")).toMatchObject({ mark: { state: "fenced" } });
  });

  it("pauses: old sessions end, new ones read, the WAL position covers every acknowledged write", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const app = await connect(ROLE);
    const other = await connect("other");
    const ours = await connect("changeover", PRIMARY, undefined, "changeover driver");
    await app.query("set synchronous_commit = off");
    await insert(app);
    const inside = await connect(ROLE);
    await inside.query("begin");
    await insert(inside);
    const { lsn, ended } = await pauseWrites(admin, { ...at, epoch: 1 });
    expect(ended).toBe(3);
    await expect(insert(app)).rejects.toThrow();
    await expect(insert(other)).rejects.toThrow();
    await expect(inside.query("commit")).rejects.toThrow();
    await ours.query("select 1");
    const reader = await connect(ROLE);
    await reader.query("select count(*) from rows");
    await expect(insert(reader)).rejects.toMatchObject({ code: "25006" });
    // Nothing was written to any table after it.
    const { rows } = await admin.query<{ covered: boolean }>("select $1::pg_lsn <= pg_current_wal_flush_lsn() as covered", [lsn]);
    expect(rows).toEqual([{ covered: true }]);

    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    await insert(await connect(ROLE));
  });

  it("has no row that is acknowledged after a pause, whoever keeps coming", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const stop = new AbortController();
    const over = (): boolean => stop.signal.aborted;
    let acknowledged = 0;
    const writers = Array.from({ length: 6 }, async () => {
      while (!over()) {
        try {
          const client = await connect(ROLE);
          for (let i = 0; i < 3 && !over(); i++) {
            await insert(client);
            acknowledged += 1;
          }
          await client.end();
        } catch {
          await sleep(1);
        }
      }
    });
    await sleep(400);
    await pauseWrites(admin, { ...at, epoch: 1 });
    const { rows: before } = await admin.query<{ n: string }>("select count(*) as n from rows");
    const acknowledgedThen = acknowledged;
    expect(acknowledgedThen).toBeGreaterThan(10);
    await sleep(400);
    const { rows: after } = await admin.query<{ n: string }>("select count(*) as n from rows");
    stop.abort();
    await Promise.all(writers);
    expect(after).toEqual(before);
  });

  it("ends a session too that has read the settings of before and is not listed yet", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    // PostgreSQL waits that many seconds right after it has read a new session's settings.
    const coming = connect(ROLE, PRIMARY, "-c post_auth_delay=1");
    coming.catch(() => undefined);
    await sleep(400);
    const { rows } = await admin.query("select from pg_stat_activity where usename = $1", [ROLE]);
    expect(rows).toHaveLength(0);
    expect((await pauseWrites(admin, { ...at, epoch: 1 })).ended).toBe(1);
    await expect(coming.then(insert)).rejects.toThrow();
  });

  it("can be marked by several at once for the first time", async () => {
    const guards = await Promise.all(Array.from({ length: 4 }, () => administrator()));
    await Promise.all(guards.map((guard) => openWrites(guard, { ...at, epoch: 1, leaseMs: LEASE })));
    expect((await readWrites(admin)).mark?.state).toBe("open");
  });

  it("fences: nobody logs in, the first mark stays, and only whoever may opens it again", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const app = await connect(ROLE);
    expect((await fenceWrites(admin, { ...at, epoch: 2, by: "first" })).ended).toBe(1);
    await expect(insert(app)).rejects.toThrow();
    await expect(connect(ROLE)).rejects.toMatchObject({ code: "28P01" });
    await expect(insert(await connect("other"))).rejects.toMatchObject({ code: "25006" });

    await fenceWrites(admin, { ...at, epoch: 2, by: "second" });
    const { mark } = await readWrites(admin);
    expect(mark).toMatchObject({ epoch: 2, state: "fenced", by: "first" });
    await expect(openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE })).rejects.toThrow(WritesRefused);
    await expect(pauseWrites(admin, { ...at, epoch: 2 })).rejects.toThrow("fenced");
    await expect(fenceWrites(admin, { ...at, epoch: 1 })).rejects.toThrow("later than 1");

    // The one who set it takes it back.
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE, replacing: mark! });
    await insert(await connect(ROLE));
    expect((await readWrites(admin)).mark).toMatchObject({ epoch: 1, state: "open" });
  });

  it("shuts again what somebody opened by hand behind the mark", async () => {
    await fenceWrites(admin, { ...at, epoch: 2 });
    await admin.query(`alter role ${ROLE} valid until 'infinity'`);
    await admin.query(`alter database ${DATABASE} reset default_transaction_read_only`);
    const app = await connect(ROLE);
    await insert(app);
    expect((await fenceWrites(admin, { ...at, epoch: 2 })).ended).toBe(1);
    await expect(insert(app)).rejects.toThrow();
    await expect(connect(ROLE)).rejects.toMatchObject({ code: "28P01" });
  });

  it("does nothing where the mark is not the one that was read", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const { mark } = await readWrites(admin);
    await pauseWrites(admin, { ...at, epoch: 1 });
    const stale = { ...at, epoch: 1, replacing: mark! };
    await expect(openWrites(admin, { ...stale, leaseMs: LEASE })).rejects.toThrow("marked paused by test in epoch 1 meanwhile");
    await expect(fenceWrites(admin, stale)).rejects.toThrow(WritesRefused);
    await expect(pauseWrites(admin, { ...at, epoch: 1, replacing: null })).rejects.toThrow(WritesRefused);
    expect((await readWrites(admin)).mark?.state).toBe("paused");
  });

  it("is one at a time: of a pause and many opens that knew the mark before it, the pause stays", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const { mark } = await readWrites(admin);
    const guards = await Promise.all([administrator(), administrator(), administrator()]);
    const outcomes = await Promise.allSettled([
      pauseWrites(admin, { ...at, epoch: 1 }),
      ...guards.map((guard) => openWrites(guard, { ...at, epoch: 1, leaseMs: LEASE, replacing: mark!, by: "guard" })),
    ]);
    const { mark: last } = await readWrites(admin);
    // Either the pause came first and every open was refused, or an open came first and the pause after it.
    expect(outcomes[0].status).toBe("fulfilled");
    expect(last?.state).toBe("paused");
    await expect(insert(await connect(ROLE))).rejects.toMatchObject({ code: "25006" });
  });

  it("comes along to a replica; promoted, it is opened by its own epoch", async () => {
    await openWrites(admin, { ...at, epoch: 1, leaseMs: LEASE });
    const data = join(folder, "replica");
    const { command, args } = identity.wrap(tool("pg_basebackup"), [
      `--pgdata=${data}`,
      `--host=${HOST}`,
      `--port=${PRIMARY}`,
      `--username=${REPLICATION_USER}`,
      "--wal-method=stream",
      "--checkpoint=fast",
      "--no-sync",
      "--write-recovery-conf",
    ]);
    await run(command, args);
    await start(data, REPLICA);
    const { lsn } = await pauseWrites(admin, { ...at, epoch: 1 });
    const there = await administrator(REPLICA);
    for (let tries = 0; ; tries++) {
      const { rows } = await there.query<{ there: boolean }>("select pg_last_wal_replay_lsn() >= $1::pg_lsn as there", [lsn]);
      if (rows[0]?.there === true) break;
      expect(tries).toBeLessThan(200);
      await sleep(20);
    }
    expect(await readWrites(there)).toMatchObject({ recovering: true, mark: { state: "paused", epoch: 1, site: "primary" } });
    await expect(openWrites(there, { ...at, site: "secondary", epoch: 2, leaseMs: LEASE })).rejects.toThrow("recovery");

    const root = new Client({ host: HOST, port: REPLICA, user: "rdsadmin", database: "postgres" });
    await root.connect();
    await root.query("select pg_promote()");
    await root.end();
    expect((await readWrites(there)).recovering).toBe(false);
    await expect(insert(await connect(ROLE, REPLICA))).rejects.toMatchObject({ code: "25006" });
    await openWrites(there, { ...at, site: "secondary", epoch: 2, leaseMs: LEASE });
    await insert(await connect(ROLE, REPLICA));
    expect((await readWrites(there)).mark).toMatchObject({ site: "secondary", epoch: 2, state: "open" });
  });
});
