import type { SiteName } from "../../topology/schema";
import type { Verified } from "../probes/service";
import type { Step } from "./table";

/** Segments of a changeover, one after the other, so that they add up to `recoveredMs`. Milliseconds. */
export interface ReportSegments {
  /** Command to yes. */
  decide: number;
  /** Making sure that the site that is left takes no writes; in a switchover the pause and the drain, in a restore all up to the opening. */
  fence: number;
  promote: number;
  services: number;
  traffic: number;
  verify: number;
}

/** When a step began and how long it took, in milliseconds since the command began. */
export interface StepTiming {
  step: Step;
  startedMs: number;
  tookMs: number;
}

/** What every run tells of itself. */
export interface RunReport {
  incident: string;
  /** When the changeover began, in this run or the one that this goes on with. Milliseconds of the wall clock. */
  openedAt: number;
  /** When this run began: as `openedAt` where it is the first one. Milliseconds of the wall clock. */
  startedAt: number;
  /** From the command to its end. */
  totalMs: number;
  steps: StepTiming[];
  journal: string;
}

/** What a move of the active site measured. */
export interface MoveReport extends RunReport {
  kind: "failover" | "switchover" | "activation";
  from: SiteName;
  to: SiteName;
  epoch: number;
  segmentsMs: ReportSegments;
  tiers: { tier: number; readyMs: number }[];
  /** From the command to the write read back. */
  recoveredMs: number;
  verified: Verified;
  /**
   * In a switchover and a restore: when the active site stopped taking writes and when the target, or its other database, began
   * to, wall clock, milliseconds; left out where the journal does not tell.
   */
  pause?: { from: number; to: number };
  /** In a failover: whether the site that was left is known to take no writes, or why that was accepted. */
  fenced?: { known: true; by: string } | { known: false; reason: string };
  /**
   * In a failover where not all that the old site acknowledged is known to have arrived: commit time of the newest transaction that
   * the target had when it was assessed, ISO 8601; left out where it had replayed none since it started.
   */
  lastReplayAt?: string;
  /** In an activation: the snapshot that the database was made from, and how old it was at the outage, or at the command. */
  copy?: { snapshot: string; at: string; ageMs: number };
  /** In an activation: what was copied out of the archive. */
  objects?: { objects: number; bytes: number };
}

/** What a restore measured: a site moves from its damaged database to one of an earlier moment. */
export interface RestoreReport extends Omit<MoveReport, "kind" | "from" | "to" | "fenced"> {
  kind: "restore";
  site: SiteName;
  /** Its new database. */
  generation: number;
  /** The moment that it was restored to, ISO 8601. */
  point: string;
  /** Rows of the damaged database that the restored one has not, or has otherwise. */
  dropped: { rows: number; file: string };
}

/** What a re-protection measured. */
export interface ReprotectReport extends RunReport {
  kind: "reprotect";
  /** Site that was left and stands by again. */
  site: SiteName;
  /** The active site, which it streams from. */
  active: SiteName;
  epoch: number;
  /** Its new database. */
  generation: number;
  /** Command to a replica that streams within the RPO. */
  protectedMs: number;
  /** Lag of the new replica when protection was reported. */
  lagMs: number;
  /** Rows that the old database has and the new active one has not; `null` where no old database was left to compare. */
  diverged: { rows: number; file: string } | null;
}
