import { HOUR, MINUTE, duration, formatDuration, type Duration } from "./duration";

/** Storage classes that the cold site's archive may have, the one that is read soonest first. */
export const ARCHIVE_CLASSES = ["GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"] as const;
export type ArchiveClass = (typeof ARCHIVE_CLASSES)[number];

/** Ways to retrieve an archived object, the dearest and fastest first. */
export const RETRIEVAL_TIERS = ["Expedited", "Standard", "Bulk"] as const;
export type RetrievalTier = (typeof RETRIEVAL_TIERS)[number];

/** From the request to the object being readable, as S3 typically takes. */
export interface RetrievalTime {
  fromMs: Duration;
  toMs: Duration;
}

const between = (fromMs: number, toMs: number): RetrievalTime => ({ fromMs: duration(fromMs), toMs: duration(toMs) });

/**
 * Amazon S3 User Guide, 'Understanding archive retrieval options': Flexible Retrieval is there in 1 to 5 minutes (Expedited; objects
 * below 250 MB, and only while S3 has the capacity), 3 to 5 hours, 5 to 12 hours. For Deep Archive it says 'within' 12 and 48 hours, and
 * nothing less is counted on. Instant Retrieval, 'Understanding and managing Amazon S3 storage classes': milliseconds, nothing is asked for.
 */
const RETRIEVAL: Record<ArchiveClass, Partial<Record<RetrievalTier, RetrievalTime>>> = {
  GLACIER_IR: {},
  GLACIER: {
    Expedited: between(MINUTE, 5 * MINUTE),
    Standard: between(3 * HOUR, 5 * HOUR),
    Bulk: between(5 * HOUR, 12 * HOUR),
  },
  DEEP_ARCHIVE: {
    Standard: between(12 * HOUR, 12 * HOUR),
    Bulk: between(48 * HOUR, 48 * HOUR),
  },
};

/** `undefined` where the class has no such tier. */
export function retrievalTime(archiveClass: ArchiveClass, tier: RetrievalTier): RetrievalTime | undefined {
  return RETRIEVAL[archiveClass][tier];
}

/** Whether an object of the class is read like any other. S3 has more such classes than these; what it does not name is `STANDARD`. */
export function readAtOnce(storageClass: string): boolean {
  return storageClass !== "GLACIER" && storageClass !== "DEEP_ARCHIVE";
}

/**
 * The cheapest tier that has an object of the class readable in time.
 * @returns `none` where nothing need be retrieved; `undefined` where no tier is that fast
 */
export function retrievalTier(archiveClass: ArchiveClass, withinMs: number): RetrievalTier | "none" | undefined {
  if (readAtOnce(archiveClass)) return "none";
  return RETRIEVAL_TIERS.findLast((tier) => (RETRIEVAL[archiveClass][tier]?.toMs ?? Infinity) <= withinMs);
}

/** The same, and the fastest one where none is fast enough: what is late is retrieved all the same. */
export function retrievalWithin(archiveClass: ArchiveClass, ms: number): RetrievalTier | "none" {
  return retrievalTier(archiveClass, ms) ?? fastestTier(archiveClass);
}

/** @returns `none` where nothing need be retrieved */
function fastestTier(archiveClass: ArchiveClass): RetrievalTier | "none" {
  return RETRIEVAL_TIERS.find((tier) => RETRIEVAL[archiveClass][tier]) ?? "none";
}

/** Each class with the time by its fastest tier, for people: `GLACIER (5m by Expedited)`. */
export function describeArchiveClasses(): string {
  return ARCHIVE_CLASSES.map((name) => {
    const tier = fastestTier(name);
    const time = tier === "none" ? undefined : RETRIEVAL[name][tier];
    return `${name} (${time ? `${formatDuration(time.toMs)} by ${tier}` : "at once"})`;
  }).join(", ");
}
