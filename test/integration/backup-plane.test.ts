import { setTimeout as sleep } from "node:timers/promises";
import {
  BackupClient,
  CreateBackupPlanCommand,
  CreateBackupSelectionCommand,
  CreateBackupVaultCommand,
  DeleteBackupPlanCommand,
  DeleteBackupSelectionCommand,
  DeleteBackupVaultAccessPolicyCommand,
  DeleteBackupVaultCommand,
  DeleteBackupVaultLockConfigurationCommand,
  DeleteRecoveryPointCommand,
  DescribeBackupJobCommand,
  DescribeBackupVaultCommand,
  DescribeCopyJobCommand,
  DescribeRecoveryPointCommand,
  DescribeRestoreJobCommand,
  GetBackupPlanCommand,
  GetBackupSelectionCommand,
  GetBackupVaultAccessPolicyCommand,
  GetRecoveryPointRestoreMetadataCommand,
  ListBackupJobsCommand,
  ListBackupPlansCommand,
  ListBackupSelectionsCommand,
  ListCopyJobsCommand,
  ListRecoveryPointsByBackupVaultCommand,
  ListTagsCommand,
  PutBackupVaultAccessPolicyCommand,
  PutBackupVaultLockConfigurationCommand,
  StartBackupJobCommand,
  StartCopyJobCommand,
  StartRestoreJobCommand,
  UpdateBackupPlanCommand,
  type BackupJob,
  type BackupRuleInput,
  type CopyJob,
  type RecoveryPointByBackupVault,
} from "@aws-sdk/client-backup";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateKeyCommand } from "@aws-sdk/client-kms";
import {
  DeleteDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  StartDBInstanceCommand,
  StopDBInstanceCommand,
} from "@aws-sdk/client-rds";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBackup } from "../../lab/backup";
import { RdsLab, until } from "./rds-lab";

const HOME = "eu-north-1";
const COLD = "us-east-1";
const DATABASE = "service-test-primary-1";
const DATABASE_ARN = `arn:aws:rds:${HOME}:123456789012:db:${DATABASE}`;
const ROLE = "arn:aws:iam::123456789012:role/service-test-backup";
const vaultArn = (region: string) => `arn:aws:backup:${region}:123456789012:backup-vault:${region}-vault`;
/** An hour of the schedules, and what is kept of them. */
const PACE = { hourMs: 1_000, keep: 2 };

