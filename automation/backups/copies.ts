import type { DisasterName, SiteName } from "../../topology/schema";

/** Where a copy's bytes lie. A fault of one kind of storage spares what lies in another. */
export const STORAGES = {
  instance: "a running database",
  log: "RDS's own backups and log",
  snapshot: "a vault of AWS Backup",
  bucket: "a bucket",
  archive: "a bucket of the archive",
} as const;
export type Storage = keyof typeof STORAGES;

/** One copy of the service's data, as it was found. */
export interface Copy {
  /** What it is a copy of: `database`, or `objects media`. */
  data: string;
  site: SiteName;
  region: string;
  storage: Storage;
  /** The data themselves, which the service works with. */
  live: boolean;
  /** Name of it at AWS. */
  id: string;
  /** The moment up to which it has everything, ISO 8601; `null` where there is none of it. */
  at: string | null;
  /** How long ago that is, in milliseconds. */
  ageMs: number | null;
  /** The objective that it has to keep, where a recovery from it has one. */
  rpo: { disaster: DisasterName; ms: number } | null;
  /** What was read of it. */
  read: string;
  /** Why it is not what is needed. Empty: it is. */
  problems: string[];
}

/** What 3-2-1 asks of one kind of data, and what there is. */
export interface Verdict {
  data: string;
  /** Sound copies, the data themselves included; three are asked for. */
  copies: number;
  /** Kinds of storage that they lie in; two are asked for. */
  storages: Storage[];
  /** Sound copies in a region that is neither the active site's nor its standby's; one is asked for. */
  offSite: number;
  met: boolean;
}

/** Whether the copies of each kind of data keep the rule: three of them, two kinds of storage, one off-site. Pure. */
export function verdicts(copies: readonly Copy[], offSite: readonly SiteName[]): Verdict[] {
  return [...new Set(copies.map(({ data }) => data))].map((data) => {
    const sound = copies.filter((copy) => copy.data === data && copy.problems.length === 0);
    const storages = [...new Set(sound.map(({ storage }) => storage))];
    const away = sound.filter(({ site }) => offSite.includes(site)).length;
    return { data, copies: sound.length, storages, offSite: away, met: sound.length >= 3 && storages.length >= 2 && away >= 1 };
  });
}

/** What of the same data works and is newest; for whoever meets a copy that does not. Pure. */
export function newestSound(copies: readonly Copy[], data: string): Copy | undefined {
  return copies
    .filter((copy) => copy.data === data && copy.problems.length === 0 && copy.at !== null && !copy.live)
    .reduce<Copy | undefined>((newest, copy) => (newest && (newest.at ?? "") >= (copy.at ?? "") ? newest : copy), undefined);
}

/** Every problem of every copy, with what works instead. Pure. @param works how that is said */
export function faults(copies: readonly Copy[], works: (copy: Copy) => string): string[] {
  return copies.flatMap(({ data, site, id, problems }) => {
    const other = newestSound(copies, data);
    const instead = other ? works(other) : "no other copy works";
    return problems.map((problem) => `${data} at ${site}, ${id}: ${problem}; ${instead}`);
  });
}

/** Problem of a copy that is older than its objective allows; none where it is not. */
export function late(ageMs: number | null, rpo: Copy["rpo"], show: (ms: number) => string): string[] {
  if (ageMs === null || rpo === null || ageMs <= rpo.ms) return [];
  return [`${show(ageMs)} old; ${rpo.disaster} allows ${show(rpo.ms)}`];
}
