import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Aws } from "../../../lab/providers/aws/aws";
import { securityGroupEgressRule, securityGroupIngressRule } from "../../../lab/providers/aws/ec2";
import { instance } from "../../../lab/providers/aws/rds-instance";
import { instanceAutomatedBackupsReplication } from "../../../lab/providers/aws/rds-backups";
import { snapshot, snapshotCopy } from "../../../lab/providers/aws/rds-snapshot";
import { bucketReplicationConfig } from "../../../lab/providers/aws/s3";
import type { Request } from "../../../lab/providers/base";
import { endAws, serveAws } from "./served-aws";

/** An endpoint that answers what a test puts here, by action; a list is answered in turn, its last for ever. */
let answers: Record<string, string | string[]>;
let calls: Record<string, string>[];
let server: Server;
let aws: Aws;

beforeEach(async () => {
  answers = {};
  calls = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const call = Object.fromEntries(new URLSearchParams(body));
      const action = call["Action"] ?? `${request.method ?? ""} ${(request.url ?? "").replace(/^\/[^?]*/, "")}`;
      calls.push({ Action: action, ...call });
      const answer = answers[action];
      const text = typeof answer === "string" ? answer : answer && answer.length > 1 ? answer.shift() : answer?.[0];
      const missing = (text ?? "<Code>").includes("<Code>");
      response.writeHead(missing ? 404 : 200, { "content-type": "text/xml" }).end(text ?? "<Error><Code>Unexpected</Code></Error>");
    });
  });
  aws = await serveAws(server);
});

afterEach(() => endAws(server));

const about = { signal: new AbortController().signal } as Request;
const read = (kind: { read?: unknown }, id: string, inputs: object, outputs: object = inputs) =>
  (kind as typeof instance).read!(aws, id, inputs as never, outputs, about);
const error = (code: string) => `<ErrorResponse><Error><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`;
const instances = (inside: string) =>
  `<R><DescribeDBInstancesResult><DBInstances>${inside === "" ? "" : `<DBInstance>${inside}</DBInstance>`}</DBInstances></DescribeDBInstancesResult></R>`;
const snapshots = (status: string) =>
  `<R><DescribeDBSnapshotsResult><DBSnapshots><DBSnapshot><DBSnapshotIdentifier>db-left</DBSnapshotIdentifier><DBInstanceIdentifier>db</DBInstanceIdentifier><Status>${status}</Status><DBSnapshotArn>arn:left</DBSnapshotArn></DBSnapshot></DBSnapshots></DescribeDBSnapshotsResult></R>`;

describe("a snapshot", () => {
  const inputs = { dbInstanceIdentifier: "db", dbSnapshotIdentifier: "db-left" };
  const create = () => snapshot.create(aws, inputs, { ...about, exists: () => undefined });

  it("exists when it is available", async () => {
    answers = { CreateDBSnapshot: "<R/>", DescribeDBSnapshots: [snapshots("creating"), snapshots("creating"), snapshots("available")] };
    await expect(create()).resolves.toMatchObject({ id: "db-left", outputs: { status: "available", dbSnapshotArn: "arn:left" } });
    expect(calls.map(({ Action }) => Action)).toEqual(["CreateDBSnapshot", ...Array<string>(3).fill("DescribeDBSnapshots")]);
    expect(calls[0]).toMatchObject({ DBInstanceIdentifier: "db", DBSnapshotIdentifier: "db-left" });
  });

  it("that fails is an error", async () => {
    answers = { CreateDBSnapshot: "<R/>", DescribeDBSnapshots: snapshots("failed") };
    await expect(create()).rejects.toThrow("RDS DB Snapshot (db-left) is failed, not available");
  });

  it("is read by its identifier alone, and may be gone", async () => {
    answers = { DescribeDBSnapshots: snapshots("available") };
    await expect(read(snapshot, "db-left", {})).resolves.toMatchObject({ inputs, outputs: { dbSnapshotArn: "arn:left" } });
    answers = { DescribeDBSnapshots: error("DBSnapshotNotFound") };
    await expect(read(snapshot, "db-left", inputs)).resolves.toBeUndefined();
  });
});

