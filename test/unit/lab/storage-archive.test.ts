import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  RestoreObjectCommand,
  S3Client,
  type ReplicationRule,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Archive, NotRetrieved, summarise } from "../../../automation/probes/archive";
import { copyObject } from "../../../automation/probes/copy-object";
import { Objects } from "../../../automation/objects";
import { createGateway } from "../../../lab/gateway";
import { createMoto } from "../../../lab/moto";
import type { LabPart } from "../../../lab/part";
import { createReplication, type Replication } from "../../../lab/storage";
import { url } from "../../../lab/world";
import { testLab, type TestLab } from "./context";

/** A day of S3's: a retrieval by Expedited takes 0.2 s, one by Standard 12.5 s. */
const DAY_MS = 60_000;
const REGIONS = { active: "eu-north-1", standby: "eu-west-1", archive: "us-east-1", restored: "us-east-1" } as const;
type Bucket = keyof typeof REGIONS;

let lab: TestLab;
let parts: LabPart[];
let storage: Replication;
const clients = {} as Record<Bucket, S3Client>;
const before = { ...process.env };

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error(`never came: ${what}`);
}

const put = async (key: string, body: string | Buffer = key): Promise<void> => {
  await clients.active.send(
    new PutObjectCommand({ Bucket: "active", Key: key, Body: body, Metadata: { who: "me" }, Tagging: "kind=photo" }),
  );
};
const head = (bucket: Bucket, key: string) => clients[bucket].send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
const text = async (bucket: Bucket, key: string): Promise<string | undefined> =>
  (await clients[bucket].send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body?.transformToString();
const settled = () => until("all is copied", () => storage.status().replication["active"]?.pending === 0);
const refused = async (sent: Promise<unknown>): Promise<string> =>
  sent.then(
    () => "nothing",
    (error: unknown) => (error as Error).name,
  );

const keyOf = (region: string) => `arn:aws:kms:${region}:123456789012:alias/key`;
const rule = (bucket: Bucket, Priority: number, StorageClass?: "GLACIER"): ReplicationRule => ({
  ID: `to-${bucket}`,
  Priority,
  Status: "Enabled",
  Filter: { Prefix: "" },
  DeleteMarkerReplication: { Status: "Enabled" },
  SourceSelectionCriteria: { SseKmsEncryptedObjects: { Status: "Enabled" } },
  Destination: {
    Bucket: `arn:aws:s3:::${bucket}`,
    EncryptionConfiguration: { ReplicaKmsKeyID: keyOf(REGIONS[bucket]) },
    ...(StorageClass && { StorageClass }),
  },
});
const copyBy = async (...rules: ReplicationRule[]): Promise<void> => {
  const ReplicationConfiguration = { Role: "arn:aws:iam::123456789012:role/r", Rules: rules };
  await clients.active.send(new PutBucketReplicationCommand({ Bucket: "active", ReplicationConfiguration }));
};

beforeAll(async () => {
  lab = await testLab(105);
  storage = createReplication(lab, { dayMs: DAY_MS });
  parts = [createMoto(lab), createGateway(lab, storage.mends), storage];
  for (const part of parts) await part.start();
  Object.assign(process.env, { AWS_ENDPOINT_URL: url(lab.world.aws), AWS_ACCESS_KEY_ID: "lab", AWS_SECRET_ACCESS_KEY: "lab" });
  for (const [bucket, region] of Object.entries(REGIONS)) {
    const client = new S3Client({ region, forcePathStyle: true, maxAttempts: 1 });
    clients[bucket as Bucket] = client;
    const where = region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: region } };
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true, ...where }));
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }));
    await client.send(
      new PutBucketEncryptionCommand({
        Bucket: bucket,
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: keyOf(region) } }],
        },
      }),
    );
  }
  await clients.active.send(
    new PutObjectLockConfigurationCommand({
      Bucket: "active",
      ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", Rule: { DefaultRetention: { Mode: "COMPLIANCE", Days: 30 } } },
    }),
  );
  await copyBy(rule("standby", 0), rule("archive", 1, "GLACIER"));
}, 60_000);

afterAll(async () => {
  process.env = before;
  for (const client of Object.values(clients)) client.destroy();
  for (const part of parts.toReversed()) await part.stop();
  await lab.dispose();
});

