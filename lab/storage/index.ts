import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  S3Client,
  type HeadObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { awsError } from "../gateway/errors";
import type { Mend } from "../gateway/mend";
import type { AwsChange, LabContext, LabPart } from "../part";
import { url } from "../world";
import { Archives, isArchiveClass } from "./archive";
import { archiveMend, CHECKSUM } from "./archive-mend";
import { runTransitions } from "./lifecycle";
import { Queue, type QueueStatus } from "./queue";
import { parseRules, parseTransitions, rulesFor, type ReplicationRule, type Transition } from "./rules";
import { Statuses } from "./statuses";

export interface BucketStatus extends QueueStatus {
  destinations: string[];
}

export interface StorageStatus {
  /** By source bucket. */
  replication: Record<string, BucketStatus>;
  /** Lifecycle transitions by bucket, and how many versions each bucket has moved. */
  transitions: Record<string, { rules: Transition[]; moved: number }>;
  /** How long a day of S3's lasts here, in ms: for transitions, and for retrievals from an archive. */
  dayMs: number;
}

export interface Replication extends LabPart {
  /** What moto must be mended with for this; for the gateway. */
  mends: Mend[];
  status(): StorageStatus;
}

/** One change of one key on its way to one bucket. */
interface Task {
  source: string;
  destination: string;
  key: string;
  /** `undefined` for a delete marker. */
  copy?: { versionId: string | undefined; rule: ReplicationRule; original: HeadObjectCommandOutput };
}

/** A day of S3's, where nothing else is said: an hour of it is 2.5 s, so that a retrieval by the fastest tier takes 0.2 s. */
export const DAY_MS = 60_000;
/** Looks at the ages of what is in a bucket, a day. S3 has one. */
const LOOKS_A_DAY = 20;

const OBJECT_WRITES = new Set(["PutObject", "CopyObject", "CompleteMultipartUpload"]);

/**
 * S3 replication, for real: what is written through the gateway into a bucket with a replication configuration is copied to every destination, with its
 * metadata, tags and lock, encrypted with the destination's key, in order for each key; to or from a lost region it waits. As on AWS, nothing that existed
 * before is copied, copies are not copied on, and deletions of versions are not replicated. Unlike AWS, a copy gets a version id of its own: moto cannot be
 * given one. Lifecycle transitions and retrievals from an archive take their time, on a clock on which a day lasts `dayMs`.
 */
