import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketReplicationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createGateway } from "../../../lab/gateway";
import { createMoto } from "../../../lab/moto";
import type { LabPart } from "../../../lab/part";
import { createReplication, type Replication } from "../../../lab/storage";
import { url } from "../../../lab/world";
import { testLab, type TestLab } from "./context";

let lab: TestLab;
let parts: LabPart[];
let storage: Replication;
let source: S3Client;
let copy: S3Client;

const client = (region: string): S3Client =>
  new S3Client({ region, endpoint: url(lab.world.aws), credentials: { accessKeyId: "lab", secretAccessKey: "lab" }, maxAttempts: 1 });

const replication = {
  Role: "arn:aws:iam::123456789012:role/replication",
  Rules: [
    {
      ID: "all",
      Priority: 1,
      Status: "Enabled" as const,
      Filter: { Prefix: "img/" },
      DeleteMarkerReplication: { Status: "Enabled" as const },
      SourceSelectionCriteria: { SseKmsEncryptedObjects: { Status: "Enabled" as const } },
      Destination: { Bucket: "arn:aws:s3:::copy" },
    },
  ],
};

async function settled(): Promise<void> {
  for (let i = 0; i < 500 && (storage.status().replication["source"]?.pending ?? 0) > 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(storage.status().replication["source"]).toMatchObject({ pending: 0, failed: 0 });
}

const keys = async (): Promise<string[]> =>
  ((await copy.send(new ListObjectVersionsCommand({ Bucket: "copy" }))).Versions ?? []).map(({ Key }) => Key ?? "");

beforeAll(async () => {
  lab = await testLab(150);
  storage = createReplication(lab);
  parts = [createMoto(lab), createGateway(lab, storage.mends), storage];
  for (const part of parts) await part.start();
  source = client("eu-north-1");
  copy = client("eu-west-1");
  await source.send(new CreateBucketCommand({ Bucket: "source", CreateBucketConfiguration: { LocationConstraint: "eu-north-1" } }));
  await copy.send(new CreateBucketCommand({ Bucket: "copy", CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } }));
  await source.send(new PutBucketVersioningCommand({ Bucket: "source", VersioningConfiguration: { Status: "Enabled" } }));
  await copy.send(new PutBucketVersioningCommand({ Bucket: "copy", VersioningConfiguration: { Status: "Enabled" } }));
  await source.send(new PutObjectCommand({ Bucket: "source", Key: "img/before", Body: "old" }));
  await source.send(new PutBucketReplicationCommand({ Bucket: "source", ReplicationConfiguration: replication }));
}, 60_000);

afterAll(async () => {
  for (const part of parts.toReversed()) await part.stop();
  await lab.dispose();
});

it("gives the configuration back as it was put", async () => {
  const { ReplicationConfiguration } = await source.send(new GetBucketReplicationCommand({ Bucket: "source" }));
  expect(ReplicationConfiguration).toEqual(replication);
});

it("copies what is written, with its metadata, and nothing else", async () => {
  const key = "img/a b+ü";
  await source.send(
    new PutObjectCommand({ Bucket: "source", Key: key, Body: "hello", ContentType: "text/x-test", Metadata: { who: "me" } }),
  );
  await source.send(new PutObjectCommand({ Bucket: "source", Key: "other/1", Body: "x" }));
  await settled();
  const found = await copy.send(new GetObjectCommand({ Bucket: "copy", Key: key }));
  expect(await found.Body?.transformToString()).toBe("hello");
  expect(found).toMatchObject({ ContentType: "text/x-test", Metadata: { who: "me" }, ReplicationStatus: "REPLICA" });
  expect((await source.send(new HeadObjectCommand({ Bucket: "source", Key: key }))).ReplicationStatus).toBe("COMPLETED");
  expect((await source.send(new HeadObjectCommand({ Bucket: "source", Key: "img/before" }))).ReplicationStatus).toBeUndefined();
  expect(await keys()).toEqual([key]);
});

it("copies delete markers, one by one and in batches, but no deletion of a version", async () => {
  for (const key of ["img/1", "img/2", "img/3"]) await source.send(new PutObjectCommand({ Bucket: "source", Key: key, Body: key }));
  const { VersionId } = await source.send(new HeadObjectCommand({ Bucket: "source", Key: "img/3" }));
  await source.send(new DeleteObjectCommand({ Bucket: "source", Key: "img/1" }));
  await source.send(
    new DeleteObjectsCommand({
      Bucket: "source",
      Delete: { Objects: [{ Key: "img/2" }, { Key: "img/3", ...(VersionId ? { VersionId } : {}) }] },
    }),
  );
  await settled();
  const { DeleteMarkers, Versions } = await copy.send(new ListObjectVersionsCommand({ Bucket: "copy", Prefix: "img/" }));
  expect((DeleteMarkers ?? []).map(({ Key }) => Key).sort()).toEqual(["img/1", "img/2"]);
  expect((Versions ?? []).filter(({ Key }) => Key === "img/3" || Key === "img/1")).toHaveLength(2);
});

it("waits for a lost region, then catches up in order", async () => {
  for (const part of parts) await part.outage?.("eu-west-1", "stop");
  for (const body of ["first", "second"]) await source.send(new PutObjectCommand({ Bucket: "source", Key: "img/late", Body: body }));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(storage.status().replication["source"]).toMatchObject({ pending: 2 });
  expect((await source.send(new HeadObjectCommand({ Bucket: "source", Key: "img/late" }))).ReplicationStatus).toBe("PENDING");
  for (const part of parts) await part.heal?.("eu-west-1");
  await settled();
  const found = await copy.send(new GetObjectCommand({ Bucket: "copy", Key: "img/late" }));
  expect(await found.Body?.transformToString()).toBe("second");
  const { Versions } = await copy.send(new ListObjectVersionsCommand({ Bucket: "copy", Prefix: "img/late" }));
  expect(Versions).toHaveLength(2);
});
