import { setTimeout as sleep } from "node:timers/promises";
import { CreateKeyCommand, DisableKeyCommand, EnableKeyCommand, ScheduleKeyDeletionCommand } from "@aws-sdk/client-kms";
import {
  CopyDBSnapshotCommand,
  CreateDBSnapshotCommand,
  DeleteDBInstanceAutomatedBackupCommand,
  DeleteDBInstanceCommand,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  DescribeEventsCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
  StartDBInstanceAutomatedBackupsReplicationCommand,
  StopDBInstanceAutomatedBackupsReplicationCommand,
  type DBInstance,
  type DBInstanceAutomatedBackup,
  type DBSnapshot,
} from "@aws-sdk/client-rds";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Damage, Harm } from "../../lab/postgres/damage";
import { RdsLab, until } from "./rds-lab";

const HOME = "eu-north-1";
const AWAY = "eu-west-1";
const SOURCE = "service-test-primary-1";
const SOURCE_ARN = `arn:aws:rds:${HOME}:123456789012:db:${SOURCE}`;
const TIMES = { firstAfterMs: 100, everyMs: 3_600_000, markEveryMs: 500 };

describe("backups and restores of RDS instances", () => {
  let aws: RdsLab;
  const keys = new Map<string, string>();
  /** When each row of `writes` was known to be committed, and when the next one was not yet. */
  const times: Date[] = [];

  beforeAll(async () => {
    aws = await RdsLab.start(TIMES);
    for (const region of [HOME, AWAY]) {
      const { KeyMetadata } = await aws.kms(region).send(new CreateKeyCommand({}));
      keys.set(region, KeyMetadata?.Arn ?? "");
    }
    await aws.create(HOME, SOURCE, { StorageEncrypted: true, KmsKeyId: key(HOME) });
    await available(HOME, SOURCE);
    await aws.sql(HOME, SOURCE, "CREATE TABLE writes (key int PRIMARY KEY)");
    await until(async () => (await instance(HOME, SOURCE))?.LatestRestorableTime !== undefined);
    for (let n = 1; n <= 3; n++) {
      await aws.sql(HOME, SOURCE, `INSERT INTO writes VALUES (${n})`);
      await sleep(20);
      times.push(new Date());
      await sleep(20);
    }
    await restorable(times[2]!);
  }, 60_000);

  afterAll(async () => {
    expect(await aws.stop()).toEqual([]);
  }, 30_000);

  it("shows what can be restored, which advances while nobody writes, and is never later than what was archived", async () => {
    const [backup] = await backups(HOME);
    expect(backup).toMatchObject({ DBInstanceIdentifier: SOURCE, Status: "active", Region: HOME, KmsKeyId: key(HOME), Encrypted: true });
    const { EarliestTime: earliest, LatestTime: latest } = backup?.RestoreWindow ?? {};
    expect(earliest!.getTime()).toBeLessThan(times[0]!.getTime());
    expect(latest!.getTime()).toBeGreaterThanOrEqual(times[2]!.getTime());
    await until(async () => (await instance(HOME, SOURCE))!.LatestRestorableTime! > latest!);
    expect((await instance(HOME, SOURCE))!.LatestRestorableTime!.getTime()).toBeLessThan(Date.now());
  });

  it("restores the rows that were committed by then and no other, into an instance that is no replica", async () => {
    for (const n of [1, 3]) await toTime(HOME, `at-${n}`, { SourceDBInstanceIdentifier: SOURCE, RestoreTime: times[n - 1] });
    for (const n of [1, 3]) {
      const restored = await available(HOME, `at-${n}`);
      expect(restored.ReadReplicaSourceDBInstanceIdentifier).toBeUndefined();
      expect(restored).toMatchObject({ KmsKeyId: key(HOME), MasterUsername: "service", BackupRetentionPeriod: 7 });
      expect(await rows(HOME, `at-${n}`)).toEqual([1, 2, 3].slice(0, n));
      await aws.sql(HOME, `at-${n}`, "INSERT INTO writes VALUES (100)");
    }
    expect(await rows(HOME, SOURCE)).toEqual([1, 2, 3]);
    // It has backups of its own, from which it can be restored in turn.
    await until(async () => (await instance(HOME, "at-1"))?.LatestRestorableTime !== undefined);
    await gone(HOME, "at-3");
  });

  it("restores to the latest moment", async () => {
    const { DbiResourceId: SourceDbiResourceId } = (await instance(HOME, SOURCE))!;
    await toTime(HOME, "latest", { SourceDbiResourceId, UseLatestRestorableTime: true });
    await available(HOME, "latest");
    expect(await rows(HOME, "latest")).toEqual([1, 2, 3]);
    await gone(HOME, "latest");
  });

  it("refuses moments outside the window, and names it", async () => {
    const [backup] = await backups(HOME);
    const earliest = backup!.RestoreWindow!.EarliestTime!;
    for (const at of [new Date(earliest.getTime() - 1), new Date(Date.now() + 60_000)]) {
      const refused = toTime(HOME, "never", { SourceDBInstanceIdentifier: SOURCE, RestoreTime: at });
      await expect(refused).rejects.toMatchObject({
        Code: "InvalidParameterValue",
        message: expect.stringContaining(earliest.toISOString()),
      });
    }
    const unknown = toTime(HOME, "never", { SourceDBInstanceIdentifier: "nobody", UseLatestRestorableTime: true });
    await expect(unknown).rejects.toMatchObject({ Code: "DBInstanceNotFound" });
    const both = toTime(HOME, "never", { SourceDBInstanceIdentifier: SOURCE, UseLatestRestorableTime: true, RestoreTime: times[0] });
    await expect(both).rejects.toMatchObject({ Code: "InvalidParameterCombination" });
    const taken = toTime(HOME, SOURCE, { SourceDBInstanceIdentifier: SOURCE, UseLatestRestorableTime: true });
    await expect(taken).rejects.toMatchObject({ name: expect.stringMatching(/^DBInstanceAlreadyExists/) });
    expect(await instance(HOME, "never")).toBeUndefined();
  });

  it.each([
    ["truncate", /pg_verifybackup.*has size/],
    ["alter", /pg_verifybackup.*checksum mismatch/],
  ] as const)("never shows a restore from a damaged base backup as available: %s", async (harm, why) => {
    await harmed(harm, async () => {
      await toTime(HOME, harm, { SourceDBInstanceIdentifier: SOURCE, RestoreTime: times[0] });
      await incompatible(HOME, harm, why);
    });
  });

  it("never shows a restore that lacks a WAL segment as available, and names the segment", async () => {
    await aws.sql(HOME, SOURCE, "INSERT INTO writes VALUES (4)");
    const at = new Date();
    await restorable(at);
    await harmed("remove-wal", async ([damage]) => {
      const segment = /WAL segment (\w+)/.exec(damage?.what ?? "")?.[1];
      // Behind what is missing a later one has been archived, so that the moment is within the window still.
      const removedAt = new Date();
      await restorable(removedAt);
      await toTime(HOME, "gap", { SourceDBInstanceIdentifier: SOURCE, RestoreTime: removedAt });
      await incompatible(
        HOME,
        "gap",
        new RegExp(`${segment} is missing from the archive.*recovery ended before configured recovery target`),
      );
      // What lies before it is as good as ever.
      await toTime(HOME, "before-gap", { SourceDBInstanceIdentifier: SOURCE, RestoreTime: times[1] });
      await available(HOME, "before-gap");
      expect(await rows(HOME, "before-gap")).toEqual([1, 2]);
      await gone(HOME, "before-gap");
    });
  });

  it("restores a snapshot, also one of AWS Backup's and one of an instance that is gone", async () => {
    for (const id of ["own", "awsbackup:job-1"]) {
      await aws.rds(HOME).send(new CreateDBSnapshotCommand({ DBInstanceIdentifier: SOURCE, DBSnapshotIdentifier: id }));
      await snapshotAvailable(HOME, id);
    }
    const list = async (SnapshotType?: string): Promise<(string | undefined)[]> =>
      ((await aws.rds(HOME).send(new DescribeDBSnapshotsCommand({ SnapshotType }))).DBSnapshots ?? []).map(
        (each) => each.DBSnapshotIdentifier,
      );
    expect(await list("awsbackup")).toEqual(["awsbackup:job-1"]);
    expect(await list("manual")).toEqual(["own"]);

    await aws
      .rds(HOME)
      .send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: "at-1", SkipFinalSnapshot: false, FinalDBSnapshotIdentifier: "final" }));
    await snapshotAvailable(HOME, "final");
    await fromSnapshot(HOME, "from-final", "final");
    await fromSnapshot(HOME, "from-backup", "awsbackup:job-1");
    expect((await available(HOME, "from-final")).ReadReplicaSourceDBInstanceIdentifier).toBeUndefined();
    expect(await rows(HOME, "from-final")).toEqual([1, 100]);
    await available(HOME, "from-backup");
    expect(await rows(HOME, "from-backup")).toEqual([1, 2, 3, 4]);
    await aws.sql(HOME, "from-backup", "INSERT INTO writes VALUES (5)");
    for (const id of ["from-final", "from-backup"]) await gone(HOME, id);
    await expect(fromSnapshot(HOME, "never", "nothing")).rejects.toMatchObject({ Code: "DBSnapshotNotFound" });
  });

  it("retains the automated backups of a deleted instance where that was asked for", async () => {
    await fromSnapshot(HOME, "short-lived", "own");
    await available(HOME, "short-lived");
    await aws.sql(HOME, "short-lived", "DELETE FROM writes WHERE key > 1");
    const { DbiResourceId: resourceId } = (await instance(HOME, "short-lived"))!;
    const since = new Date();
    await until(async () => ((await instance(HOME, "short-lived"))?.LatestRestorableTime ?? 0) > since);
    await gone(HOME, "short-lived", { DeleteAutomatedBackups: false });
    const kept = (await backups(HOME)).find((each) => each.DbiResourceId === resourceId);
    expect(kept).toMatchObject({ Status: "retained", DBInstanceIdentifier: "short-lived" });
    expect((await backups(HOME)).map((each) => each.DBInstanceIdentifier).sort()).toEqual([SOURCE, "short-lived"]);

    await toTime(HOME, "from-retained", { SourceDbiResourceId: resourceId, UseLatestRestorableTime: true });
    await available(HOME, "from-retained");
    expect(await rows(HOME, "from-retained")).toEqual([1]);
    await gone(HOME, "from-retained");
    await aws.rds(HOME).send(new DeleteDBInstanceAutomatedBackupCommand({ DbiResourceId: resourceId }));
    expect((await backups(HOME)).map((each) => each.DBInstanceIdentifier)).toEqual([SOURCE]);
  });

  it("refuses whatever needs a key that is disabled or about to be deleted", async () => {
    const { KeyMetadata } = await aws.kms(AWAY).send(new CreateKeyCommand({}));
    await aws.kms(AWAY).send(new ScheduleKeyDeletionCommand({ KeyId: KeyMetadata?.Arn }));
    await expect(copy(AWAY, "copy", "own", KeyMetadata?.Arn)).rejects.toMatchObject({ Code: "KMSKeyNotAccessibleFault" });
    await expect(copy(AWAY, "copy", "own", key(HOME))).rejects.toMatchObject({ Code: "KMSKeyNotAccessibleFault" });
    await expect(copy(AWAY, "copy", "own")).rejects.toMatchObject({ Code: "InvalidParameterCombination" });

    await aws.kms(HOME).send(new DisableKeyCommand({ KeyId: key(HOME) }));
    const refusal = { Code: "KMSKeyNotAccessibleFault", message: expect.stringContaining("Disabled") };
    await expect(copy(AWAY, "copy", "own", key(AWAY))).rejects.toMatchObject(refusal);
    await expect(fromSnapshot(HOME, "never", "own")).rejects.toMatchObject(refusal);
    const latest = toTime(HOME, "never", { SourceDBInstanceIdentifier: SOURCE, UseLatestRestorableTime: true });
    await expect(latest).rejects.toMatchObject(refusal);
    await aws.kms(HOME).send(new EnableKeyCommand({ KeyId: key(HOME) }));
  });

  it("keeps copies and replicated backups through the loss of their source's region, and gets it back with its own", async () => {
    await copy(AWAY, "copy", "own", key(AWAY));
    const copied = await snapshotAvailable(AWAY, "copy");
    expect(copied).toMatchObject({
      KmsKeyId: key(AWAY),
      SourceRegion: HOME,
      SourceDBSnapshotIdentifier: snapshotArn("own"),
      DbiResourceId: (await instance(HOME, SOURCE))?.DbiResourceId,
    });

    const { DBInstanceAutomatedBackup: started } = await aws.rds(AWAY).send(
      new StartDBInstanceAutomatedBackupsReplicationCommand({
        SourceDBInstanceArn: SOURCE_ARN,
        KmsKeyId: key(AWAY),
        BackupRetentionPeriod: 3,
      }),
    );
    expect(started).toMatchObject({ Status: "pending", Region: HOME, BackupRetentionPeriod: 3, KmsKeyId: key(AWAY) });
    const arn = started?.DBInstanceAutomatedBackupsArn;
    expect((await backups(HOME))[0]?.DBInstanceAutomatedBackupsReplications).toEqual([{ DBInstanceAutomatedBackupsArn: arn }]);
    await aws.sql(HOME, SOURCE, "INSERT INTO writes VALUES (5)");
    const written = new Date();
    await until(async () => ((await backups(AWAY))[0]?.RestoreWindow?.LatestTime ?? 0) > written);
    expect((await backups(AWAY))[0]).toMatchObject({ Status: "replicating", DBInstanceIdentifier: SOURCE });

    await aws.lose(HOME);
    try {
      await expect(copy(AWAY, "late", "own", key(AWAY))).rejects.toMatchObject({ Code: "ServiceUnavailable" });
      await fromSnapshot(AWAY, "from-copy", "copy");
      await toTime(AWAY, "from-shipped", { SourceDBInstanceAutomatedBackupsArn: arn, UseLatestRestorableTime: true });
      expect(await available(AWAY, "from-copy")).toMatchObject({ KmsKeyId: key(AWAY), AvailabilityZone: `${AWAY}a` });
      expect(await rows(AWAY, "from-copy")).toEqual([1, 2, 3, 4]);
      expect(await available(AWAY, "from-shipped")).toMatchObject({ KmsKeyId: key(AWAY) });
      expect(await rows(AWAY, "from-shipped")).toEqual([1, 2, 3, 4, 5]);
    } finally {
      await aws.heal(HOME);
    }
    // Its backups go on where they were, and are shipped again.
    await aws.sql(HOME, SOURCE, "INSERT INTO writes VALUES (6)");
    const after = new Date();
    await restorable(after);
    await until(async () => ((await backups(AWAY))[0]?.RestoreWindow?.LatestTime ?? 0) > after);
    await fromSnapshot(HOME, "after", "own");
    await available(HOME, "after");

    await aws.rds(AWAY).send(new StopDBInstanceAutomatedBackupsReplicationCommand({ SourceDBInstanceArn: SOURCE_ARN }));
    const stopped = (await backups(AWAY)).find((each) => each.DBInstanceAutomatedBackupsArn === arn);
    expect(stopped).toMatchObject({ Status: "retained" });
  });

  it("finishes a copy that the loss of its source's region broke off", async () => {
    await copy(AWAY, "broken-off", "own", key(AWAY));
    await aws.lose(HOME);
    await sleep(200);
    expect(aws.plane.snapshotOf(AWAY, "broken-off")?.state).toBe("creating");
    await aws.heal(HOME);
    await snapshotAvailable(AWAY, "broken-off");
    await fromSnapshot(AWAY, "from-broken-off", "broken-off");
    await available(AWAY, "from-broken-off");
    expect(await rows(AWAY, "from-broken-off")).toEqual([1, 2, 3, 4]);
  });

  // --- helpers ---

  function key(region: string): string {
    return keys.get(region) ?? "";
  }

  async function toTime(region: string, TargetDBInstanceIdentifier: string, from: object): Promise<void> {
    await aws.rds(region).send(new RestoreDBInstanceToPointInTimeCommand({ TargetDBInstanceIdentifier, ...from }));
  }

  async function fromSnapshot(region: string, DBInstanceIdentifier: string, DBSnapshotIdentifier: string): Promise<void> {
    await aws.rds(region).send(new RestoreDBInstanceFromDBSnapshotCommand({ DBInstanceIdentifier, DBSnapshotIdentifier }));
  }

  async function copy(region: string, TargetDBSnapshotIdentifier: string, source: string, KmsKeyId?: string): Promise<void> {
    const SourceDBSnapshotIdentifier = snapshotArn(source);
    await aws.rds(region).send(new CopyDBSnapshotCommand({ TargetDBSnapshotIdentifier, SourceDBSnapshotIdentifier, KmsKeyId }));
  }

  async function instance(region: string, id: string): Promise<DBInstance | undefined> {
    const { DBInstances } = await aws.rds(region).send(new DescribeDBInstancesCommand({}));
    return DBInstances?.find((each) => each.DBInstanceIdentifier === id);
  }

  async function available(region: string, id: string): Promise<DBInstance> {
    let found: DBInstance | undefined;
    await until(async () => {
      found = await instance(region, id);
      if (found?.DBInstanceStatus === "incompatible-restore") throw new Error(aws.lab.lines.filter((line) => line.includes(id)).join("\n"));
      return found?.DBInstanceStatus === "available";
    });
    return found!;
  }

  /** It ends so, was never available, and an event and the log say why. */
  async function incompatible(region: string, id: string, why: RegExp): Promise<void> {
    const seen = new Set<string | undefined>();
    await until(async () => {
      seen.add((await instance(region, id))?.DBInstanceStatus);
      return seen.has("incompatible-restore");
    });
    expect([...seen].filter((state) => state !== "creating")).toEqual(["incompatible-restore"]);
    const { Events } = await aws.rds(region).send(new DescribeEventsCommand({ SourceIdentifier: id, SourceType: "db-instance" }));
    const [event] = Events?.filter(({ EventCategories }) => EventCategories?.includes("failure")) ?? [];
    expect(event?.Message).toMatch(why);
    expect(aws.lab.lines.some((line) => line.includes(id) && why.test(line))).toBe(true);
    await gone(region, id);
  }

  async function gone(region: string, id: string, how: object = {}): Promise<void> {
    await aws.rds(region).send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: id, SkipFinalSnapshot: true, ...how }));
    await until(() => Promise.resolve(aws.plane.stateOf(region, id) === undefined));
  }

  async function harmed(harm: Harm, work: (damages: Damage[]) => Promise<void>): Promise<void> {
    const damages = aws.plane.harmBackups(HOME, harm).filter(({ what }) => what.startsWith(SOURCE));
    expect(damages).toHaveLength(1);
    try {
      await work(damages);
    } finally {
      for (const { undo } of damages) undo();
    }
  }

  async function restorable(at: Date): Promise<void> {
    await until(async () => ((await instance(HOME, SOURCE))?.LatestRestorableTime ?? 0) > at);
  }

  async function backups(region: string): Promise<DBInstanceAutomatedBackup[]> {
    const { DBInstanceAutomatedBackups } = await aws.rds(region).send(new DescribeDBInstanceAutomatedBackupsCommand({}));
    return DBInstanceAutomatedBackups ?? [];
  }

  async function snapshotAvailable(region: string, DBSnapshotIdentifier: string): Promise<DBSnapshot> {
    let found: DBSnapshot | undefined;
    await until(async () => {
      found = (await aws.rds(region).send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier }))).DBSnapshots?.[0];
      return found?.Status === "available";
    });
    return found!;
  }

  async function rows(region: string, id: string): Promise<number[]> {
    return (await aws.sql<{ key: number }>(region, id, "SELECT key FROM writes ORDER BY key")).map((row) => row.key);
  }
}, 60_000);

function snapshotArn(id: string): string {
  return `arn:aws:rds:${HOME}:123456789012:snapshot:${id}`;
}
