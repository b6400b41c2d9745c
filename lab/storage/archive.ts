import { ARCHIVE_CLASSES, readAtOnce, RETRIEVAL_TIERS, retrievalTime, type ArchiveClass, type RetrievalTier } from "../../topology/archive";
import { nameOf, type VersionOf } from "./statuses";

const DAY_MS = 86_400_000;

export function isArchiveClass(storageClass: string | undefined): storageClass is ArchiveClass {
  return (ARCHIVE_CLASSES as readonly (string | undefined)[]).includes(storageClass);
}

interface Retrieval {
  tier: RetrievalTier;
  /** When the object is readable, and when it no longer is, in ms since 1970. */
  readyAt: number;
  until: number;
}

/** What S3 says of a version in an archive class. */
export interface Archived {
  storageClass: ArchiveClass;
  readable: boolean;
  /** A retrieval that is under way, or the copy that one made. */
  retrieval?: { ongoing: true } | { ongoing: false; until: number };
}

/** Answer to a request for retrieval; where it is no, with S3's code. */
export type Answer = { ok: true; status: 200 | 202 } | { ok: false; status: 400 | 403 | 409; code: string; message: string };

/**
 * Which versions are in an archive class, and which of them are readable, on a clock on which a day of S3's lasts `dayMs`. A retrieval takes as
 * long as S3 publishes at most: nothing is found here sooner than it would be there.
 */
export class Archives {
  private readonly classes = new Map<string, { storageClass: ArchiveClass; retrieval?: Retrieval }>();
  /** How many versions of a bucket are here: buckets without any need no second look. */
  private readonly counts = new Map<string, number>();

  constructor(
    private readonly dayMs: number,
    private readonly now: () => number = Date.now,
  ) {}

  has(bucket: string): boolean {
    return (this.counts.get(bucket) ?? 0) > 0;
  }

  set(version: VersionOf, storageClass: ArchiveClass): void {
    this.forget(version);
    this.classes.set(nameOf(version), { storageClass });
    this.counts.set(version.bucket, (this.counts.get(version.bucket) ?? 0) + 1);
  }

  forget(version: VersionOf): void {
    if (this.classes.delete(nameOf(version))) this.counts.set(version.bucket, (this.counts.get(version.bucket) ?? 1) - 1);
  }

  /** `undefined` where it is in no archive class. */
  of(version: VersionOf): Archived | undefined {
    const found = this.classes.get(nameOf(version));
    if (!found) return undefined;
    const { storageClass, retrieval } = found;
    if (!retrieval || this.now() >= retrieval.until) return { storageClass, readable: readAtOnce(storageClass) };
    const ongoing = this.now() < retrieval.readyAt;
    return { storageClass, readable: !ongoing, retrieval: ongoing ? { ongoing } : { ongoing, until: retrieval.until } };
  }

  /** @param days how long the readable copy is to stay */
  retrieve(version: VersionOf, tier: RetrievalTier, days: number): Answer {
    const found = this.classes.get(nameOf(version));
    if (!found || readAtOnce(found.storageClass)) {
      return no(403, "InvalidObjectState", "Restore is not allowed for the object's current storage class");
    }
    const time = retrievalTime(found.storageClass, tier);
    if (!time) return no(400, "InvalidArgument", "Retrieval option is not supported by this storage class");
    const now = this.now();
    const running = found.retrieval && now < found.retrieval.until ? found.retrieval : undefined;
    if (running && now >= running.readyAt) {
      running.until = now + days * this.dayMs;
      return { ok: true, status: 200 };
    }
    // A faster tier takes over from a slower one; anything else is refused while one is under way.
    if (running && RETRIEVAL_TIERS.indexOf(tier) >= RETRIEVAL_TIERS.indexOf(running.tier)) {
      return no(409, "RestoreAlreadyInProgress", "Object restore is already in progress");
    }
    const readyAt = now + (time.toMs / DAY_MS) * this.dayMs;
    found.retrieval = { tier, readyAt, until: readyAt + days * this.dayMs };
    return { ok: true, status: 202 };
  }
}

function no(status: 400 | 403 | 409, code: string, message: string): Answer {
  return { ok: false, status, code, message };
}

/** `x-amz-restore` of an archived version; `undefined` where nothing was retrieved. */
export function restoreHeader({ retrieval }: Archived): string | undefined {
  if (!retrieval) return undefined;
  return retrieval.ongoing ? 'ongoing-request="true"' : `ongoing-request="false", expiry-date="${new Date(retrieval.until).toUTCString()}"`;
}
