import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * Size of a WAL segment in the lab, in MB. Small, as one is closed every few seconds, be it almost empty, and `wal_keep_size` counts whole
 * ones: what a replica that is cut off has missed is kept for about 50 minutes so.
 */
export const WAL_SEGMENT_MB = 1;

const SEGMENT = /^[0-9A-F]{24}$/;

export interface BaseBackup {
  /** Its folder's name. */
  name: string;
  /** The first WAL segment that it needs. */
  firstWal: string;
  /** The earliest moment that it can be restored to, ms since the epoch. */
  completedAt: number;
}

/** A moment up to which all that was committed is archived, ms since the epoch: WAL up to that segment tells it, with a commit after it. */
export interface Mark {
  at: number;
  wal: string;
}

/** The span of moments that can be restored, both ends included, ms since the epoch. */
export interface RestoreWindow {
  earliest: number;
  latest: number;
}

/** Base backups of one instance and the WAL from the first of them on. Outlives the instance's data. */
export class Archive {
  /** Oldest first. */
  bases: BaseBackup[] = [];
  mark: Mark | undefined;

  constructor(readonly folder: string) {
    this.make();
  }

  get walFolder(): string {
    return join(this.folder, "wal");
  }

  baseFolder(name: string): string {
    return join(this.folder, "base", name);
  }

  /** `archive_command`: a segment is there under its name only once it is whole. */
  get archiveCommand(): string {
    const to = quoted(this.walFolder);
    return `cp --sparse=always %p ${to}/.%f && mv ${to}/.%f ${to}/%f`;
  }

  /** `restore_command` */
  get restoreCommand(): string {
    return `cp --sparse=always ${quoted(this.walFolder)}/%f %p`;
  }

  /** `undefined` until a base backup is complete, with WAL up to a moment after it. */
  get window(): RestoreWindow | undefined {
    const earliest = this.bases[0]?.completedAt;
    const latest = this.mark?.at;
    return earliest === undefined || latest === undefined || latest < earliest ? undefined : { earliest, latest };
  }

  /** The newest base backup from which a moment is reached. */
  baseFor(at: number): BaseBackup | undefined {
    return this.bases.findLast(({ completedAt }) => completedAt <= at);
  }

  /** WAL segments that are there, oldest first. */
  segments(): string[] {
    return readdirSync(this.walFolder)
      .filter((name) => SEGMENT.test(name))
      .sort();
  }

  /** All that was archived, `.history` and `.partial` files included, except what is being written. */
  walFiles(): string[] {
    return readdirSync(this.walFolder)
      .filter((name) => !name.startsWith("."))
      .sort();
  }

  /** Drops base backups that are not needed to restore any moment from `since` on, and the WAL before the first one that is left. */
  prune(since: number): void {
    const first = this.bases.findLastIndex(({ completedAt }) => completedAt <= since);
    if (first <= 0) return;
    for (const { name } of this.bases.splice(0, first)) rmSync(this.baseFolder(name), { recursive: true, force: true });
    const needed = this.bases[0]?.firstWal ?? "";
    for (const name of this.segments()) if (name < needed) rmSync(join(this.walFolder, name), { force: true });
  }

  /** The first WAL segment that restoring from `base` needs and that is not there. */
  missingAfter(base: BaseBackup): string | undefined {
    return this.mark && missingSegment(this.segments(), base.firstWal, this.mark.wal);
  }

  /** Nothing is kept any more; what comes from now on is. */
  clear(): void {
    this.remove();
    this.make();
  }

  remove(): void {
    this.bases = [];
    this.mark = undefined;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private make(): void {
    for (const name of ["wal", "base"]) mkdirSync(join(this.folder, name), { recursive: true });
  }
}

/** The first segment from `first` to `last`, both of one timeline, that is not among `names`. */
export function missingSegment(names: string[], first: string, last: string): string | undefined {
  if (first.slice(0, 8) !== last.slice(0, 8)) throw new Error(`segments ${first} and ${last} are of two timelines`);
  const there = new Set(names);
  for (let name = first; name <= last; name = segmentAfter(name)) if (!there.has(name)) return name;
  return undefined;
}

/** A segment's name is its timeline, and its number in two parts of which the second is as many as 4 GB hold. */
function segmentAfter(name: string): string {
  const hex = (n: number): string => n.toString(16).toUpperCase().padStart(8, "0");
  const high = parseInt(name.slice(8, 16), 16);
  const low = parseInt(name.slice(16), 16) + 1;
  const perHigh = 4_096 / WAL_SEGMENT_MB;
  return name.slice(0, 8) + (low === perHigh ? hex(high + 1) + hex(0) : hex(high) + hex(low));
}

/** For a shell command in a setting in which `%` has a meaning. */
function quoted(path: string): string {
  return `'${path.replace(/'/g, "'\\''").replace(/%/g, "%%")}'`;
}
