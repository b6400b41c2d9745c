import { expect, test } from "vitest";
import { Archive, type ArchiveArgs } from "../../../components/archive";
import { ControlBucket } from "../../../components/control-bucket";
import { PrivateBucket } from "../../../components/private-bucket";
import { ROUTE53_HEALTH_CHECKERS } from "../../../components/route53-ranges";
import { Storage, type StorageArgs } from "../../../components/storage";
import { SwitchBucket } from "../../../components/switch-bucket";
import { names, record, type Recording } from "./recorder";

const primary = names.site("primary");
const secondary = names.site("secondary");
const cold = names.site("cold");

const base: StorageArgs = {
  names: primary,
  buckets: ["media", "documents"],
  otherSites: [secondary],
  archives: [{ names: cold, timeControlled: false }],
  lockDays: 30,
  keyArn: "arn:own-key",
  account: "123456789012",
};

const archiveArgs: ArchiveArgs = {
  names: cold,
  buckets: ["media", "documents"],
  keyArn: "arn:own-key",
  storageClass: "GLACIER",
  afterDays: 2,
  lockDays: 30,
};

interface PolicyStatement {
  Sid: string;
  Effect: string;
  Principal: unknown;
  Action: string | string[];
  Resource: string | string[];
  Condition: unknown;
}

function policy(recording: Recording, name: string): Record<string, PolicyStatement> {
  const { inputs } = recording.get("aws:s3/bucketPolicy:BucketPolicy", name);
  return Object.fromEntries((JSON.parse(inputs.policy) as { Statement: PolicyStatement[] }).Statement.map((s) => [s.Sid, s]));
}

