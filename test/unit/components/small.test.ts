import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { Access } from "../../../components/access";
import { Accounts } from "../../../components/accounts";
import { replicaLag, serving, siteHealth, storageLeft } from "../../../components/alarm-specs";
import { Alarms } from "../../../components/alarms";
import { Audit } from "../../../components/audit";
import { Keys } from "../../../components/keys";
import { TakeoverSwitch } from "../../../components/takeover-switch";
import { matches } from "./arn";
import { names, record } from "./recorder";

interface Document {
  Statement: {
    Sid: string;
    Effect: string;
    Action: string | string[];
    Resource: string | string[];
    Condition?: Record<string, Record<string, unknown>>;
  }[];
}
const statement = (text: string, sid: string) => (JSON.parse(text) as Document).Statement.find((s) => s.Sid === sid);

test("keys: rotated, known by an alias that other sites can derive", async () => {
  const recording = await record(() => new Keys("keys", { names: names.site("primary"), account: "123456789012" }));
  const key = recording.get("aws:kms/key:Key", "keys-key").inputs;
  expect(key).toMatchObject({ enableKeyRotation: true, deletionWindowInDays: 30 });
  expect(statement(key.policy, "Alarms")?.Condition).toEqual({ StringEquals: { "aws:SourceAccount": "123456789012" } });
  expect(recording.get("aws:kms/alias:Alias", "keys-alias").inputs).toEqual({
    name: "alias/samia-tarot-production-primary",
    targetKeyId: "key-id",
  });
});

test("the takeover switch says who took over and when, after all that must serve first", async () => {
  const recording = await record(() => {
    const before = new Keys("before", { names: names.site("secondary"), account: "123456789012" });
    new TakeoverSwitch("takeover", { bucket: "switch-bucket", activation: { activeSite: "secondary", epoch: 2 }, after: [before] });
  });
  const object = recording.get("aws:s3/bucketObjectv2:BucketObjectv2", "takeover-object");
  expect(object.inputs).toMatchObject({ bucket: "switch-bucket", key: "takeover", cacheControl: "no-store" });
  expect(JSON.parse(object.inputs.content)).toEqual({ activeSite: "secondary", epoch: 2 });
  expect(object.dependsOn).toContain(recording.get("aws:kms/alias:Alias", "before-alias").urn);
});

test("alarms ring the site's topic", async () => {
  const recording = await record(
    () =>
      new Alarms("alarms", {
        prefix: "production-secondary",
        keyArn: "arn:own-key",
        alarms: [
          replicaLag("db", 900),
          storageLeft("db", 10),
          serving("auth", "targetgroup/auth", "app/balancer"),
          siteHealth("primary", "hc"),
        ],
      }),
  );
  const alarm = (name: string) => recording.get("aws:cloudwatch/metricAlarm:MetricAlarm", `alarms-${name}`).inputs;
  expect(alarm("replica-lag")).toMatchObject({
    name: "production-secondary-replica-lag",
    namespace: "AWS/RDS",
    metricName: "ReplicaLag",
    dimensions: { DBInstanceIdentifier: "db" },
    comparisonOperator: "GreaterThanThreshold",
    threshold: 900,
    period: 60,
    treatMissingData: "missing",
    alarmActions: ["arn:topic/production-secondary"],
  });
  expect(alarm("database-storage")).toMatchObject({ comparisonOperator: "LessThanThreshold", threshold: 10 * 1024 ** 3 });
  expect(alarm("serving-auth")).toMatchObject({ metricName: "HealthyHostCount", threshold: 1, treatMissingData: "breaching" });
  expect(alarm("health-primary")).toMatchObject({ metricName: "HealthCheckStatus", dimensions: { HealthCheckId: "hc" } });
  expect(recording.get("aws:sns/topic:Topic", "alarms-topic").inputs.kmsMasterKeyId).toBe("arn:own-key");
});

test("an operator needs a second factor and has an hour", async () => {
  const recording = await record(
    () => new Access("access", { role: "operator", account: "123456789012", prefix: "samia-tarot-production", data: [] }),
  );
  const role = recording.get("aws:iam/role:Role", "access-operator").inputs;
  expect(role.maxSessionDuration).toBe(3600);
  expect(statement(role.assumeRolePolicy, "SecondFactor")?.Condition).toEqual({
    Bool: { "aws:MultiFactorAuthPresent": "true" },
    NumericLessThan: { "aws:MultiFactorAuthAge": "3600" },
  });
});

