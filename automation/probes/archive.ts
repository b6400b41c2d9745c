import type { ListObjectVersionsCommandOutput } from "@aws-sdk/client-s3";
import { formatDuration } from "../../topology/duration";
import { readAtOnce, RETRIEVAL_TIERS, retrievalTime, type ArchiveClass, type RetrievalTier } from "../../topology/archive";
import { Stopped } from "../errors";
import { Objects } from "../objects";
import { copyObject } from "./copy-object";

/** The newest version of an object, as its bucket lists it. */
export interface Stored {
  key: string;
  versionId: string;
  bytes: number;
  storageClass: string;
  /** When the version was made. */
  modified: Date;
  etag: string;
  /** `archived`: it has to be retrieved, and was not asked for; `retrieving`: it was. */
  state: "readable" | "retrieving" | "archived";
}

/** What a bucket holds; what was deleted, and older versions, are not counted. */
export interface Inventory {
  bucket: string;
  objects: Stored[];
  /** Keys that were deleted, and when. */
  deleted: Map<string, Date>;
}

export interface Amount {
  objects: number;
  bytes: number;
}

/** A retrieval that was asked for. S3 does not say when it was: keep this until the objects are copied. */
export interface Retrieval {
  tier: RetrievalTier;
  at: Date;
}

/** Told after each object. */
export type Progress = (done: Amount, of: Amount) => void;

/** The archive holds objects that S3 cannot read yet. */
export class NotRetrieved extends Stopped {
  constructor(
    readonly bucket: string,
    /** One of them. */
    readonly key: string,
    readonly amount: Amount,
    /** When all of them can be readable at the earliest, if they are asked for now where they were not. */
    readonly earliest: Date,
    what: string,
    next: string,
  ) {
    super(`${bucket}/${key}${amount.objects > 1 ? ` and ${amount.objects - 1} more` : ""}, ${amount.bytes} bytes, ${what}`, next);
    this.name = "NotRetrieved";
  }
}

/** Requests under way at once: S3 takes thousands a second for a prefix, one driver need not. */
const AT_ONCE = 16;
/** An object of 5 GB is copied in one request. */
const TIMEOUT_MS = 300_000;

/** How many of a bucket's objects, by storage class and state, for people and journals. */
export function summarise({ objects }: Inventory): Record<string, Amount & { archived: number; retrieving: number }> {
  const found: Record<string, Amount & { archived: number; retrieving: number }> = {};
  for (const { storageClass, bytes, state } of objects) {
    const entry = (found[storageClass] ??= { objects: 0, bytes: 0, archived: 0, retrieving: 0 });
    entry.objects += 1;
    entry.bytes += bytes;
    if (state !== "readable") entry[state] += 1;
  }
  return found;
}

/** Buckets of a region, archives above all, and what is copied into them. */
export class Archive {
  private readonly objects: Objects;
  private readonly sources: Objects;

  /** @param from region of the buckets that are copied from. @default the same */
  constructor(
    readonly region: string,
    from = region,
  ) {
    this.objects = new Objects(region, TIMEOUT_MS);
    this.sources = from === region ? this.objects : new Objects(from, TIMEOUT_MS);
  }

  close(): void {
    this.objects.close();
    this.sources.close();
  }

  /** Everything is read from the listing: no object is touched. @throws where S3 does not answer */
  async inventory(bucket: string, objects = this.objects): Promise<Inventory> {
    const { ListObjectVersionsCommand } = await import("@aws-sdk/client-s3");
    const found: Inventory = { bucket, objects: [], deleted: new Map() };
    let page: Partial<ListObjectVersionsCommandOutput> = {};
    do {
      const command = new ListObjectVersionsCommand({
        Bucket: bucket,
        OptionalObjectAttributes: ["RestoreStatus"],
        KeyMarker: page.NextKeyMarker,
        VersionIdMarker: page.NextVersionIdMarker,
      });
      page = await objects.attempt(`list ${bucket}`, (client, abortSignal) => client.send(command, { abortSignal }));
      for (const {
        IsLatest,
        Key = "",
        VersionId = "null",
        Size = 0,
        StorageClass = "STANDARD",
        LastModified,
        ETag = "",
        RestoreStatus,
      } of page.Versions ?? []) {
        if (IsLatest !== true) continue;
        const { IsRestoreInProgress: running, RestoreExpiryDate: until } = RestoreStatus ?? {};
        const retrieved = until !== undefined && until.getTime() > Date.now();
        found.objects.push({
          key: Key,
          versionId: VersionId,
          bytes: Size,
          storageClass: StorageClass,
          modified: LastModified ?? new Date(0),
          etag: ETag,
          state: readAtOnce(StorageClass) || retrieved ? "readable" : running === true ? "retrieving" : "archived",
        });
      }
      for (const { IsLatest, Key = "", LastModified } of page.DeleteMarkers ?? []) {
        if (IsLatest === true) found.deleted.set(Key, LastModified ?? new Date(0));
      }
    } while (page.IsTruncated === true);
    return found;
  }

