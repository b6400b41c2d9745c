import { describe, expect, it } from "vitest";
import { due } from "../../../lab/backup/expiry";
import { answerList } from "../../../lab/backup/lists";
import { ownSnapshots } from "../../../lab/backup/own-snapshots";
import { newPoint, type RecoveryPoint } from "../../../lab/backup/recovery-points";
import { restoreMetadata, restoreRequest } from "../../../lab/backup/restore-metadata";
import { lockRefusal, parseVaultArn, type Vault } from "../../../lab/backup/vaults";
import { toWire } from "../../../lab/backup/wire";
import { isResponse } from "../../../lab/gateway/mend";

const vault = (change: Partial<Vault> = {}): Vault => ({
  region: "r",
  name: "v",
  arn: "arn:v",
  locked: true,
  minDays: 2,
  maxDays: 365,
  ...change,
});

describe("what a vault's lock takes", () => {
  it.each([
    [{ DeleteAfterDays: 2 }, undefined],
    [{ DeleteAfterDays: 365 }, undefined],
    [{ DeleteAfterDays: 1 }, "2 days or more, not for 1"],
    [{ DeleteAfterDays: 366 }, "365 days or less, not for 366"],
    [{ DeleteAfterDays: -1 }, "365 days or less, not for ever"],
    [{}, "365 days or less, not for ever"],
    [undefined, "365 days or less, not for ever"],
  ])("%j: %s", (lifecycle, refusal) => {
    if (refusal === undefined) expect(lockRefusal(vault(), lifecycle)).toBeUndefined();
    else expect(lockRefusal(vault(), lifecycle)).toContain(refusal);
  });

  it("has no end where it has no largest time, and no beginning where it has no least", () => {
    const { minDays: _, maxDays: __, ...open } = vault();
    expect(lockRefusal({ ...open, minDays: 2 }, undefined)).toBeUndefined();
    expect(lockRefusal({ ...open, maxDays: 365 }, { DeleteAfterDays: 1 })).toBeUndefined();
  });

  it("is told by an ARN", () => {
    expect(parseVaultArn("arn:aws:backup:us-east-1:123456789012:backup-vault:a-vault")).toEqual({ region: "us-east-1", name: "a-vault" });
    expect(() => parseVaultArn("a-vault")).toThrow("no ARN of a backup vault");
  });
});

describe("what is to go", () => {
  const NOW = new Date("2026-01-10T00:00:00Z");
  const point = (name: string, hoursAgo: number, { rule, days, of = "arn:v" }: { rule?: string; days?: number; of?: string } = {}) => ({
    ...newPoint(name, vault({ arn: of }), {
      resource: "arn:db",
      created: new Date(NOW.getTime() - hoursAgo * 3_600_000),
      restoreMetadata: {},
      keyArn: undefined,
      lifecycle: days === undefined ? undefined : { DeleteAfterDays: days },
      role: undefined,
      createdBy: rule === undefined ? undefined : { BackupRuleId: rule },
    }),
    Status: "COMPLETED" as const,
  });
  const gone = (points: RecoveryPoint[], keep = 2) => due(points, NOW, keep).map(({ RecoveryPointArn }) => RecoveryPointArn);

  it("is what is past its time, whoever made it", () => {
    expect(gone([point("a", 49, { days: 2 }), point("b", 48, { days: 2 }), point("c", 47, { days: 2 }), point("d", 9_999)])).toEqual([
      "b",
      "a",
    ]);
  });

  it("is all but the newest of a rule in a vault; what was made on demand does not count", () => {
    const ofRule = [1, 2, 3, 4].map((n) => point(`x${n}`, n, { rule: "x" }));
    const others = [point("other", 5, { rule: "y" }), point("copy", 6, { rule: "x", of: "arn:cold" }), point("by-hand", 7)];
    expect(gone([...others, ...ofRule])).toEqual(["x3", "x4"]);
  });

  it("is nothing that is still being made, or deleted already", () => {
    const making = (["CREATING", "DELETING"] as const).map((Status, n) => ({ ...point(Status, 100 + n, { rule: "x", days: 1 }), Status }));
    expect(gone(making)).toEqual([]);
  });
});

