import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import {
  CreateDBInstanceReadReplicaCommand,
  CreateDBParameterGroupCommand,
  CreateDBSnapshotCommand,
  DeleteDBInstanceCommand,
  DeleteDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  ModifyDBInstanceCommand,
  ModifyDBParameterGroupCommand,
  PromoteReadReplicaCommand,
  RDSClient,
  RebootDBInstanceCommand,
  type DBInstance,
} from "@aws-sdk/client-rds";
import type { Client, QueryResultRow } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LabContext } from "../../lab/part";
import { killOrphans } from "../../lab/postgres/family";
import { url, type Endpoint } from "../../lab/world";
import { PASSWORD, RdsLab } from "./rds-lab";
import { until } from "./server-pair";

const run = promisify(execFile);

const SOURCE = { region: "eu-north-1", id: "service-test-primary-1" };
const REPLICA = { region: "eu-west-1", id: "service-test-secondary-1" };

describe("RDS instances with PostgreSQL behind them", () => {
  let aws: RdsLab;
  let lab: RdsLab["lab"];
  let plane: RdsLab["plane"];

  beforeAll(async () => {
    // Base backups have a test of their own; here their processes would be counted among the servers'.
    aws = await RdsLab.start({ firstAfterMs: 3_600_000 });
    ({ lab, plane } = aws);
  }, 30_000);

  afterAll(async () => {
    expect(await aws.stop()).toEqual([]);
    expect(serversOf(lab)).toEqual([]);
  }, 30_000);

  it("creates an instance that is `creating` without an endpoint first and `available` with one that answers", async () => {
    const rds = client(SOURCE.region);
    await rds.send(
      new CreateDBParameterGroupCommand({ DBParameterGroupName: "tls", DBParameterGroupFamily: "postgres15", Description: "TLS 1.3" }),
    );
    await rds.send(
      new ModifyDBParameterGroupCommand({
        DBParameterGroupName: "tls",
        Parameters: [
          { ParameterName: "ssl_min_protocol_version", ParameterValue: "TLSv1.3", ApplyMethod: "immediate" },
          { ParameterName: "rds.force_ssl", ParameterValue: "1", ApplyMethod: "immediate" },
        ],
      }),
    );
    const created = await aws.create(SOURCE.region, SOURCE.id, {
      DeletionProtection: true,
      MultiAZ: true,
      DBParameterGroupName: "tls",
    });
    expect(created).toMatchObject({ DBInstanceStatus: "creating" });
    expect(created?.Endpoint).toBeUndefined();

    const instance = await available(SOURCE);
    expect(instance.Endpoint).toMatchObject({ Address: lab.world.region(SOURCE.region).database(0).host, Port: 5432 });
    expect(instance.DbiResourceId).toBe(created?.DbiResourceId);
    expect(await described(SOURCE.region, "dbi-resource-id", created?.DbiResourceId ?? "")).toHaveLength(1);
    expect(await described(SOURCE.region, "dbi-resource-id", "db-NOSUCH")).toEqual([]);
  });

  it("serves verified TLS 1.3 at the address, and nothing below it", async () => {
    const { host } = endpointOf(SOURCE);
    const psql = async (options: string): Promise<string> => {
      const { stdout } = await run(
        "psql",
        ["-XAtc", "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()", `host=${host} user=service dbname=service ${options}`],
        { env: { ...process.env, PGPASSWORD: "first-password" } },
      );
      return stdout.trim();
    };
    expect(await psql(`sslmode=verify-full sslrootcert=${lab.certificates.caFile}`)).toBe("TLSv1.3");
    await expect(psql(`sslmode=require ssl_max_protocol_version=TLSv1.2`)).rejects.toThrow(/protocol version/);
    await expect(psql("sslmode=disable")).rejects.toThrow(/no encryption/);

    // Without rds.force_ssl a plain connection is let in, and none over TLS 1.2 still.
    await forceSsl("0");
    await until(async () => (await psql("sslmode=disable").catch(() => undefined)) === "");
    await forceSsl("1");
    await until(async () => (await psql("sslmode=disable").catch(() => undefined)) === undefined);
  });

  it("gives the master user what it has on Amazon RDS: its database, roles and databases, no superuser", async () => {
    const [row] = await sql<{ rolsuper: boolean; rolcreaterole: boolean; rolcreatedb: boolean; owner: string }>(
      SOURCE,
      "SELECT rolsuper, rolcreaterole, rolcreatedb, (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'service') AS owner FROM pg_roles WHERE rolname = current_user",
    );
    expect(row).toEqual({ rolsuper: false, rolcreaterole: true, rolcreatedb: true, owner: "service" });
    await sql(SOURCE, "CREATE EXTENSION pgcrypto");
    await sql(SOURCE, "CREATE TABLE writes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text UNIQUE)");
    await sql(SOURCE, "CREATE ROLE app LOGIN PASSWORD 'app-password'");
  });

  it("refuses replicas that Amazon refuses", async () => {
    const rds = client(REPLICA.region);
    const replica = (source: string): Promise<unknown> =>
      rds.send(new CreateDBInstanceReadReplicaCommand({ DBInstanceIdentifier: REPLICA.id, SourceDBInstanceIdentifier: source }));
    await expect(replica(arn({ region: SOURCE.region, id: "nobody" }))).rejects.toMatchObject({ Code: "DBInstanceNotFound" });
    await client(SOURCE.region).send(
      new ModifyDBInstanceCommand({ DBInstanceIdentifier: SOURCE.id, BackupRetentionPeriod: 0, ApplyImmediately: true }),
    );
    await expect(replica(arn(SOURCE))).rejects.toMatchObject({ Code: "InvalidDBInstanceState" });
    await client(SOURCE.region).send(
      new ModifyDBInstanceCommand({ DBInstanceIdentifier: SOURCE.id, BackupRetentionPeriod: 7, ApplyImmediately: true }),
    );
  });

  it("streams to a replica in another region over TLS 1.3", async () => {
    const { DBInstance: created } = await client(REPLICA.region).send(
      new CreateDBInstanceReadReplicaCommand({ DBInstanceIdentifier: REPLICA.id, SourceDBInstanceIdentifier: arn(SOURCE) }),
    );
    expect(created).toMatchObject({ DBInstanceStatus: "creating", BackupRetentionPeriod: 0, DeletionProtection: false, MultiAZ: false });
    const instance = await available(REPLICA);
    expect(instance).toMatchObject({
      ReadReplicaSourceDBInstanceIdentifier: arn(SOURCE),
      AvailabilityZone: "eu-west-1a",
      BackupRetentionPeriod: 0,
      DeletionProtection: false,
    });
    expect((await available(SOURCE)).ReadReplicaDBInstanceIdentifiers).toEqual([arn(REPLICA)]);

    await write(SOURCE, "before");
    await until(async () => (await keys(REPLICA)).includes("before"));
    await expect(write(REPLICA, "here")).rejects.toThrow(/read-only/);
    await until(async () => (await plane.replicationOf(REPLICA.region, REPLICA.id))?.lagBytes === 0);
    expect(await plane.replicationOf(REPLICA.region, REPLICA.id)).toMatchObject({ state: "streaming", tls: "TLSv1.3", lagMs: 0 });
  });

  it("loses exactly what was acknowledged after the replica was cut off", async () => {
    await plane.pauseReplication(REPLICA.region, REPLICA.id);
    for (const key of ["lost-1", "lost-2"]) await write(SOURCE, key);
    await sleep(300);
    expect(await keys(REPLICA)).toEqual(["before"]);
    expect(await plane.replicationOf(REPLICA.region, REPLICA.id)).toMatchObject({ state: "cut" });
    await plane.resumeReplication(REPLICA.region, REPLICA.id);
    await until(async () => (await keys(REPLICA)).length === 3);
    await plane.pauseReplication(REPLICA.region, REPLICA.id);
    await write(SOURCE, "lost-3");
  });

  it("freezes a region, open sessions included, and lets it go on where it was", async () => {
    const { host, port } = endpointOf(SOURCE);
    const session = login(SOURCE);
    await session.connect();
    await plane.outage?.(SOURCE.region, "blackhole");
    await expect(sql(SOURCE, "SELECT 1", 500)).rejects.toThrow(/timeout/i);
    const answer = session.query("SELECT 1");
    expect(await Promise.race([answer.then(() => "answered"), sleep(300, "hangs")])).toBe("hangs");
    const accepted = connect({ host, port });
    await new Promise((resolve) => accepted.once("connect", resolve));
    accepted.destroy();
    await plane.heal?.(SOURCE.region);
    await answer;
    await session.end();
    expect(await keys(SOURCE)).toContain("lost-3");
  });

  it("promotes while the source's region is dead, and ends the replica link on both sides", async () => {
    const ofRegion = (): string[] => serversOf(lab).filter((title) => title.includes(SOURCE.region));
    expect(ofRegion().length).toBeGreaterThan(5);
    await plane.outage?.(SOURCE.region, "stop");
    expect(ofRegion()).toEqual([]);
    await expect(sql(SOURCE, "SELECT 1")).rejects.toThrow(/ECONNREFUSED/);

    const rds = client(REPLICA.region);
    const began = performance.now();
    const { DBInstance: answer } = await rds.send(new PromoteReadReplicaCommand({ DBInstanceIdentifier: REPLICA.id }));
    expect(answer).toMatchObject({ DBInstanceStatus: "modifying", ReadReplicaSourceDBInstanceIdentifier: arn(SOURCE) });
    const promoted = await available(REPLICA);
    await write(REPLICA, "after");
    const took = performance.now() - began;
    expect(promoted.ReadReplicaSourceDBInstanceIdentifier).toBeUndefined();
    expect(await keys(REPLICA)).toEqual(["before", "lost-1", "lost-2", "after"]);
    expect(took).toBeLessThan(3_000);
    expect(plane.replicaSourceOf(REPLICA.region, REPLICA.id)).toBeNull();

    const again = rds.send(new PromoteReadReplicaCommand({ DBInstanceIdentifier: REPLICA.id }));
    await expect(again).rejects.toMatchObject({ Code: "InvalidDBInstanceState" });
    const absent = rds.send(new PromoteReadReplicaCommand({ DBInstanceIdentifier: "nobody" }));
    await expect(absent).rejects.toMatchObject({ Code: "DBInstanceNotFound" });
  });

  it("brings the dead region back from its disk, as a primary that has what the other one lost", async () => {
    await plane.heal?.(SOURCE.region);
    expect(await keys(SOURCE)).toEqual(["before", "lost-1", "lost-2", "lost-3"]);
    expect((await available(SOURCE)).ReadReplicaDBInstanceIdentifiers ?? []).toEqual([]);
  });

  it("changes the master password, and restarts on reboot or when the server dies", async () => {
    const rds = client(SOURCE.region);
    await rds.send(
      new ModifyDBInstanceCommand({ DBInstanceIdentifier: SOURCE.id, MasterUserPassword: "second-password", ApplyImmediately: true }),
    );
    await available(SOURCE);
    passwords.set(SOURCE.id, "second-password");
    const started = async (): Promise<string> =>
      (await sql<{ at: Date }>(SOURCE, "SELECT pg_postmaster_start_time() AS at"))[0]?.at.toISOString() ?? "";
    const first = await started();
    await rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier: SOURCE.id }));
    await available(SOURCE);
    const second = await started();
    expect(second > first).toBe(true);
    process.kill(lab.processes.get("postgres-eu-north-1-0")?.pid ?? 0, "SIGKILL");
    await until(async () => (await started().catch(() => "")) > second);
  });

  it("makes the next generation, and deletes a replica of another region without touching its source", async () => {
    const next = { region: SOURCE.region, id: "service-test-primary-2" };
    const rds = client(SOURCE.region);
    await client(REPLICA.region).send(
      new ModifyDBInstanceCommand({ DBInstanceIdentifier: REPLICA.id, BackupRetentionPeriod: 7, ApplyImmediately: true }),
    );
    await rds.send(new CreateDBInstanceReadReplicaCommand({ DBInstanceIdentifier: next.id, SourceDBInstanceIdentifier: arn(REPLICA) }));
    await available(next);
    await until(async () => (await keys(next)).includes("after"));
    await rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: next.id, SkipFinalSnapshot: true }));
    await until(async () => plane.stateOf(next.region, next.id) === undefined);
    expect((await available(REPLICA)).ReadReplicaDBInstanceIdentifiers ?? []).toEqual([]);
    await expect(rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: SOURCE.id, SkipFinalSnapshot: true }))).rejects.toThrow(
      /protect/,
    );
    expect(await keys(SOURCE)).toContain("before");
  });

  it("keeps the data of an instance that moto has deleted before the lab is told to keep it", async () => {
    const { region } = SOURCE;
    const id = "service-test-primary-3";
    await client(region).send(new CreateDBInstanceReadReplicaCommand({ DBInstanceIdentifier: id, SourceDBInstanceIdentifier: SOURCE.id }));
    await available({ region, id });
    const deletion = { DBInstanceIdentifier: id, FinalDBSnapshotIdentifier: "kept" };
    const told = { region, service: "rds" };
    await plane.prepareDelete(region, id);
    const moto = new RDSClient({ ...aws.options(region), endpoint: url(lab.world.moto) });
    await moto.send(new DeleteDBInstanceCommand({ ...deletion, SkipFinalSnapshot: false }));
    lab.events.emit("aws", { ...told, action: "DeleteDBSnapshot", parameters: {} });
    await sleep(300);
    expect(plane.stateOf(region, id)).toBe("available");
    lab.events.emit("aws", { ...told, action: "DeleteDBInstance", parameters: deletion });
    await until(async () => plane.snapshotOf(region, "kept")?.state === "available");
    expect(existsSync(join(lab.folder, "postgres", "snapshots", `${region}-kept`, "PG_VERSION"))).toBe(true);
  });

  it("takes snapshots: whole copies of the data, which outlive their instance and its region's outage", async () => {
    const rds = client(REPLICA.region);
    const folderOf = (snapshot: string): string => join(lab.folder, "postgres", "snapshots", `${REPLICA.region}-${snapshot}`);
    const statusOf = async (snapshot: string): Promise<string | undefined> =>
      (await rds.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: snapshot }))).DBSnapshots?.[0]?.Status;
    const take = (snapshot: string): Promise<unknown> =>
      rds.send(new CreateDBSnapshotCommand({ DBInstanceIdentifier: REPLICA.id, DBSnapshotIdentifier: snapshot }));

    expect(await take("left")).toMatchObject({ DBSnapshot: { Status: "creating" } });
    await until(async () => (await statusOf("left")) === "available");
    await run(lab.tool("pg_verifybackup"), [folderOf("left")]);

    await take("interrupted");
    await plane.outage?.(REPLICA.region, "stop");
    await plane.heal?.(REPLICA.region);
    await until(async () => plane.snapshotOf(REPLICA.region, "interrupted")?.state === "available");
    await run(lab.tool("pg_verifybackup"), [folderOf("interrupted")]);
    await rds.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: "interrupted" }));
    expect(existsSync(folderOf("interrupted"))).toBe(false);

    await rds.send(
      new DeleteDBInstanceCommand({ DBInstanceIdentifier: REPLICA.id, SkipFinalSnapshot: false, FinalDBSnapshotIdentifier: "final" }),
    );
    await until(async () => (await statusOf("final")) === "available");
    expect(plane.stateOf(REPLICA.region, REPLICA.id)).toBeUndefined();
    expect(existsSync(join(folderOf("final"), "PG_VERSION"))).toBe(true);
    expect(existsSync(join(folderOf("left"), "PG_VERSION"))).toBe(true);
  });

  it("ends what a lab that was killed left behind, even frozen", async () => {
    const { pid } = lab.processes.get("postgres-eu-north-1-0") ?? {};
    await plane.outage?.(SOURCE.region, "blackhole");
    process.kill(pid ?? 0, "SIGKILL");
    const ofRegion = (): string[] => serversOf(lab).filter((title) => title.includes(SOURCE.region));
    await sleep(300);
    expect(ofRegion().length).toBeGreaterThan(3);
    expect(await killOrphans(token(lab), join(lab.folder, "postgres"))).toBeGreaterThan(3);
    expect(ofRegion()).toEqual([]);
  });

  // --- helpers ---

  const passwords = new Map<string, string>();

  function endpointOf({ region, id }: { region: string; id: string }): Endpoint {
    const endpoint = plane.endpointOf(region, id);
    if (!endpoint) throw new Error(`nothing runs behind ${region}/${id}`);
    return endpoint;
  }

  function client(region: string): RDSClient {
    return aws.rds(region);
  }

  async function forceSsl(value: string): Promise<void> {
    await client(SOURCE.region).send(
      new ModifyDBParameterGroupCommand({
        DBParameterGroupName: "tls",
        Parameters: [{ ParameterName: "rds.force_ssl", ParameterValue: value, ApplyMethod: "immediate" }],
      }),
    );
  }

  async function described(region: string, filter: string, value: string): Promise<DBInstance[]> {
    const page = await client(region).send(new DescribeDBInstancesCommand({ Filters: [{ Name: filter, Values: [value] }] }));
    return page.DBInstances ?? [];
  }

  async function available({ region, id }: { region: string; id: string }): Promise<DBInstance> {
    let instance: DBInstance | undefined;
    await until(async () => {
      const page = await client(region).send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }));
      instance = page.DBInstances?.[0];
      return instance?.DBInstanceStatus === "available";
    });
    if (!instance) throw new Error(`${region} has no ${id}`);
    return instance;
  }

  function as(id: string, timeoutMs?: number) {
    return { password: passwords.get(id) ?? PASSWORD, ...(timeoutMs !== undefined && { timeoutMs }) };
  }

  function login({ region, id }: { region: string; id: string }, timeoutMs?: number): Client {
    return aws.login(region, id, as(id, timeoutMs));
  }

  function sql<T extends QueryResultRow>({ region, id }: { region: string; id: string }, text: string, timeoutMs?: number): Promise<T[]> {
    return aws.sql<T>(region, id, text, as(id, timeoutMs));
  }

  async function write(at: { region: string; id: string }, key: string): Promise<void> {
    await sql(at, `INSERT INTO writes (key) VALUES ('${key}')`);
  }

  async function keys(at: { region: string; id: string }): Promise<string[]> {
    return (await sql<{ key: string }>(at, "SELECT key FROM writes ORDER BY id")).map(({ key }) => key);
  }
}, 60_000);

function arn({ region, id }: { region: string; id: string }): string {
  return `arn:aws:rds:${region}:123456789012:db:${id}`;
}

function token(lab: LabContext): string {
  return `lab-${createHash("sha256").update(lab.folder).digest("hex").slice(0, 8)}-`;
}

/** Titles of PostgreSQL processes of this lab: postmasters by their data folder, children by their cluster's name. */
function serversOf(lab: LabContext): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0/g, " ");
      } catch {
        return "";
      }
    })
    .filter((title) => title.includes(`${lab.folder}/postgres`) || title.startsWith(`postgres: ${token(lab)}`));
}