describe("copies to a standby and to an archive", () => {
  it("are encrypted with each site's key, keep tags and lock, and are in the class of their rule", async () => {
    await put("a b+ü/photo");
    await settled();
    const original = await head("active", "a b+ü/photo");
    expect(original).toMatchObject({ SSEKMSKeyId: keyOf("eu-north-1"), ObjectLockMode: "COMPLIANCE", ReplicationStatus: "COMPLETED" });
    for (const bucket of ["standby", "archive"] as const) {
      expect(await head(bucket, "a b+ü/photo")).toMatchObject({
        ReplicationStatus: "REPLICA",
        Metadata: { who: "me" },
        SSEKMSKeyId: keyOf(REGIONS[bucket]),
        ObjectLockMode: "COMPLIANCE",
        ObjectLockRetainUntilDate: original.ObjectLockRetainUntilDate,
        ...(bucket === "archive" && { StorageClass: "GLACIER" }),
      });
    }
    expect(await text("standby", "a b+ü/photo")).toBe("a b+ü/photo");
    const { VersionId } = await head("archive", "a b+ü/photo");
    expect(await refused(clients.archive.send(new DeleteObjectCommand({ Bucket: "archive", Key: "a b+ü/photo", VersionId })))).toBe(
      "AccessDenied",
    );
  });

  it("are pending until the last destination has them: one that is lost holds up no other, and catches up", async () => {
    for (const part of parts) await part.outage?.("us-east-1", "stop");
    await put("late");
    await until("the standby has it", () =>
      head("standby", "late").then(
        () => true,
        () => false,
      ),
    );
    expect((await head("active", "late")).ReplicationStatus).toBe("PENDING");
    expect(storage.status().replication["active"]).toMatchObject({ pending: 1, destinations: ["standby", "archive"] });
    for (const part of parts) await part.heal?.("us-east-1");
    await settled();
    expect((await head("active", "late")).ReplicationStatus).toBe("COMPLETED");
    expect((await head("archive", "late")).StorageClass).toBe("GLACIER");
  });

  it("have failed when one has, though the other was made", async () => {
    await copyBy(rule("standby", 0), { ...rule("archive", 1), Destination: { Bucket: "arn:aws:s3:::nowhere" } });
    await put("half");
    await until("it is given up", () => (storage.status().replication["active"]?.failed ?? 0) > 0);
    expect((await head("active", "half")).ReplicationStatus).toBe("FAILED");
    expect(await text("standby", "half")).toBe("half");
  });

  it("are not made of what is encrypted with a key, by a rule that does not say so", async () => {
    const { SourceSelectionCriteria: _, ...plain } = rule("standby", 0);
    await copyBy(plain, rule("archive", 1, "GLACIER"));
    await put("secret");
    await until("the archive has it", () =>
      head("archive", "secret").then(
        () => true,
        () => false,
      ),
    );
    expect(await refused(head("standby", "secret"))).toBe("NotFound");
    await copyBy(rule("standby", 0), rule("archive", 1, "GLACIER"));
  });
});