describe("a copy of a snapshot", () => {
  const source = "arn:aws:rds:eu-north-1:123456789012:snapshot:db-left";
  const inputs = { sourceDbSnapshotIdentifier: source, targetDbSnapshotIdentifier: "db-left", kmsKeyId: "arn:key" };

  it("exists when it is available, and is read by its own name", async () => {
    answers = { CopyDBSnapshot: "<R/>", DescribeDBSnapshots: [snapshots("creating"), snapshots("available"), snapshots("available")] };
    const request = { ...about, exists: () => undefined };
    const made = await snapshotCopy.create(aws, inputs, request);
    expect(made).toMatchObject({ id: "db-left", outputs: { ...inputs, dbSnapshotArn: "arn:left" } });
    expect(calls[0]).toMatchObject({ SourceDBSnapshotIdentifier: source, TargetDBSnapshotIdentifier: "db-left", KmsKeyId: "arn:key" });
    const found = await read(snapshotCopy, "db-left", inputs);
    expect(found?.inputs).toEqual(inputs);
    expect(found?.outputs).not.toHaveProperty("dbSnapshotIdentifier");
    answers = { DescribeDBSnapshots: error("DBSnapshotNotFound") };
    await expect(read(snapshotCopy, "db-left", inputs)).resolves.toBeUndefined();
  });
});

describe("replicated automated backups", () => {
  const inputs = { sourceDbInstanceArn: "arn:db", kmsKeyId: "arn:key" };
  const backup = (action: string, status: string): string =>
    `<R><${action}Result><DBInstanceAutomatedBackups><DBInstanceAutomatedBackup><DBInstanceAutomatedBackupsArn>arn:backup</DBInstanceAutomatedBackupsArn>` +
    `<DBInstanceArn>arn:db</DBInstanceArn><Status>${status}</Status><BackupRetentionPeriod>7</BackupRetentionPeriod><KmsKeyId>arn:key</KmsKeyId>` +
    `</DBInstanceAutomatedBackup></DBInstanceAutomatedBackups></${action}Result></R>`;
  const described = (status: string): string => backup("DescribeDBInstanceAutomatedBackups", status);

  it("exist once the first base backup is there, and not once they are only retained", async () => {
    const started = backup("StartDBInstanceAutomatedBackupsReplication", "pending").replace(/<\/?DBInstanceAutomatedBackups>/g, "");
    answers = {
      StartDBInstanceAutomatedBackupsReplication: started,
      DescribeDBInstanceAutomatedBackups: [described("pending"), described("replicating"), described("replicating"), described("retained")],
    };
    const request = { ...about, exists: () => undefined };
    const made = await instanceAutomatedBackupsReplication.create(aws, inputs, request);
    expect(made).toEqual({ id: "arn:backup", outputs: { ...inputs, retentionPeriod: 7 } });
    expect(calls[0]).toMatchObject({ SourceDBInstanceArn: "arn:db", KmsKeyId: "arn:key", BackupRetentionPeriod: "7" });
    await expect(read(instanceAutomatedBackupsReplication, "arn:backup", inputs)).resolves.toMatchObject({ inputs });
    await expect(read(instanceAutomatedBackupsReplication, "arn:backup", inputs)).resolves.toBeUndefined();
  });
});

describe("an instance", () => {
  const told =
    "<DBInstanceIdentifier>db</DBInstanceIdentifier><DbiResourceId>db-ABC123</DbiResourceId><MultiAZ>false</MultiAZ>" +
    "<BackupRetentionPeriod>0</BackupRetentionPeriod><DeletionProtection>true</DeletionProtection>" +
    "<ReadReplicaSourceDBInstanceIdentifier>arn:source</ReadReplicaSourceDBInstanceIdentifier>";
  const inputs = { identifier: "db", multiAz: true, backupRetentionPeriod: 7, deletionProtection: true, replicateSourceDb: "arn:source" };

  it("shows what a creation that was cut off left undone", async () => {
    answers = { DescribeDBInstances: instances(told) };
    const found = await read(instance, "db-ABC123", inputs);
    expect(found?.inputs).toEqual({ ...inputs, multiAz: false, backupRetentionPeriod: 0 });
    expect(found).not.toHaveProperty("id");
  });

  it("has no source any more where it was promoted behind the program's back", async () => {
    answers = { DescribeDBInstances: instances(told.replace(/<ReadReplica.*/, "")) };
    expect(await read(instance, "db-ABC123", inputs)).toMatchObject({ inputs: { replicateSourceDb: undefined } });
  });

  it.each(["db", "db-ABC123"])("is taken up by %s, and known by its resource id from then on", async (id) => {
    answers = { DescribeDBInstances: instances(told) };
    const found = await read(instance, id, {});
    expect(found).toMatchObject({
      id: "db-ABC123",
      inputs: { identifier: "db", replicateSourceDb: "arn:source", deletionProtection: true },
    });
    expect(found?.inputs).not.toHaveProperty("resourceId");
    expect(calls[0]?.["DBInstanceIdentifier"]).toBe(id === "db" ? "db" : undefined);
  });

  it("may be gone", async () => {
    answers = { DescribeDBInstances: error("DBInstanceNotFound") };
    await expect(read(instance, "db-ABC123", inputs)).resolves.toBeUndefined();
    answers = { DescribeDBInstances: instances("") };
    await expect(read(instance, "db-ABC123", {})).resolves.toBeUndefined();
  });
});

