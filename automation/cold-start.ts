import { retrievalTime, retrievalWithin, type RetrievalTier } from "../topology/archive";
import { formatDuration } from "../topology/duration";
import type { Activation } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import { Refused } from "./errors";
import type { Environment, SiteFacts } from "./facts";
import { markdownTable } from "./markdown";
import { table } from "./output";
import { Archive, summarise } from "./probes/archive";
import { RecoveryPoints } from "./probes/recovery-points";

/** What a cold site would begin with if it were activated now. */
export interface ColdStart {
  /** The newest copy of the database. */
  snapshot: string;
  /** What it has, up to when; ISO 8601. */
  at: string;
  ageMs: number;
  objects: {
    bucket: string;
    storageClass: string;
    objects: number;
    bytes: number;
    /** How many of them cannot be read before they are retrieved. */
    archived: number;
    /** By which tier, and how long that takes, in milliseconds; `none`: at once. */
    tier: RetrievalTier | "none";
    fromMs: number;
    toMs: number;
  }[];
}

/** Looks at the copies in a cold site's own region. @throws Refused where there is none of the database */
export async function coldStart(
  { topology, names }: Environment,
  facts: SiteFacts[],
  site: SiteName,
  { activeSite }: Activation,
): Promise<ColdStart> {
  const own = names.site(site);
  const { region, vault } = own;
  const generation = facts.find((one) => one.site === activeSite)?.activation?.generation ?? 1;
  const [points, archive] = [new RecoveryPoints(region), new Archive(region)];
  const { archiveClass, buckets } = topology.storage;
  const tier = retrievalWithin(archiveClass, topology.disasters["multi-region-outage"].rto);
  try {
    const [[newest], inventories] = await Promise.all([
      points.in(vault, names.site(activeSite).databaseArn(generation)),
      Promise.all(buckets.map((short) => archive.inventory(own.archive(short)))),
    ]);
    if (!newest)
      throw new Refused(`${site}'s vault has no copy of ${activeSite}'s database`, "changeover backups verify says what there is");
    return {
      snapshot: newest.snapshot,
      at: newest.at.toISOString(),
      ageMs: Math.max(0, Date.now() - newest.at.getTime()),
      objects: inventories.flatMap((inventory) =>
        Object.entries(summarise(inventory)).map(([storageClass, { objects, bytes, archived, retrieving }]) => {
          const waits = archived + retrieving > 0 && tier !== "none";
          const time = waits ? retrievalTime(archiveClass, tier) : undefined;
          return {
            bucket: inventory.bucket,
            storageClass,
            objects,
            bytes,
            archived: archived + retrieving,
            tier: waits ? tier : ("none" as const),
            fromMs: time?.fromMs ?? 0,
            toMs: time?.toMs ?? 0,
          };
        }),
      ),
    };
  } finally {
    points.close();
    archive.close();
  }
}

/** The same as an operator reads it. */
export function describeColdStart(cold: ColdStart): string {
  return [beginning(cold), "", cold.objects.length === 0 ? NO_OBJECTS : table(ARCHIVE_HEAD, cold.objects.map(archiveCells))].join("\n");
}

/** The same in a comment of a pull request. */
export function coldStartMarkdown(cold: ColdStart): string {
  return [
    `${beginning(cold)}.`,
    "",
    cold.objects.length === 0
      ? `${NO_OBJECTS}.`
      : markdownTable([ARCHIVE_HEAD.map((head) => head.toLowerCase()), ...cold.objects.map(archiveCells)]),
  ].join("\n");
}

function beginning({ snapshot, at, ageMs }: ColdStart): string {
  return `The database would begin with ${snapshot}, of ${at}: what was written in the ${formatDuration(ageMs)} since is not in it`;
}

const NO_OBJECTS = "No object lies in its archive buckets";
const ARCHIVE_HEAD = ["ARCHIVE", "CLASS", "OBJECTS", "BYTES", "TO BE RETRIEVED", "READABLE"];

function archiveCells({ bucket, storageClass, objects, bytes, archived, tier, fromMs, toMs }: ColdStart["objects"][number]): string[] {
  return [
    bucket,
    storageClass,
    String(objects),
    String(bytes),
    archived === 0 ? "-" : `${archived} by ${tier}`,
    tier === "none" ? "at once" : `${formatDuration(fromMs)} to ${formatDuration(toMs)} after it is asked for`,
  ];
}