describe("an archived object", () => {
  const restore = (Tier: "Expedited" | "Standard" | "Bulk", Days = 1) =>
    clients.archive.send(
      new RestoreObjectCommand({ Bucket: "archive", Key: "cold", RestoreRequest: { Days, GlacierJobParameters: { Tier } } }),
    );

  it("is neither read nor copied until it was retrieved, which takes its tier's time, and lasts its days", async () => {
    await put("cold");
    await settled();
    expect(await refused(text("archive", "cold"))).toBe("InvalidObjectState");
    const copy = () => clients.restored.send(new CopyObjectCommand({ Bucket: "restored", Key: "cold", CopySource: "archive/cold" }));
    expect(await refused(copy())).toBe("ObjectNotInActiveTierError");

    expect((await restore("Standard")).$metadata.httpStatusCode).toBe(202);
    expect((await head("archive", "cold")).Restore).toBe('ongoing-request="true"');
    expect(await refused(restore("Bulk"))).toBe("RestoreAlreadyInProgress");
    // A faster tier takes over.
    const asked = Date.now();
    await restore("Expedited");
    expect(await refused(text("archive", "cold"))).toBe("InvalidObjectState");
    await until("it is readable", async () => (await refused(text("archive", "cold"))) === "nothing");
    expect(Date.now() - asked).toBeGreaterThanOrEqual((5 / 60 / 24) * DAY_MS);
    const found = await head("archive", "cold");
    expect(found.Restore).toMatch(/^ongoing-request="false", expiry-date="\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT"$/);
    expect(found.StorageClass).toBe("GLACIER");
    await copy();
    expect(await text("restored", "cold")).toBe("cold");
    expect((await restore("Bulk", 2)).$metadata.httpStatusCode).toBe(200);
  });

  it("is listed with its class, and with its retrieval where that is asked for", async () => {
    const list = new ListObjectsV2Command({ Bucket: "archive", Prefix: "cold", OptionalObjectAttributes: ["RestoreStatus"] });
    expect((await clients.archive.send(list)).Contents).toMatchObject([
      { StorageClass: "GLACIER", RestoreStatus: { IsRestoreInProgress: false, RestoreExpiryDate: expect.any(Date) } },
    ]);
    const { Versions } = await clients.archive.send(new ListObjectVersionsCommand({ Bucket: "archive", EncodingType: "url" }));
    expect(new Set((Versions ?? []).map(({ StorageClass }) => StorageClass))).toEqual(new Set(["GLACIER"]));
    expect((Versions ?? []).every(({ RestoreStatus }) => RestoreStatus === undefined)).toBe(true);
  });

  it("gets there by its age; small ones stay where they are", async () => {
    const quick = await testLab(106);
    const aging = createReplication(quick, { dayMs: 1_000 });
    const running = [createMoto(quick), createGateway(quick, aging.mends), aging];
    for (const part of running) await part.start();
    const client = new S3Client({ region: "us-east-1", endpoint: url(quick.world.aws), forcePathStyle: true });
    try {
      await client.send(new CreateBucketCommand({ Bucket: "aging" }));
      await client.send(new PutBucketVersioningCommand({ Bucket: "aging", VersioningConfiguration: { Status: "Enabled" } }));
      await client.send(
        new PutBucketLifecycleConfigurationCommand({
          Bucket: "aging",
          LifecycleConfiguration: {
            Rules: [
              {
                ID: "archive",
                Status: "Enabled",
                Filter: { Prefix: "" },
                Transitions: [{ Days: 1, StorageClass: "GLACIER" }],
                NoncurrentVersionTransitions: [{ NoncurrentDays: 2, StorageClass: "DEEP_ARCHIVE" }],
              },
            ],
          },
        }),
      );
      const at = Date.now();
      const large = Buffer.alloc(128 * 1024);
      const versions: (string | undefined)[] = [];
      for (const Key of ["twice", "twice", "once"])
        versions.push((await client.send(new PutObjectCommand({ Bucket: "aging", Key, Body: large }))).VersionId);
      await client.send(new PutObjectCommand({ Bucket: "aging", Key: "small", Body: large.subarray(1) }));
      const classes = async () => {
        const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: "aging" }));
        return Object.fromEntries(
          Versions.map(({ Key, VersionId, StorageClass }) => [`${Key} ${versions.indexOf(VersionId)}`, String(StorageClass)]),
        );
      };
      expect(new Set(Object.values(await classes()))).toEqual(new Set(["STANDARD"]));
      await until("the newest versions move", async () => (await classes())["once 2"] === "GLACIER");
      expect(Date.now() - at).toBeGreaterThanOrEqual(1_000);
      expect((await classes())["twice 0"]).toBe("STANDARD");
      await until("the replaced one moves", async () => (await classes())["twice 0"] === "DEEP_ARCHIVE");
      // Each keeps its version: a transition is no new one.
      expect(await classes()).toEqual({ "twice 0": "DEEP_ARCHIVE", "twice 1": "GLACIER", "once 2": "GLACIER", "small -1": "STANDARD" });
      expect(aging.status().transitions["aging"]).toMatchObject({ moved: 3 });
    } finally {
      client.destroy();
      for (const part of running.toReversed()) await part.stop();
      await quick.dispose();
    }
  }, 60_000);
});

