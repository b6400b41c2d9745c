import { CopyObjectCommand, DeleteObjectCommand, GetBucketLocationCommand, GetObjectTaggingCommand, S3Client } from "@aws-sdk/client-s3";
import type { Mend } from "../gateway/mend";
import type { AwsChange, LabContext, LabPart } from "../part";
import { url } from "../world";
import { Queue, type QueueStatus } from "./queue";
import { parseRules, parseTransitions, rulesFor, type ReplicationRule, type Transition } from "./rules";

export interface BucketStatus extends QueueStatus {
  destinations: string[];
}

export interface StorageStatus {
  /** By source bucket. */
  replication: Record<string, BucketStatus>;
  /** Lifecycle transitions by bucket: recorded only, none is run. */
  transitions: Record<string, Transition[]>;
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
  copy?: { versionId: string | undefined; storageClass: string | undefined };
}

const OBJECT_WRITES = new Set(["PutObject", "CopyObject", "CompleteMultipartUpload"]);

/**
 * S3 replication, for real: what is written through the gateway into a bucket with a replication configuration is copied, with its metadata and tags,
 * in order for each key; to or from a lost region it waits. As on AWS, nothing that existed before is copied, copies are not copied on,
 * and deletions of versions are not replicated. Unlike AWS, a copy gets a version id of its own: moto cannot be given one.
 */
export function createReplication(lab: LabContext): Replication {
  const configurations = new Map<string, { xml: string; rules: ReplicationRule[] }>();
  const transitions = new Map<string, Transition[]>();
  /** Region by bucket; a bucket never moves. */
  const regions = new Map<string, string>();
  const lost = new Set<string>();
  /** `x-amz-replication-status` by bucket, key and version. */
  const statuses = new Map<string, string>();
  const queues = new Map<string, Queue<Task>>();
  const s3 = new S3Client({
    endpoint: url(lab.world.moto),
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
  });

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
    const { versionId, storageClass } = copy;
    const version = versionId === undefined ? "" : `?versionId=${encodeURIComponent(versionId)}`;
    const { VersionId } = await s3.send(
      new CopyObjectCommand({
        Bucket: destination,
        Key: key,
        CopySource: `${source}/${key.split("/").map(encodeURIComponent).join("/")}${version}`,
        MetadataDirective: "COPY",
        TaggingDirective: "COPY",
        ...(storageClass === undefined ? {} : { StorageClass: storageClass as "GLACIER" }),
      }),
    );
    statuses.set(statusKey(destination, key, VersionId), "REPLICA");
    statuses.set(statusKey(source, key, versionId), "COMPLETED");
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
          if (copy) statuses.set(statusKey(source, key, copy.versionId), "FAILED");
          lab.log("storage", `${source}/${key} was not replicated to ${destination}: ${String(error)}`);
        },
      });
      queues.set(bucket, queue);
    }
    return queue;
  };

  const written = async (bucket: string, key: string, versionId: string | undefined, rules: ReplicationRule[]): Promise<void> => {
    const { TagSet } = rules.some((rule) => Object.keys(rule.tags).length > 0)
      ? await s3.send(
          new GetObjectTaggingCommand({ Bucket: bucket, Key: key, ...(versionId === undefined ? {} : { VersionId: versionId }) }),
        )
      : { TagSet: [] };
    const tags = Object.fromEntries((TagSet ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]));
    for (const { destination, storageClass } of rulesFor(rules, key, { kind: "object", tags })) {
      statuses.set(statusKey(bucket, key, versionId), "PENDING");
      queueOf(bucket).add({ source: bucket, destination, key, copy: { versionId, storageClass } });
    }
  };

  const deleted = (bucket: string, key: string, rules: ReplicationRule[]): void => {
    for (const { destination } of rulesFor(rules, key, { kind: "marker" })) queueOf(bucket).add({ source: bucket, destination, key });
  };

  // Changes are taken in one after the other: reading an object's tags must not let a later change overtake.
  let intake = Promise.resolve();
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
    intake = intake.then(step).catch((error: unknown) => {
      lab.log("storage", `${action} of ${bucket}/${key ?? ""} was not taken in: ${String(error)}`);
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
          transitions.set(bucket, parseTransitions(text()));
          return undefined;
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
          const status = statuses.get(statusKey(bucket, key ?? "", typeof version === "string" ? version : undefined));
          return await Promise.resolve(
            status === undefined ? undefined : { ...response, headers: { ...response.headers, "x-amz-replication-status": status } },
          );
        }
        default:
          return undefined;
      }
    },
  };

  return {
    name: "storage",
    mends: [configuration],
    async start() {
      lab.events.on("aws", onChange);
      await Promise.resolve();
    },
    async stop() {
      lab.events.off("aws", onChange);
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
        [...configurations].map(([bucket, { rules }]) => [
          bucket,
          { destinations: [...new Set(rules.map((rule) => rule.destination))], ...queueOf(bucket).status },
        ]),
      ),
      transitions: Object.fromEntries(transitions),
    }),
  };
}

function statusKey(bucket: string, key: string, versionId: string | undefined): string {
  return JSON.stringify([bucket, key, versionId ?? "null"]);
}