test("every bucket is versioned, encrypted, closed to the public and reached over TLS only", async () => {
  const recording = await record(() => new PrivateBucket("b", { bucket: "some-bucket", keyArn: "arn:own-key" }));
  const only = (type: string) => recording.all(type).map((r) => r.inputs);
  expect(only("aws:s3/bucketVersioning:BucketVersioning")).toEqual([
    { bucket: "some-bucket", versioningConfiguration: { status: "Enabled" } },
  ]);
  expect(only("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")[0]?.rules).toEqual([
    { applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: "arn:own-key" }, bucketKeyEnabled: true },
  ]);
  expect(only("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")[0]).toEqual({
    bucket: "some-bucket",
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  const both = ["arn:aws:s3:::some-bucket", "arn:aws:s3:::some-bucket/*"];
  expect(policy(recording, "b-policy")).toMatchObject({
    NoPlainHttp: {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: both,
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
    NoOldTls: {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: both,
      Condition: { NumericLessThan: { "s3:TlsVersion": "1.3" } },
    },
  });
});

test("the policy waits for the block on public access", async () => {
  const recording = await record(() => new PrivateBucket("b", { bucket: "some-bucket" }));
  const block = recording.get("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "b-access");
  expect(recording.get("aws:s3/bucketPolicy:BucketPolicy", "b-policy").dependsOn).toContain(block.urn);
});

const COPY = "aws:s3/bucketReplicationConfig:BucketReplicationConfig";

test("an active site copies all of its buckets to its standby and to the archive, deletions too, each with the other site's key", async () => {
  const active = await record(() => new Storage("storage", { ...base, copyTo: { names: secondary, timeControlled: true } }));
  expect(active.all(COPY).map((r) => r.name)).toEqual(["storage-documents-copies", "storage-media-copies"]);
  const { inputs } = active.get(COPY, "storage-media-copies");
  expect(inputs.bucket).toBe("samia-tarot-production-123456789012-primary-media");
  expect(inputs.role).toBe("arn:role/samia-tarot-production-primary-replication");
  const everything = {
    status: "Enabled",
    filter: { prefix: "" },
    deleteMarkerReplication: { status: "Enabled" },
    sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: "Enabled" } },
  };
  expect(inputs.rules).toEqual([
    {
      ...everything,
      id: "to-production-secondary",
      priority: 0,
      destination: {
        bucket: "arn:aws:s3:::samia-tarot-production-123456789012-secondary-media",
        encryptionConfiguration: { replicaKmsKeyId: "arn:aws:kms:eu-west-1:123456789012:alias/samia-tarot-production-secondary" },
        replicationTime: { status: "Enabled", time: { minutes: 15 } },
        metrics: { status: "Enabled", eventThreshold: { minutes: 15 } },
      },
    },
    {
      ...everything,
      id: "to-production-cold",
      priority: 1,
      destination: {
        bucket: "arn:aws:s3:::samia-tarot-production-123456789012-cold-archive-media",
        encryptionConfiguration: { replicaKmsKeyId: "arn:aws:kms:us-east-1:123456789012:alias/samia-tarot-production-cold" },
      },
    },
  ]);
});

test("a standby has its rule to the archive already: becoming active adds nothing that could fail with another region", async () => {
  const ids = (recording: Recording) => recording.all(COPY).map((r) => (r.inputs.rules as { id: string }[]).map(({ id }) => id));
  const standby = await record(() => new Storage("storage", base));
  const active = await record(() => new Storage("storage", { ...base, copyTo: { names: secondary, timeControlled: true } }));
  expect(ids(standby)).toEqual([["to-production-cold"], ["to-production-cold"]]);
  expect(active.list()).toEqual(standby.list());
  const alone = await record(() => new Storage("storage", { ...base, archives: [] }));
  expect(alone.all(COPY)).toEqual([]);
});

test("archives that take their class at once are told so by the rule", async () => {
  const archives = [{ names: cold, timeControlled: true, storageClass: "DEEP_ARCHIVE" as const }];
  const recording = await record(() => new Storage("storage", { ...base, archives }));
  expect(recording.get(COPY, "storage-media-copies").inputs.rules).toMatchObject([
    { destination: { storageClass: "DEEP_ARCHIVE", replicationTime: { status: "Enabled" } } },
  ]);
});

test("no version of an object can be deleted for as long as it is locked, at either end of a copy", async () => {
  const LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration";
  const rule = { defaultRetention: { mode: "COMPLIANCE", days: 30 } };
  for (const recording of [await record(() => new Storage("storage", base)), await record(() => new Archive("archive", archiveArgs))]) {
    expect(recording.all(LOCK).map((r) => r.inputs.rule)).toEqual([rule, rule]);
    expect(recording.all("aws:s3/bucket:Bucket").map((r) => r.inputs.objectLockEnabled)).toEqual([true, true]);
  }
});

test("copying starts after versions are kept", async () => {
  const recording = await record(() => new Storage("storage", base));
  const versions = recording.get("aws:s3/bucketVersioning:BucketVersioning", "storage-media-versions");
  expect(recording.get("aws:s3/bucketReplicationConfig:BucketReplicationConfig", "storage-media-copies").dependsOn).toContain(versions.urn);
});

test("the copying role exists at a standby too, and reaches the other sites' buckets and keys alone", async () => {
  const recording = await record(() => new Storage("storage", base));
  const { inputs } = recording.get("aws:iam/rolePolicy:RolePolicy", "storage-replication-policy");
  const statements = (JSON.parse(inputs.policy) as { Statement: PolicyStatement[] }).Statement;
  const of = (sid: string) => statements.find((s) => s.Sid === sid);
  expect(of("WriteCopies")?.Resource).toEqual([
    "arn:aws:s3:::samia-tarot-production-123456789012-secondary-media/*",
    "arn:aws:s3:::samia-tarot-production-123456789012-cold-archive-media/*",
    "arn:aws:s3:::samia-tarot-production-123456789012-secondary-documents/*",
    "arn:aws:s3:::samia-tarot-production-123456789012-cold-archive-documents/*",
  ]);
  // Without these two S3 cannot carry a lock over.
  expect(of("ReadObjects")?.Action).toEqual(expect.arrayContaining(["s3:GetObjectRetention", "s3:GetObjectLegalHold"]));
  expect(of("Decrypt")?.Resource).toBe("arn:own-key");
  expect(of("EncryptIneuwest1")?.Condition).toEqual({
    "ForAnyValue:StringEquals": { "kms:ResourceAliases": ["alias/samia-tarot-production-secondary"] },
  });
  expect(of("EncryptInuseast1")).toMatchObject({
    Action: ["kms:Encrypt", "kms:GenerateDataKey"],
    Condition: { "ForAnyValue:StringEquals": { "kms:ResourceAliases": ["alias/samia-tarot-production-cold"] } },
  });
});

test("health checkers may read the one key of the switch bucket, nobody else anything", async () => {
  const recording = await record(() => new SwitchBucket("switch", { names: secondary, account: "123456789012" }));
  const statements = policy(recording, "switch-policy");
  expect(statements.HealthCheckers).toEqual({
    Sid: "HealthCheckers",
    Effect: "Allow",
    Principal: "*",
    Action: "s3:GetObject",
    Resource: "arn:aws:s3:::samia-tarot-production-123456789012-secondary-switch/takeover",
    Condition: { IpAddress: { "aws:SourceIp": [...ROUTE53_HEALTH_CHECKERS] } },
  });
  // They speak no TLS 1.3 by their documentation, and hold no key of KMS.
  expect(Object.keys(statements)).toEqual(["NoPlainHttp", "HealthCheckers"]);
  const { inputs } = recording.get(
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "switch-encryption",
  );
  expect(inputs.rules).toEqual([{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }]);
  expect(recording.all("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")[0]?.inputs).toMatchObject({ restrictPublicBuckets: true });
});

test("the other sites' guards may see the switch, whether or not they exist yet", async () => {
  const guards = [names.site("primary").guardRoleArn];
  const recording = await record(() => new SwitchBucket("switch", { names: secondary, account: "123456789012", guards }));
  const statements = policy(recording, "switch-policy");
  expect(Object.keys(statements)).toEqual(["NoPlainHttp", "HealthCheckers", "Guards"]);
  expect(statements.Guards).toEqual({
    Sid: "Guards",
    Effect: "Allow",
    Principal: { AWS: "arn:aws:iam::123456789012:root" },
    Action: ["s3:GetObject", "s3:ListBucket"],
    Resource: [
      "arn:aws:s3:::samia-tarot-production-123456789012-secondary-switch/takeover",
      "arn:aws:s3:::samia-tarot-production-123456789012-secondary-switch",
    ],
    Condition: { ArnEquals: { "aws:PrincipalArn": ["arn:aws:iam::123456789012:role/samia-tarot-production-primary-guard"] } },
  });
});

test("no health checker's range is so wide that S3 would call the policy public", () => {
  expect(ROUTE53_HEALTH_CHECKERS.length).toBeGreaterThan(10);
  for (const range of ROUTE53_HEALTH_CHECKERS) {
    expect(range).toMatch(/^\d+\.\d+\.\d+\.\d+\/\d+$/);
    expect(Number(range.split("/")[1])).toBeGreaterThanOrEqual(16);
  }
});

test("what is in the control bucket cannot be deleted for a year", async () => {
  const recording = await record(() => new ControlBucket("control", { names: primary, keyArn: "arn:own-key" }));
  expect(recording.get("aws:s3/bucket:Bucket", "control-bucket").inputs.objectLockEnabled).toBe(true);
  const lock = recording.get("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "control-lock");
  expect(lock.inputs.rule).toEqual({ defaultRetention: { mode: "COMPLIANCE", days: 365 } });
});

test("an archive's copies move to their class at their age, replaced and deleted ones too", async () => {
  const LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration";
  const recording = await record(() => new Archive("archive", archiveArgs));
  const { inputs } = recording.get(LIFECYCLE, "archive-media-age");
  expect(inputs.bucket).toBe("samia-tarot-production-123456789012-cold-archive-media");
  expect(inputs.rules).toMatchObject([
    {
      status: "Enabled",
      transitions: [{ days: 2, storageClass: "GLACIER" }],
      noncurrentVersionTransitions: [{ noncurrentDays: 2, storageClass: "GLACIER" }],
    },
  ]);
  expect(recording.all(LIFECYCLE)).toHaveLength(2);
  const atOnce = await record(() => new Archive("archive", { ...archiveArgs, afterDays: 0 }));
  expect(atOnce.all(LIFECYCLE)).toEqual([]);
});
