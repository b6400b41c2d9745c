import { formatDuration } from "../duration";
import type { Topology } from "../schema";
import { FIGURES, type FigureName } from "./figures";

/** What may be lost of one kind of data: how old its newest copy may be. Kinds are lost side by side: the oldest counts. */
export interface Loss {
  name: string;
  /** Milliseconds. */
  ms: number;
  /** What it is made of, with the keys of the topology. */
  from: string;
  /** What it takes from elsewhere. */
  figures: FigureName[];
}

/** The replica may be behind until the alarm rings. */
export function replica({ database: { maxLag } }: Topology): Loss {
  return { name: "replica", ms: maxLag, from: `database.maxLag ${formatDuration(maxLag)}: further behind, the alarm rings`, figures: [] };
}

/** Objects that were not copied to the standby yet. */
export function objects(): Loss {
  const { ms } = FIGURES.replicationTime;
  return { name: "objects", ms, from: `storage.buckets: replication time control, ${formatDuration(ms)}`, figures: ["replicationTime"] };
}

/** What the database wrote since its log was last uploaded. */
export function log(): Loss {
  const { ms } = FIGURES.archiving;
  return { name: "log", ms, from: `RDS uploads its log every ${formatDuration(ms)}`, figures: ["archiving"] };
}

/** The newest copy was taken up to an interval ago, and counts only once it has arrived. */
export function copies({ backups: { interval } }: Topology): Loss {
  const { ms } = FIGURES.copying;
  return {
    name: "copy",
    ms: interval + ms,
    from: `backups.interval ${formatDuration(interval)} + snapshot and copy ${formatDuration(ms)}`,
    figures: ["copying"],
  };
}