describe("settings to restore with", () => {
  const instance = {
    DBInstanceIdentifier: "db",
    DBInstanceClass: "db.r6g.large",
    Engine: "postgres",
    MultiAZ: true,
    DBSubnetGroup: { DBSubnetGroupName: "subnets" },
    VpcSecurityGroups: [{ VpcSecurityGroupId: "sg-1" }, { VpcSecurityGroupId: "sg-2" }],
    DBParameterGroups: [{ DBParameterGroupName: "parameters" }],
    Endpoint: { Port: 5432 },
    DeletionProtection: true,
  };

  it("are those of the instance, and what RDS is asked for when they are given back", () => {
    const metadata = restoreMetadata(instance);
    expect(metadata).toMatchObject({ MultiAZ: "true", VpcSecurityGroupIds: '["sg-1","sg-2"]', Port: "5432" });
    expect(restoreRequest("awsbackup:job-1", metadata)).toEqual({
      DBSnapshotIdentifier: "awsbackup:job-1",
      DBInstanceIdentifier: "db",
      DBInstanceClass: "db.r6g.large",
      Engine: "postgres",
      MultiAZ: true,
      DBSubnetGroupName: "subnets",
      VpcSecurityGroupIds: ["sg-1", "sg-2"],
      DBParameterGroupName: "parameters",
      Port: 5432,
      DeletionProtection: true,
    });
  });

  it.each([
    [{}, "DBInstanceIdentifier is missing"],
    [{ DBInstanceIdentifier: "db", MultiAZ: "yes" }, 'MultiAZ is "yes"'],
    [{ DBInstanceIdentifier: "db", VpcSecurityGroupIds: "sg-1" }, "VpcSecurityGroupIds is sg-1"],
    [{ DBInstanceIdentifier: "db", Size: "1" }, "no setting Size"],
  ])("%j: %s", (metadata, message) => {
    expect(() => restoreRequest("s", metadata)).toThrow(message);
  });
});

describe("lists", () => {
  const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute));
  const records = [1, 2, 3].map((n) => ({ Id: n, State: n === 2 ? "FAILED" : "COMPLETED", CreationDate: at(n), ResourceArn: `arn:${n}` }));
  const ids = (parameters: Record<string, string>) =>
    (answerList("Jobs", records, parameters) as { Jobs: { Id: number }[] }).Jobs.map(({ Id }) => Id);

  it("have the newest first, and what is asked for", () => {
    expect(ids({})).toEqual([3, 2, 1]);
    expect(ids({ state: "COMPLETED" })).toEqual([3, 1]);
    expect(ids({ createdAfter: at(1).toISOString(), createdBefore: at(3).toISOString() })).toEqual([2]);
    expect(ids({ resourceArn: "arn:1", state: "FAILED" })).toEqual([]);
    expect(() => ids({ colour: "red" })).toThrow("does not filter Jobs by colour");
  });

  it("come in pages", () => {
    expect(answerList("Jobs", records, { maxResults: "2" })).toMatchObject({ Jobs: [{ Id: 3 }, { Id: 2 }], NextToken: "2" });
    expect(answerList("Jobs", records, { maxResults: "2", nextToken: "2" })).toEqual({ Jobs: [records[0]] });
  });

  it("go out with their times in seconds", () => {
    expect(toWire({ A: [{ At: at(1), n: null }], B: "x" })).toEqual({ A: [{ At: at(1).getTime() / 1_000, n: null }], B: "x" });
  });
});

describe("snapshots of AWS Backup", () => {
  const refused = async (action: string, parameters: Record<string, string>, agent = "aws-cli/2") => {
    const request = {
      service: "rds",
      region: "r",
      protocol: "query",
      method: "POST",
      action,
      parameters,
      headers: { "user-agent": agent },
    };
    const answer = await ownSnapshots.request?.(request as never);
    return answer !== undefined && isResponse(answer) && answer.body.toString().includes("managed by AWS Backup");
  };

  it("are made, copied and deleted by itself alone", async () => {
    const id = { DBSnapshotIdentifier: "awsbackup:job-1" };
    expect(await refused("DeleteDBSnapshot", id)).toBe(true);
    expect(await refused("CreateDBSnapshot", id)).toBe(true);
    expect(await refused("CopyDBSnapshot", { TargetDBSnapshotIdentifier: "awsbackup:copyjob-1" })).toBe(true);
    expect(await refused("DeleteDBSnapshot", id, "aws-sdk-js/3 AWS-Backup")).toBe(false);
  });

  it("may be looked at, restored and copied from by anybody", async () => {
    expect(await refused("DescribeDBSnapshots", { DBSnapshotIdentifier: "awsbackup:job-1" })).toBe(false);
    expect(await refused("RestoreDBInstanceFromDBSnapshot", { DBSnapshotIdentifier: "awsbackup:job-1" })).toBe(false);
    expect(await refused("CopyDBSnapshot", { SourceDBSnapshotIdentifier: "awsbackup:job-1", TargetDBSnapshotIdentifier: "mine" })).toBe(
      false,
    );
    expect(await refused("DeleteDBSnapshot", { DBSnapshotIdentifier: "db-left" })).toBe(false);
  });
});