  /**
   * Asks for every object of a bucket that cannot be read yet. What was asked for already stays so, or goes on by this tier where it is
   * the faster one; what is readable is left alone. May be run again.
   * @param days how long the readable copies stay
   * @throws Stopped where S3 has no room for the tier
   */
  async retrieve(bucket: string, tier: RetrievalTier, days: number, onProgress?: Progress): Promise<Retrieval> {
    const { RestoreObjectCommand } = await import("@aws-sdk/client-s3");
    const at = new Date();
    const waiting = (await this.inventory(bucket)).objects.filter(({ state }) => state !== "readable");
    const without = waiting.find(({ storageClass }) => retrievalTime(storageClass as ArchiveClass, tier) === undefined);
    if (without) {
      const tiers = RETRIEVAL_TIERS.filter((one) => retrievalTime(without.storageClass as ArchiveClass, one));
      throw new Stopped(
        `${bucket}/${without.key} is in ${without.storageClass}, which has no tier ${tier}`,
        `ask by ${tiers.join(" or ")}`,
      );
    }
    await eachOf(waiting, onProgress, async ({ key, versionId }) => {
      const RestoreRequest = { Days: days, GlacierJobParameters: { Tier: tier } };
      const command = new RestoreObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId, RestoreRequest });
      try {
        await this.objects.attempt(`retrieve ${bucket}/${key}`, (client, abortSignal) => client.send(command, { abortSignal }));
      } catch (error) {
        const code = codeOf(error);
        if (code === "RestoreAlreadyInProgress") return;
        if (code === "GlacierExpeditedRetrievalNotAvailable") {
          const next = "ask again later, or by Standard; capacity that is provisioned beforehand is always there";
          throw new Stopped(`S3 in ${this.region} has no room to retrieve ${bucket}/${key} by ${tier}`, next, { cause: error });
        }
        throw error;
      }
    });
    return { tier, at };
  }

  /**
   * Copies the newest version of every object into another bucket, with metadata and tags, and deletes there what was deleted. Whatever is
   * newer there stays: it was copied before, or the service has written it since. So it may be run again, and while the service runs.
   * @param retrieval what was asked for, for the time in the error
   * @throws NotRetrieved, once all that can be read is copied, where something cannot
   */
  async copy(from: string, to: string, retrieval?: Retrieval, onProgress?: Progress): Promise<Amount> {
    const [source, target] = await Promise.all([this.inventory(from, this.sources), this.inventory(to)]);
    const there = new Map(target.objects.map((object) => [object.key, object]));
    const newer = (key: string, than: Date): boolean => {
      const last = there.get(key)?.modified ?? target.deleted.get(key);
      return last !== undefined && last.getTime() >= than.getTime();
    };
    // A replica keeps its original's version and time.
    const missing = source.objects.filter(
      ({ key, versionId, modified }) => there.get(key)?.versionId !== versionId && !newer(key, modified),
    );
    const copied: Amount = { objects: 0, bytes: 0 };
    await eachOf(
      missing.filter(({ state }) => state === "readable"),
      onProgress,
      async (object) => {
        if (!(await copyObject(this.objects, { bucket: from, ...object }, to, there.get(object.key)?.etag))) return;
        copied.objects += 1;
        copied.bytes += object.bytes;
      },
    );
    for (const [key, at] of source.deleted) {
      if (there.has(key) && !newer(key, at)) await this.objects.remove(to, key);
    }
    const waiting = missing.filter(({ state }) => state !== "readable");
    const [first] = waiting;
    if (first) throw notRetrieved(from, first, waiting, retrieval);
    return copied;
  }
}

function notRetrieved(bucket: string, first: Stored, waiting: Stored[], retrieval: Retrieval | undefined): NotRetrieved {
  const now = Date.now();
  const earliest = Math.max(now, ...waiting.map((object) => earliestOf(object, retrieval, now)));
  const asked = waiting.filter(({ state }) => state === "retrieving").length;
  const by = retrieval && asked > 0 ? `, asked for at ${retrieval.at.toISOString()} by ${retrieval.tier}` : "";
  const when = `at the earliest at ${new Date(earliest).toISOString()}, in ${formatDuration(earliest - now)}`;
  const next =
    asked < waiting.length ? "retrieve them; those that were asked for stay so" : "try again then; what is copied is not copied again";
  return new NotRetrieved(
    bucket,
    first.key,
    amountOf(waiting),
    new Date(earliest),
    `in ${first.storageClass}, not retrieved yet: ${asked} of ${waiting.length} asked for${by}; ${when}`,
    next,
  );
}

/** By S3's own times; of a retrieval that nobody remembers, nothing is known but that it is not done. */
function earliestOf({ storageClass, state }: Stored, retrieval: Retrieval | undefined, now: number): number {
  const time = (tier: RetrievalTier): number => retrievalTime(storageClass as ArchiveClass, tier)?.fromMs ?? Infinity;
  if (state === "archived") return now + Math.min(...RETRIEVAL_TIERS.map(time));
  if (!retrieval) return now;
  const { tier, at } = retrieval;
  return Number.isFinite(time(tier)) ? at.getTime() + time(tier) : now;
}

function amountOf(objects: Stored[]): Amount {
  return { objects: objects.length, bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Some at a time. The first that fails ends it, once those under way are done. */
async function eachOf(objects: Stored[], onProgress: Progress | undefined, run: (object: Stored) => Promise<void>): Promise<void> {
  const all = amountOf(objects);
  const done: Amount = { objects: 0, bytes: 0 };
  const queue = objects.values();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const object of queue) {
      if (failed) return;
      await run(object).catch((error: unknown) => {
        failed = true;
        throw error;
      });
      done.objects += 1;
      done.bytes += object.bytes;
      onProgress?.({ ...done }, all);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const result of ended) if (result.status === "rejected") throw result.reason;
}

/** S3's code of an error, which `Objects` hands on as the cause. */
function codeOf(error: unknown): string | undefined {
  return ((error as Error).cause as Error | undefined)?.name;
}