test("an operator changes databases, switches and copies of this service, and no names in DNS", async () => {
  const recording = await record(
    () =>
      new Access("access", {
        role: "operator",
        account: "123456789012",
        prefix: "samia-tarot-production",
        archives: ["arn:aws:s3:::archive"],
        data: ["arn:aws:s3:::media"],
      }),
  );
  const { policy } = recording.get("aws:iam/rolePolicy:RolePolicy", "access-operator-policy").inputs;
  const { Statement } = JSON.parse(policy) as Document;
  const changing = Statement.filter((s) => s.Sid !== "See");
  expect(changing.every((s) => s.Effect === "Allow")).toBe(true);
  const actions = changing.flatMap((s) => s.Action);
  expect(actions).toContain("rds:PromoteReadReplica");
  expect(actions.filter((a) => /^route53:|:\*$|Bypass|DeleteObjectVersion|VaultLock|DeleteRecoveryPoint/.test(a))).toEqual([]);
  expect(changing.filter((s) => [s.Resource].flat().includes("*")).map(({ Sid, Condition }) => ({ Sid, Condition }))).toEqual([
    { Sid: "Looks", Condition: { StringEquals: { "cloudwatch:namespace": "Changeover" } } },
  ]);
  // What the role's pattern reaches is what the naming gives.
  const own = (arn: string) =>
    changing
      .filter(({ Sid }) => Sid !== "Looks")
      .flatMap((s) => s.Resource)
      .some((pattern) => matches(pattern, arn));
  expect(own(names.site("secondary").databaseArn(2))).toBe(true);
  expect(own(`arn:aws:s3:::${names.site("secondary").switchBucket}/takeover`)).toBe(true);
  expect(own(names.site("secondary").replicationRoleArn)).toBe(true);
  expect(own(names.site("secondary").backupRoleArn)).toBe(true);
  expect(own("arn:aws:rds:eu-west-1:123456789012:db:other")).toBe(false);
  // Only what a restore made and no stack took over is deleted.
  expect(changing.filter((s) => s.Action.includes("rds:DeleteDBInstance"))).toMatchObject([
    { Sid: "RestoredDatabase", Condition: { StringEquals: { "aws:ResourceTag/changeover": "restored" } } },
  ]);
  // An archive is read, and copied back; never written.
  const may = (arn: string) => changing.filter((s) => s.Resource.includes(arn)).flatMap((s) => s.Action);
  expect(may("arn:aws:s3:::archive/*")).toContain("s3:RestoreObject");
  expect(may("arn:aws:s3:::archive/*").filter((action) => /Put|Delete/.test(action))).toEqual([]);
  expect(may("arn:aws:s3:::media/*")).toContain("s3:PutObject");
});

test("the trail records every region into a bucket that locks its records", async () => {
  const recording = await record(() => new Audit("audit", { trail: "t", bucket: "records", region: "us-east-1", account: "123456789012" }));
  const trail = recording.get("aws:cloudtrail/trail:Trail", "audit-trail");
  expect(trail.inputs).toMatchObject({ isMultiRegionTrail: true, enableLogFileValidation: true, s3BucketName: "records" });
  const policy = recording.get("aws:s3/bucketPolicy:BucketPolicy", "audit-records-policy");
  expect(trail.dependsOn).toContain(policy.urn);
  expect(statement(policy.inputs.policy, "TrailWrites")?.Condition).toEqual({
    StringEquals: {
      "aws:SourceArn": "arn:aws:cloudtrail:us-east-1:123456789012:trail/t",
      "s3:x-amz-acl": "bucket-owner-full-control",
    },
  });
  expect(recording.all("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")).toHaveLength(1);
});

test("inside the database: the services' role with a secret password, and nothing that names a site", async () => {
  const recording = await record(() => new Accounts("accounts", { database: "service", appPassword: pulumi.secret("app") }));
  const role = recording.get("postgresql:index/role:Role", "accounts-app");
  expect(role.inputs).toEqual({ name: "service_app", login: true, password: "app" });
  expect(role.secrets).toEqual(["password"]);
  // The guard moves it every few seconds.
  expect(role.ignoreChanges).toEqual(["validUntil"]);
  const grants = recording.all("postgresql:index/grant:Grant").map(({ inputs }) => [inputs.objectType, inputs.role, inputs.privileges]);
  expect(grants).toEqual([
    ["database", "service_app", ["CONNECT"]],
    ["schema", "service_app", ["CREATE", "USAGE"]],
  ]);
  expect(recording.all("postgresql:index/defaultPrivileges:DefaultPrivileges").map((r) => r.inputs.owner)).toEqual([
    "changeover",
    "changeover",
  ]);
  expect(JSON.stringify(recording.resources.map((r) => [r.name, r.inputs]))).not.toMatch(/primary|secondary|eu-/);
});