export function createReplication(lab: LabContext, { dayMs = DAY_MS }: { dayMs?: number } = {}): Replication {
  const configurations = new Map<string, { xml: string; rules: ReplicationRule[] }>();
  const transitions = new Map<string, { rules: Transition[]; moved: number }>();
  /** Region by bucket; a bucket never moves. */
  const regions = new Map<string, string>();
  const lost = new Set<string>();
  const statuses = new Statuses();
  const archives = new Archives(dayMs);
  const queues = new Map<string, Queue<Task>>();
  const s3 = new S3Client({
    endpoint: url(lab.world.moto),
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
  });
  s3.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: Record<string, string> }).headers, CHECKSUM);
      return next(args);
    },
    { step: "build" },
  );

  const regionOf = async (bucket: string): Promise<string> => {
    const known = regions.get(bucket);
    if (known !== undefined) return known;
    const { LocationConstraint } = await s3.send(new GetBucketLocationCommand({ Bucket: bucket }));
    const region = LocationConstraint ?? "us-east-1";
    regions.set(bucket, region);
    return region;
  };

  const ready = async ({ source, destination }: Task): Promise<boolean> => {
    const needed = await Promise.all([regionOf(source), regionOf(destination)]);
    return !needed.some((region) => lost.has(region));
  };

  const run = async ({ source, destination, key, copy }: Task): Promise<void> => {
    if (!copy) {
      await s3.send(new DeleteObjectCommand({ Bucket: destination, Key: key }));
      return;
    }
    const { versionId, rule, original } = copy;
    const version = versionId === undefined ? "" : `?versionId=${encodeURIComponent(versionId)}`;
    const storageClass = rule.storageClass ?? original.StorageClass;
    const { ObjectLockMode, ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus } = original;
    const { VersionId } = await s3.send(
      new CopyObjectCommand({
        Bucket: destination,
        Key: key,
        CopySource: `${source}/${key.split("/").map(encodeURIComponent).join("/")}${version}`,
        MetadataDirective: "COPY",
        TaggingDirective: "COPY",
        ...(storageClass === undefined || isArchiveClass(storageClass) ? {} : { StorageClass: storageClass }),
        // With the destination's key; without one, as the original.
        ...(underKey(original) && rule.replicaKey !== undefined
          ? { ServerSideEncryption: "aws:kms", SSEKMSKeyId: rule.replicaKey }
          : { ServerSideEncryption: original.ServerSideEncryption }),
        ObjectLockMode,
        ObjectLockRetainUntilDate,
        ObjectLockLegalHoldStatus,
      }),
    );
    const replica = { bucket: destination, key, versionId: VersionId };
    statuses.setReplica(replica);
    if (isArchiveClass(storageClass)) archives.set(replica, storageClass);
    statuses.set({ bucket: source, key, versionId }, destination, "COMPLETED");
  };

  const queueOf = (bucket: string): Queue<Task> => {
    let queue = queues.get(bucket);
    if (!queue) {
      queue = new Queue<Task>({
        // In order for each key and destination.
        orderOf: ({ destination, key }) => `${destination}/${key}`,
        ready,
        run,
        failed: ({ source, destination, key, copy }, error) => {
          if (copy) statuses.set({ bucket: source, key, versionId: copy.versionId }, destination, "FAILED");
          lab.log("storage", `${source}/${key} was not replicated to ${destination}: ${String(error)}`);
        },
      });
      queues.set(bucket, queue);
    }
    return queue;
  };

  const written = async (bucket: string, key: string, versionId: string | undefined, rules: ReplicationRule[]): Promise<void> => {
    const object = { Bucket: bucket, Key: key, ...(versionId === undefined ? {} : { VersionId: versionId }) };
    // S3 copies nothing from an archive that has to be retrieved first.
    if (archives.of({ bucket, key, versionId })?.readable === false) return;
    const [original, { TagSet }] = await Promise.all([
      s3.send(new HeadObjectCommand(object)),
      rules.some((rule) => Object.keys(rule.tags).length > 0) ? s3.send(new GetObjectTaggingCommand(object)) : { TagSet: [] },
    ]);
    const tags = Object.fromEntries((TagSet ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]));
    for (const rule of rulesFor(rules, key, { kind: "object", tags })) {
      if (underKey(original) && !rule.encrypted) continue;
      const { destination } = rule;
      statuses.set({ bucket, key, versionId }, destination, "PENDING");
      queueOf(bucket).add({ source: bucket, destination, key, copy: { versionId, rule, original } });
    }
  };

  const deleted = (bucket: string, key: string, rules: ReplicationRule[]): void => {
    for (const { destination } of rulesFor(rules, key, { kind: "marker" })) queueOf(bucket).add({ source: bucket, destination, key });
  };

  // Changes are taken in one after the other: reading an object's tags must not let a later change overtake.
  let intake = Promise.resolve();
  /** How many are still to be taken in, by source bucket. */
  const arriving = new Map<string, number>();
  const arrive = (bucket: string, by: number): void => {
    arriving.set(bucket, (arriving.get(bucket) ?? 0) + by);
  };
  const onChange = ({ service, action, parameters }: AwsChange): void => {
    const { bucket, key, versionId, resultVersionId, objects } = parameters;
    if (service !== "s3" || bucket === undefined) return;
    if (action === "DeleteBucket") {
      for (const map of [configurations, transitions, regions, queues]) map.delete(bucket);
      return;
    }
    const rules = configurations.get(bucket)?.rules;
    if (!rules) return;
    const step = async (): Promise<void> => {
      if (OBJECT_WRITES.has(action) && key !== undefined) await written(bucket, key, resultVersionId, rules);
      // Naming a version deletes it for good, which is never replicated.
      if (action === "DeleteObject" && key !== undefined && versionId === undefined) deleted(bucket, key, rules);
      if (action === "DeleteObjects") {
        for (const object of JSON.parse(objects ?? "[]") as { key: string; versionId?: string }[]) {
          if (object.versionId === undefined) deleted(bucket, object.key, rules);
        }
      }
    };
    arrive(bucket, 1);
    intake = intake
      .then(step)
      .catch((error: unknown) => {
        lab.log("storage", `${action} of ${bucket}/${key ?? ""} was not taken in: ${String(error)}`);
      })
      .finally(() => {
        arrive(bucket, -1);
      });
  };

  const configuration: Mend = {
    service: "s3",
    async response(request, response) {
      const { bucket, key, versionId } = request.parameters;
      if (bucket === undefined || response.status >= 300) return undefined;
      const text = (): string => request.body.toString("utf8");
      switch (request.action) {
        case "PutBucketReplication":
          configurations.set(bucket, { xml: text(), rules: parseRules(text()) });
          return undefined;
        case "DeleteBucketReplication":
          configurations.delete(bucket);
          return undefined;
        case "PutBucketLifecycleConfiguration":
          try {
            const rules = parseTransitions(text(), request.headers["x-amz-transition-default-minimum-object-size"]);
            transitions.set(bucket, { rules, moved: 0 });
            return undefined;
          } catch (error) {
            return awsError(request, 400, "NotImplementedInLab", (error as Error).message);
          }
        case "DeleteBucketLifecycle":
          transitions.delete(bucket);
          return undefined;
        case "GetBucketReplication": {
          // moto forgets delete markers, prefixes and selection criteria.
          const stored = configurations.get(bucket);
          return stored && { ...response, headers: { "content-type": "application/xml" }, body: Buffer.from(stored.xml) };
        }
        case "GetObject":
        case "HeadObject": {
          const version = versionId ?? response.headers["x-amz-version-id"];
          const status = statuses.of({ bucket, key: key ?? "", versionId: typeof version === "string" ? version : undefined });
          return await Promise.resolve(
            status === undefined ? undefined : { ...response, headers: { ...response.headers, "x-amz-replication-status": status } },
          );
        }
        default:
          return undefined;
      }
    },
  };

  const age = async (): Promise<void> => {
    for (const [bucket, ageing] of transitions) {
      if (ageing.rules.length === 0 || lost.has(await regionOf(bucket))) continue;
      ageing.moved += await runTransitions(s3, archives, bucket, ageing.rules, dayMs);
    }
  };
  let ageing: Promise<void> | undefined;
  let clock: NodeJS.Timeout | undefined;

  return {
    name: "storage",
    mends: [archiveMend(archives, s3), configuration],
    async start() {
      lab.events.on("aws", onChange);
      clock = setInterval(() => {
        ageing ??= age()
          .catch((error: unknown) => {
            lab.log("storage", `the ages of objects were not looked at: ${String(error)}`);
          })
          .finally(() => (ageing = undefined));
      }, dayMs / LOOKS_A_DAY);
      await Promise.resolve();
    },
    async stop() {
      lab.events.off("aws", onChange);
      clearInterval(clock);
      await ageing;
      await Promise.all([...queues.values()].map((queue) => queue.stop()));
      s3.destroy();
    },
    async outage(region) {
      lost.add(region);
      await Promise.resolve();
    },
    async heal(region) {
      lost.delete(region);
      for (const queue of queues.values()) queue.wake();
      await Promise.resolve();
    },
    status: () => ({
      replication: Object.fromEntries(
        [...configurations].map(([bucket, { rules }]) => {
          const { pending, ...queued } = queueOf(bucket).status;
          const destinations = [...new Set(rules.map((rule) => rule.destination))];
          return [bucket, { destinations, pending: pending + (arriving.get(bucket) ?? 0), ...queued }];
        }),
      ),
      transitions: Object.fromEntries(transitions),
      dayMs,
    }),
  };
}

/** Whether an object is encrypted with a key of KMS. */
function underKey({ ServerSideEncryption }: HeadObjectCommandOutput): boolean {
  return ServerSideEncryption?.startsWith("aws:kms") === true;
}