describe("the driver", () => {
  const archive = new Archive("us-east-1");
  afterAll(() => {
    archive.close();
  });

  it("sees what an archive holds, retrieves it, and copies it back, however often it is told to", async () => {
    await put("gone");
    await clients.active.send(new DeleteObjectCommand({ Bucket: "active", Key: "gone" }));
    await settled();
    const seen = await archive.inventory("archive");
    expect(seen.objects.map(({ key }) => key).sort()).toEqual(["a b+ü/photo", "cold", "late", "secret"]);
    expect([...seen.deleted.keys()]).toEqual(["gone"]);
    const bytes = ["a b+ü/photo", "cold", "late", "secret"].reduce((sum, key) => sum + Buffer.byteLength(key), 0);
    expect(summarise(seen)).toEqual({ GLACIER: { objects: 4, bytes, archived: 3, retrieving: 0 } });

    // What was left there from an earlier time: older than the archive's, and one that was deleted since.
    const early = await archive.copy("archive", "restored").catch((error: unknown) => error);
    expect(early).toBeInstanceOf(NotRetrieved);
    expect((early as NotRetrieved).message).toMatch(
      /^archive\/a b\+ü\/photo and 2 more, \d+ bytes, in GLACIER, not retrieved yet: 0 of 3 asked for; at the earliest at .+, in 1m\n {2}next: retrieve them/,
    );

    const slow = await archive.retrieve("archive", "Standard", 1);
    // What is under way stays so.
    await archive.retrieve("archive", "Bulk", 1);
    const waiting = (await archive.copy("archive", "restored", slow).catch((error: unknown) => error)) as NotRetrieved;
    expect(waiting.earliest.getTime()).toBe(slow.at.getTime() + 3 * 3_600_000);
    expect(waiting.message).toContain(`3 of 3 asked for, asked for at ${slow.at.toISOString()} by Standard`);
    const progress: number[] = [];
    const fast = await archive.retrieve("archive", "Expedited", 1, (done, of) => progress.push(done.objects / of.objects));
    expect(progress.at(-1)).toBe(1);
    await until("all is readable", async () => (await archive.inventory("archive")).objects.every(({ state }) => state === "readable"));

    // The service has written one of them anew meanwhile.
    await clients.restored.send(new PutObjectCommand({ Bucket: "restored", Key: "late", Body: "newer" }));
    expect(await archive.copy("archive", "restored", fast)).toEqual({ objects: 2, bytes: Buffer.byteLength("a b+ü/photosecret") });
    expect(await text("restored", "late")).toBe("newer");
    expect(await head("restored", "a b+ü/photo")).toMatchObject({ Metadata: { who: "me" }, SSEKMSKeyId: keyOf("us-east-1") });
    const { TagSet } = await clients.restored.send(new GetObjectTaggingCommand({ Bucket: "restored", Key: "a b+ü/photo" }));
    expect(TagSet).toEqual([{ Key: "kind", Value: "photo" }]);
    expect(await archive.copy("archive", "restored", fast)).toEqual({ objects: 0, bytes: 0 });
    const { Versions } = await clients.restored.send(new ListObjectVersionsCommand({ Bucket: "restored", Prefix: "a b" }));
    expect(Versions).toHaveLength(1);
  });

  it("brings what is there from an earlier time up to date, deletions too", async () => {
    for (const key of ["old", "to-go"]) await clients.restored.send(new PutObjectCommand({ Bucket: "restored", Key: key, Body: "stale" }));
    await copyBy(rule("archive", 1));
    await sleep(1_100);
    await put("old", "fresh");
    await put("to-go");
    await clients.active.send(new DeleteObjectCommand({ Bucket: "active", Key: "to-go" }));
    await settled();
    expect(await archive.copy("archive", "restored")).toEqual({ objects: 1, bytes: 5 });
    expect(await text("restored", "old")).toBe("fresh");
    expect(await refused(head("restored", "to-go"))).toBe("NotFound");
  });

  it("copies what is too large for one request in parts, and nothing over what came meanwhile", async () => {
    const objects = new Objects("us-east-1");
    const body = Buffer.alloc(11 * 2 ** 20, "x");
    await put("large", body);
    await settled();
    const [source] = (await archive.inventory("archive")).objects.filter(({ key }) => key === "large");
    const from = { bucket: "archive", ...source! };
    expect(await copyObject(objects, from, "restored", undefined, { largest: 10 * 2 ** 20, partBytes: 6 * 2 ** 20 })).toBe(true);
    const copied = await head("restored", "large");
    expect(copied).toMatchObject({ ContentLength: body.length, Metadata: { who: "me" } });
    expect(copied.ETag).toMatch(/-2"$/);
    const { TagSet } = await clients.restored.send(new GetObjectTaggingCommand({ Bucket: "restored", Key: "large" }));
    expect(TagSet).toEqual([{ Key: "kind", Value: "photo" }]);
    expect(await copyObject(objects, from, "restored", undefined)).toBe(false);
    expect(await copyObject(objects, from, "restored", '"another"')).toBe(false);
    expect(await copyObject(objects, from, "restored", copied.ETag)).toBe(true);
    objects.close();
  });

  it("names the tiers of a class that has not the one asked for", async () => {
    await clients.archive.send(new PutObjectCommand({ Bucket: "archive", Key: "deep", Body: "d", StorageClass: "DEEP_ARCHIVE" }));
    await expect(archive.retrieve("archive", "Expedited", 1)).rejects.toThrow(
      "archive/deep is in DEEP_ARCHIVE, which has no tier Expedited\n  next: ask by Standard or Bulk",
    );
  });
});