describe("AWS Backup with snapshots behind it", () => {
  let aws: RdsLab;
  const keys = new Map<string, string>();
  let plan = "";
  let selection = "";

  beforeAll(async () => {
    aws = await RdsLab.start({ firstAfterMs: 600_000 }, (lab) => createBackup(lab, PACE));
    const trust = { Statement: [{ Effect: "Allow", Principal: { Service: "backup.amazonaws.com" }, Action: "sts:AssumeRole" }] };
    const role = { RoleName: "service-test-backup", AssumeRolePolicyDocument: JSON.stringify(trust) };
    await new IAMClient(aws.options(COLD)).send(new CreateRoleCommand(role));
    for (const region of [HOME, COLD]) {
      const { KeyMetadata } = await aws.kms(region).send(new CreateKeyCommand({}));
      keys.set(region, KeyMetadata?.Arn ?? "");
      const vault = { BackupVaultName: `${region}-vault`, EncryptionKeyArn: key(region) };
      await backups(region).send(new CreateBackupVaultCommand(vault));
      await lock(region);
    }
    await aws.create(HOME, DATABASE, { StorageEncrypted: true, KmsKeyId: key(HOME), MultiAZ: true });
    await until(async () => (await statusOf(HOME, DATABASE)) === "available");
    await aws.sql(HOME, DATABASE, "CREATE TABLE writes (key int PRIMARY KEY)");
    await aws.sql(HOME, DATABASE, "INSERT INTO writes VALUES (1), (2), (3)");
  }, 60_000);

  afterAll(async () => {
    expect(await aws.stop()).toEqual([]);
  }, 30_000);

  it("refuses plans that AWS Backup refuses, and selections for a role that it may not take on", async () => {
    const wrong = (change: Partial<BackupRuleInput>) => create({ ...rule(), ...change }, "wrong");
    const refusal = (message: RegExp) => ({ name: "InvalidParameterValueException", message: expect.stringMatching(message) as string });
    await expect(wrong({ ScheduleExpression: "cron(0/30 * * * ? *)" })).rejects.toMatchObject(refusal(/shouldn't be less than 60 minutes/));
    await expect(wrong({ ScheduleExpression: "rate(1 hour)" })).rejects.toMatchObject(refusal(/no cron expression/));
    await expect(wrong({ StartWindowMinutes: 30 })).rejects.toMatchObject(refusal(/60 or more/));
    await expect(wrong({ TargetBackupVaultName: "nowhere" })).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    plan = await create(rule(), "hourly");
    await expect(create(rule(), "hourly")).rejects.toMatchObject({ name: "AlreadyExistsException" });
    await expect(select("arn:aws:iam::123456789012:role/nobody")).rejects.toMatchObject(refusal(/cannot be assumed/));
  });

  it("keeps plans that can be changed, with their tags, and selections", async () => {
    const { BackupPlan, BackupPlanArn, VersionId } = await backups(HOME).send(new GetBackupPlanCommand({ BackupPlanId: plan }));
    expect(BackupPlan).toMatchObject({ BackupPlanName: "hourly", Rules: [rule()] });
    expect((await backups(HOME).send(new ListTagsCommand({ ResourceArn: BackupPlanArn }))).Tags).toEqual({ site: "primary" });
    const changed = { BackupPlanId: plan, BackupPlan: { BackupPlanName: "hourly", Rules: [{ ...rule(), RuleName: "changed" }] } };
    expect((await backups(HOME).send(new UpdateBackupPlanCommand(changed))).VersionId).not.toBe(VersionId);
    const { BackupPlansList } = await backups(HOME).send(new ListBackupPlansCommand({}));
    expect(BackupPlansList?.map(({ BackupPlanName }) => BackupPlanName)).toEqual(["hourly"]);
    expect((await backups(COLD).send(new ListBackupPlansCommand({}))).BackupPlansList).toEqual([]);
    selection = await select(ROLE);
    const got = await backups(HOME).send(new GetBackupSelectionCommand({ BackupPlanId: plan, SelectionId: selection }));
    expect(got.BackupSelection).toMatchObject({ SelectionName: "database", IamRoleArn: ROLE, Resources: [DATABASE_ARN] });
    const { BackupSelectionsList } = await backups(HOME).send(new ListBackupSelectionsCommand({ BackupPlanId: plan }));
    expect(BackupSelectionsList?.map(({ SelectionId }) => SelectionId)).toEqual([selection]);
    await expect(backups(HOME).send(new DeleteBackupPlanCommand({ BackupPlanId: plan }))).rejects.toMatchObject({
      name: "InvalidRequestException",
    });
  });

  it("backs the database up when the schedule comes round, and copies that to the cold vault with its key", async () => {
    await until(async () => (await points(COLD)).some(({ Status }) => Status === "COMPLETED"));
    const [copy] = (await points(COLD)).filter(({ Status }) => Status === "COMPLETED").slice(-1);
    const [job] = await jobs({ State: "COMPLETED" }).then((all) => all.slice(-1));
    expect(job).toMatchObject({ ResourceArn: DATABASE_ARN, ResourceType: "RDS", BackupVaultName: `${HOME}-vault`, PercentDone: "100.0" });
    expect(job?.RecoveryPointArn).toBe(`arn:aws:rds:${HOME}:123456789012:snapshot:awsbackup:job-${job?.BackupJobId ?? ""}`);
    const source = (await points(HOME)).find(({ RecoveryPointArn }) => RecoveryPointArn === job?.RecoveryPointArn);
    expect(source).toMatchObject({
      Status: "COMPLETED",
      ResourceArn: DATABASE_ARN,
      ResourceName: DATABASE,
      EncryptionKeyArn: key(HOME),
      IsEncrypted: true,
      BackupSizeInBytes: 20 * 2 ** 30,
      Lifecycle: { DeleteAfterDays: 2 },
      CreatedBy: { BackupPlanId: plan, BackupPlanName: "hourly", BackupRuleName: "changed" },
      IamRoleArn: ROLE,
    });
    expect(source?.CompletionDate!.getTime()).toBeGreaterThan(source!.CreationDate!.getTime());
    expect(source?.CalculatedLifecycle?.DeleteAt?.getTime()).toBe(source!.CreationDate!.getTime() + 2 * 86_400_000);
    expect(copy).toMatchObject({
      BackupVaultArn: vaultArn(COLD),
      SourceBackupVaultArn: vaultArn(HOME),
      ResourceArn: DATABASE_ARN,
      EncryptionKeyArn: key(COLD),
      Lifecycle: { DeleteAfterDays: 35 },
      CreationDate: source?.CreationDate,
    });
    const [copyJob] = (await copies()).slice(-1);
    expect(copyJob).toMatchObject({ State: "COMPLETED", CreatedByBackupJobId: job?.BackupJobId, ResourceArn: DATABASE_ARN });
    expect(copyJob?.DestinationRecoveryPointArn).toBe(copy?.RecoveryPointArn);
    // Both are DB snapshots, encrypted with the key of where they are.
    for (const [region, point] of [
      [HOME, source],
      [COLD, copy],
    ] as const) {
      const DBSnapshotIdentifier = snapshotOf(point);
      const { DBSnapshots } = await aws.rds(region).send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier }));
      expect(DBSnapshots).toMatchObject([{ SnapshotType: "awsbackup", KmsKeyId: key(region), Status: "available" }]);
      const described = await backups(region).send(
        new DescribeRecoveryPointCommand({ BackupVaultName: `${region}-vault`, RecoveryPointArn: point?.RecoveryPointArn }),
      );
      expect(described).toMatchObject({ ...point, StorageClass: "WARM" });
    }
  });

  it("keeps the newest of a rule in each vault, and takes the snapshots of the others away", async () => {
    const [oldest] = (await points(HOME)).slice(-1);
    await until(async () => (await completed()) > PACE.keep + 1);
    await until(async () => !(await points(HOME)).some(({ RecoveryPointArn }) => RecoveryPointArn === oldest?.RecoveryPointArn));
    await expect(aws.rds(HOME).send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: snapshotOf(oldest) }))).rejects.toThrow(
      /not found/,
    );
    for (const region of [HOME, COLD]) {
      // One may be under way, and one more be due.
      const { length } = await points(region);
      expect(length).toBeLessThanOrEqual(PACE.keep + 2);
      expect(length).toBeGreaterThanOrEqual(PACE.keep);
    }
    const { NumberOfRecoveryPoints } = await backups(COLD).send(new DescribeBackupVaultCommand({ BackupVaultName: `${COLD}-vault` }));
    expect(NumberOfRecoveryPoints).toBeGreaterThanOrEqual(PACE.keep);
  });

  it("begins nothing while the instance is not available", async () => {
    await aws.rds(HOME).send(new StopDBInstanceCommand({ DBInstanceIdentifier: DATABASE }));
    await until(async () => (await statusOf(HOME, DATABASE)) === "stopped");
    await until(async () => (await jobs({ State: "RUNNING" })).length === 0);
    const before = (await jobs()).length;
    await sleep(1.5 * PACE.hourMs);
    expect((await jobs()).length).toBe(before);
    await aws.rds(HOME).send(new StartDBInstanceCommand({ DBInstanceIdentifier: DATABASE }));
    await until(async () => (await jobs()).length > before);
  });

  it("fails a copy to a region that is lost, goes on at home, and copies again once it is back", async () => {
    await aws.lose(COLD);
    await until(async () =>
      (await copies()).some(({ State, StatusMessage }) => State === "FAILED" && StatusMessage?.includes(COLD) === true),
    );
    const count = await completed();
    await until(async () => (await completed()) > count);
    await aws.heal(COLD);
    const healed = new Date();
    await until(async () => (await points(COLD)).some(({ CreationDate, Status }) => Status === "COMPLETED" && CreationDate! > healed));
  });

  it("stops when the selection is gone", async () => {
    await backups(HOME).send(new DeleteBackupSelectionCommand({ BackupPlanId: plan, SelectionId: selection }));
    await backups(HOME).send(new DeleteBackupPlanCommand({ BackupPlanId: plan }));
    await idle();
    const before = (await jobs()).length;
    await sleep(1.5 * PACE.hourMs);
    expect((await jobs()).length).toBe(before);
    // Its name is free again.
    await backups(HOME).send(new DeleteBackupPlanCommand({ BackupPlanId: await create(rule(), "hourly") }));
  });

  it("makes a backup and a copy on demand, and goes on with those that an outage breaks off", async () => {
    const { BackupJobId, RecoveryPointArn } = await start({ DeleteAfterDays: 2 });
    await aws.lose(HOME);
    await sleep(300);
    await aws.heal(HOME);
    await until(async () => (await job(BackupJobId)).State === "COMPLETED");
    const { CopyJobId } = await backups(HOME).send(
      new StartCopyJobCommand({
        RecoveryPointArn,
        SourceBackupVaultName: `${HOME}-vault`,
        DestinationBackupVaultArn: vaultArn(COLD),
        IamRoleArn: ROLE,
      }),
    );
    await aws.lose(COLD);
    await sleep(300);
    await aws.heal(COLD);
    const copied = async () => (await backups(HOME).send(new DescribeCopyJobCommand({ CopyJobId }))).CopyJob;
    // One that the outage met before it began is refused; any other one goes on.
    await until(async () => ["COMPLETED", "FAILED"].includes((await copied())?.State ?? ""));
    expect(await copied()).toMatchObject({ ResourceArn: DATABASE_ARN, SourceRecoveryPointArn: RecoveryPointArn });
  });

  it("takes only what the lock of the vault allows, and lets nobody delete before its time", async () => {
    for (const [Lifecycle, why] of [
      [{ DeleteAfterDays: 1 }, /2 days or more, not for 1/],
      [{ DeleteAfterDays: 400 }, /365 days or less, not for 400/],
      [undefined, /not for ever/],
    ] as const) {
      const { BackupJobId } = await start(Lifecycle);
      await until(async () => (await job(BackupJobId)).State === "FAILED");
      expect((await job(BackupJobId)).StatusMessage).toMatch(why);
    }
    const [point] = await points(HOME);
    const remove = new DeleteRecoveryPointCommand({ BackupVaultName: `${HOME}-vault`, RecoveryPointArn: point?.RecoveryPointArn });
    await expect(backups(HOME).send(remove)).rejects.toMatchObject({
      name: "InvalidRequestException",
      message: expect.stringContaining(`kept until ${point!.CalculatedLifecycle!.DeleteAt!.toISOString()}`) as string,
    });
    const byRds = new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: snapshotOf(point) });
    await expect(aws.rds(HOME).send(byRds)).rejects.toThrow(/managed by AWS Backup/);
    const vault = { BackupVaultName: `${HOME}-vault` };
    await backups(HOME).send(new DeleteBackupVaultLockConfigurationCommand(vault));
    await backups(HOME).send(remove);
    await expect(backups(HOME).send(remove)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    await expect(backups(HOME).send(new DeleteBackupVaultCommand(vault))).rejects.toThrow(/contains recovery points/);
    await lock(HOME);
  });

  it("keeps a vault's access policy", async () => {
    const vault = { BackupVaultName: `${COLD}-vault` };
    const get = () => backups(COLD).send(new GetBackupVaultAccessPolicyCommand(vault));
    await expect(get()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [] });
    await backups(COLD).send(new PutBackupVaultAccessPolicyCommand({ ...vault, Policy }));
    expect(await get()).toMatchObject({ BackupVaultArn: vaultArn(COLD), Policy });
    await backups(COLD).send(new DeleteBackupVaultAccessPolicyCommand(vault));
    await expect(get()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });

  it("restores the cold copy, to the row, while the home region is lost, and asks it nothing", async () => {
    const { BackupJobId, RecoveryPointArn } = await start({ DeleteAfterDays: 2 });
    await until(async () => (await job(BackupJobId)).State === "COMPLETED");
    await aws.sql(HOME, DATABASE, "INSERT INTO writes VALUES (4)");
    const Lifecycle = { DeleteAfterDays: 35 };
    const from = { SourceBackupVaultName: `${HOME}-vault`, DestinationBackupVaultArn: vaultArn(COLD), IamRoleArn: ROLE };
    const { CopyJobId } = await backups(HOME).send(new StartCopyJobCommand({ RecoveryPointArn, ...from, Lifecycle }));
    const copied = async () => (await backups(HOME).send(new DescribeCopyJobCommand({ CopyJobId }))).CopyJob;
    await until(async () => (await copied())?.State === "COMPLETED");
    await aws.lose(HOME);
    await expect(points(HOME)).rejects.toThrow();
    const askedBefore = aws.gateway.counts()[HOME]?.outage?.total;

    const [newest] = await points(COLD);
    expect(newest?.RecoveryPointArn).toMatch(/^arn:aws:rds:us-east-1:123456789012:snapshot:awsbackup:copyjob-/);
    const at = { BackupVaultName: `${COLD}-vault`, RecoveryPointArn: newest?.RecoveryPointArn };
    const { RestoreMetadata } = await backups(COLD).send(new GetRecoveryPointRestoreMetadataCommand(at));
    expect(RestoreMetadata).toMatchObject({ DBInstanceIdentifier: DATABASE, DBInstanceClass: "db.m6g.large", MultiAZ: "true" });
    const restore = (Metadata: Record<string, string>) =>
      backups(COLD).send(new StartRestoreJobCommand({ RecoveryPointArn: newest?.RecoveryPointArn, Metadata, IamRoleArn: ROLE }));
    await expect(restore({ DBInstanceIdentifier: "restored", Colour: "red" })).rejects.toThrow(/no setting Colour/);
    await expect(restore({ DBInstanceClass: "db.m6g.large" })).rejects.toThrow(/DBInstanceIdentifier is missing/);
    const { RestoreJobId } = await restore({ DBInstanceIdentifier: "restored", DBInstanceClass: "db.m6g.large", MultiAZ: "false" });
    const restored = () => backups(COLD).send(new DescribeRestoreJobCommand({ RestoreJobId }));
    await until(async () => (await restored()).Status !== "RUNNING");
    expect(await restored()).toMatchObject({
      Status: "COMPLETED",
      CreatedResourceArn: `arn:aws:rds:${COLD}:123456789012:db:restored`,
      SourceResourceArn: DATABASE_ARN,
      RecoveryPointCreationDate: newest?.CreationDate,
    });
    expect(await aws.sql(COLD, "restored", "SELECT key FROM writes ORDER BY key")).toEqual([{ key: 1 }, { key: 2 }, { key: 3 }]);
    await aws.sql(COLD, "restored", "INSERT INTO writes VALUES (5)");
    expect(aws.gateway.counts()[HOME]?.outage?.total).toBe(askedBefore);
  });

  // --- helpers ---

  function backups(region: string): BackupClient {
    return new BackupClient(aws.options(region));
  }

  function key(region: string): string {
    return keys.get(region) ?? "";
  }

  async function lock(region: string): Promise<void> {
    const days = { MinRetentionDays: 2, MaxRetentionDays: 365 };
    await backups(region).send(new PutBackupVaultLockConfigurationCommand({ BackupVaultName: `${region}-vault`, ...days }));
  }

  function rule(): BackupRuleInput {
    return {
      RuleName: "database",
      TargetBackupVaultName: `${HOME}-vault`,
      ScheduleExpression: "cron(0 * * * ? *)",
      StartWindowMinutes: 60,
      CompletionWindowMinutes: 120,
      Lifecycle: { DeleteAfterDays: 2 },
      CopyActions: [{ DestinationBackupVaultArn: vaultArn(COLD), Lifecycle: { DeleteAfterDays: 35 } }],
    };
  }

  async function create(one: BackupRuleInput, BackupPlanName: string): Promise<string> {
    const input = { BackupPlan: { BackupPlanName, Rules: [one] }, BackupPlanTags: { site: "primary" } };
    return (await backups(HOME).send(new CreateBackupPlanCommand(input))).BackupPlanId ?? "";
  }

  async function select(IamRoleArn: string): Promise<string> {
    const BackupSelection = { SelectionName: "database", IamRoleArn, Resources: [DATABASE_ARN] };
    return (await backups(HOME).send(new CreateBackupSelectionCommand({ BackupPlanId: plan, BackupSelection }))).SelectionId ?? "";
  }

  function start(Lifecycle?: { DeleteAfterDays: number }) {
    const input = { BackupVaultName: `${HOME}-vault`, ResourceArn: DATABASE_ARN, IamRoleArn: ROLE, Lifecycle };
    return backups(HOME).send(new StartBackupJobCommand(input));
  }

  /** Newest first. */
  async function points(region: string): Promise<RecoveryPointByBackupVault[]> {
    const list = new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: `${region}-vault` });
    return (await backups(region).send(list)).RecoveryPoints ?? [];
  }

  async function jobs(by: { State?: "COMPLETED" | "RUNNING" } = {}): Promise<BackupJob[]> {
    return (await backups(HOME).send(new ListBackupJobsCommand({ ByState: by.State }))).BackupJobs ?? [];
  }

  function job(BackupJobId: string | undefined) {
    return backups(HOME).send(new DescribeBackupJobCommand({ BackupJobId }));
  }

  async function completed(): Promise<number> {
    return (await jobs({ State: "COMPLETED" })).length;
  }

  async function copies(): Promise<CopyJob[]> {
    return (await backups(HOME).send(new ListCopyJobsCommand({ ByResourceArn: DATABASE_ARN }))).CopyJobs ?? [];
  }

  async function idle(): Promise<void> {
    await until(async () => ![...(await jobs()), ...(await copies())].some(({ State }) => State === "RUNNING"));
  }

  async function statusOf(region: string, DBInstanceIdentifier: string): Promise<string | undefined> {
    return (await aws.rds(region).send(new DescribeDBInstancesCommand({ DBInstanceIdentifier }))).DBInstances?.[0]?.DBInstanceStatus;
  }

  function snapshotOf(point: RecoveryPointByBackupVault | undefined): string {
    return point?.RecoveryPointArn?.split(":").slice(6).join(":") ?? "";
  }
}, 60_000);