describe("replication of a bucket", () => {
  const inputs = {
    bucket: "b",
    role: "arn:role",
    rules: [{ id: "to-x", status: "Enabled", filter: { prefix: "" }, destination: { bucket: "arn:x" } }],
  };
  const live = (bucket: string) =>
    `<ReplicationConfiguration><Role>arn:role</Role><Rule><Destination><Bucket>${bucket}</Bucket></Destination><Filter><Prefix></Prefix></Filter><ID>to-x</ID><Status>Enabled</Status></Rule></ReplicationConfiguration>`;
  const GET = "GET ?replication=";

  it("is as recorded where it is", async () => {
    answers = { [GET]: live("arn:x") };
    expect((await read(bucketReplicationConfig, "b", inputs))?.inputs).toEqual(inputs);
  });

  it("is as S3 tells where somebody changed it, and may be gone", async () => {
    answers = { [GET]: live("arn:y") };
    expect(await read(bucketReplicationConfig, "b", inputs)).toMatchObject({
      inputs: { rules: [{ id: "to-x", destination: { bucket: "arn:y" } }] },
    });
    answers = { [GET]: "<Error><Code>ReplicationConfigurationNotFoundError</Code></Error>" };
    await expect(read(bucketReplicationConfig, "b", inputs)).resolves.toBeUndefined();
  });
});

describe("a rule of a security group", () => {
  const rules = (inside: string) =>
    `<R><securityGroupRuleSet><item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-1</groupId>${inside}</item></securityGroupRuleSet></R>`;
  const inputs = { securityGroupId: "sg-1", ipProtocol: "tcp", fromPort: 5432, toPort: 5432, cidrIpv4: "10.0.0.0/8", description: "in" };

  it("is as EC2 tells", async () => {
    const ports = "<ipProtocol>tcp</ipProtocol><fromPort>5432</fromPort><toPort>5432</toPort>";
    answers = { DescribeSecurityGroupRules: rules(`${ports}<cidrIpv4>10.0.0.0/8</cidrIpv4>`) };
    expect((await read(securityGroupIngressRule, "sgr-1", inputs))?.inputs).toEqual(inputs);
    answers = { DescribeSecurityGroupRules: rules(`${ports}<referencedGroupInfo><groupId>sg-2</groupId></referencedGroupInfo>`) };
    const { cidrIpv4: _, ...rest } = inputs;
    expect((await read(securityGroupIngressRule, "sgr-1", inputs))?.inputs).toEqual({ ...rest, referencedSecurityGroupId: "sg-2" });
  });

  it("for all protocols has no ports", async () => {
    answers = {
      DescribeSecurityGroupRules: rules(
        "<ipProtocol>-1</ipProtocol><fromPort>-1</fromPort><toPort>-1</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4>",
      ),
    };
    const all = { securityGroupId: "sg-1", ipProtocol: "-1", cidrIpv4: "0.0.0.0/0" };
    expect((await read(securityGroupEgressRule, "sgr-1", all))?.inputs).toEqual(all);
  });

  it("that somebody revoked is gone", async () => {
    answers = {
      DescribeSecurityGroupRules: "<Response><Errors><Error><Code>InvalidSecurityGroupRuleId.NotFound</Code></Error></Errors></Response>",
    };
    await expect(read(securityGroupIngressRule, "sgr-1", inputs)).resolves.toBeUndefined();
  });
});
