import { formatDuration } from "../topology/duration";
import type { Activation, Role } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import type { DatabaseState } from "./probes/database";

/** Why not, and what would make it go. */
export interface Objection {
  reason: string;
  satisfy: string;
}

/** All that the guards of a failover look at. */
export interface FailoverFacts {
  to: SiteName;
  toRole: Role;
  current: Activation;
  /** Epoch that the changeover would begin. */
  epoch: number;
  /** The target's stack was already given this epoch: a changeover stopped midway and goes on. */
  continues: boolean;
  /**
   * The changeover that this one takes over from was leaving the target, and may have promoted this site and opened it: the target
   * takes its role back.
   */
  returns?: { from: SiteName; opened: boolean } | undefined;
  /** The latest epoch that a site may have. */
  reached: number;
  unreachable: SiteName[];
  /** Warm sites other than the target. */
  otherWarm: SiteName[];
  database: DatabaseState;
  /** The target's replica streams from a database that the service has left, by a restore or by a move to a cold site. */
  followsLeft: boolean;
  /** RPO of the disaster, in milliseconds. */
  rpoMs: number;
  /**
   * When the active site was lost, by the operator's wall clock, where the operator said so; else lag counts up to now.
   * It is compared with commit times of the database and is only as right as the operator's clock agrees with it.
   */
  outageSince?: Date | undefined;
  /** The operator's reason to accept more loss than the RPO. */
  acceptLoss?: string | undefined;
}

/** A rule of a kind of changeover, with its name. */
export interface Named<Facts> {
  name: string;
  guard: (facts: Facts) => Objection | undefined;
}

type Guard = Named<FailoverFacts>["guard"];

const notActive: Guard = ({ to, current, returns }) =>
  current.activeSite === to && !returns
    ? {
        reason: `${to} is the active site already, since epoch ${current.epoch}`,
        satisfy: "nothing is to be done; changeover status shows the sites",
      }
    : undefined;

const notDormant: Guard = ({ to, toRole, otherWarm }) =>
  toRole === "dormant"
    ? {
        reason: `${to} is dormant: no database and no workloads run there`,
        satisfy:
          otherWarm.length > 0 ? `fail over to a warm site: ${otherWarm.join(", ")}` : "activate the cold site first; no warm site is left",
      }
    : undefined;

const targetReachable: Guard = ({ to, unreachable }) =>
  unreachable.includes(to)
    ? { reason: `${to} is both the target and named unreachable`, satisfy: "name only lost sites in --unreachable" }
    : undefined;

const otherIsLost: Guard = ({ to, returns, unreachable }) =>
  returns && !unreachable.includes(returns.from)
    ? {
        reason: `a changeover from ${to} to ${returns.from} was left after ${returns.from}'s promotion had begun, and ${returns.from} is not named lost`,
        satisfy: `changeover resume finishes it; if ${returns.from} is lost: --unreachable ${returns.from}`,
      }
    : undefined;

/** Of every unplanned move. */
export const epochAhead = ({ epoch, reached }: Pick<FailoverFacts, "epoch" | "reached">): Objection | undefined =>
  epoch > reached
    ? undefined
    : {
        reason: `epoch ${epoch} is stale: the sites have reached epoch ${reached}`,
        satisfy: `leave --epoch out, or give ${reached + 1}`,
      };

const databaseIsReplica: Guard = ({ to, database, continues, returns }) => {
  if (database.kind === "replica" || (database.kind === "primary" && (continues || returns))) return undefined;
  if (database.kind === "primary") {
    return {
      reason: `${to}'s database is not a replica: it accepts writes of its own`,
      satisfy:
        "find out who promoted it; if its rows are to be kept, set changeover:activeSite and the next changeover:epoch in its stack and run pulumi up",
    };
  }
  return { reason: `${to}'s database does not answer: ${database.reason}`, satisfy: `bring it back, or fail over to another site` };
};

const nothingTaken: Guard = ({ to, returns, acceptLoss }) =>
  returns?.opened && acceptLoss === undefined
    ? {
        reason: `${returns.from} was opened for writes before it was lost, or may have been, and ${to} has none that it took`,
        satisfy: `changeover resume once ${returns.from} is back; or --accept-loss "reason": a re-protection of ${returns.from} lists them then`,
      }
    : undefined;

const followsActive: Guard = ({ to, current, database, followsLeft, acceptLoss }) =>
  database.kind === "replica" && followsLeft && acceptLoss === undefined
    ? {
        reason: `${to}'s replica is of a database that the service has left, by a restore or by a move to a cold site: it lacks what was written since, and may have what a restore was to be rid of`,
        satisfy: `changeover reprotect --site ${to} while ${current.activeSite} lives; to go back to that database: --accept-loss "reason"`,
      }
    : undefined;

const withinRpo: Guard = ({ to, database, rpoMs, outageSince, acceptLoss }) => {
  if (database.kind !== "replica" || acceptLoss !== undefined) return undefined;
  const lagMs = lagAt(database, outageSince);
  if (lagMs === undefined || lagMs <= rpoMs) return undefined;
  return {
    reason: `${to}'s replica is ${formatDuration(lagMs)} behind, beyond the RPO of ${formatDuration(rpoMs)}; writes of that time would be lost`,
    satisfy: 'if the site was lost later than now, say when: --outage-since <time>; to accept the loss: --accept-loss "reason"',
  };
};

/**
 * How far the replica was behind when its source was lost, or is now; `undefined` where nothing was ever replayed, which
 * an empty database does. Now is what the replica's clock says: the driver's may be wrong.
 */
function lagAt(database: Extract<DatabaseState, { kind: "replica" }>, outageSince: Date | undefined): number | undefined {
  const { streaming, caughtUp, lastReplayAt, nowAt } = database;
  if (streaming && caughtUp) return 0;
  if (!lastReplayAt) return undefined;
  const until = outageSince && outageSince < nowAt ? outageSince : nowAt;
  return Math.max(0, until.getTime() - lastReplayAt.getTime());
}

/** The guards of an unplanned failover, in the order in which an operator would want to hear of them. */
export const failoverGuards: Named<FailoverFacts>[] = [
  { name: "the target is not active", guard: notActive },
  { name: "the target is not dormant", guard: notDormant },
  { name: "the target is not lost", guard: targetReachable },
  { name: "the site that the target returns from is lost", guard: otherIsLost },
  { name: "the epoch is ahead", guard: epochAhead },
  { name: "the target's database is a replica", guard: databaseIsReplica },
  { name: "nothing was written elsewhere", guard: nothingTaken },
  { name: "the replica is of the active database", guard: followsActive },
  { name: "the replica is within the RPO", guard: withinRpo },
];

/** The first objection, with the guard's name. */
export function objectionTo<Facts>(guards: readonly Named<Facts>[], facts: Facts): (Objection & { guard: string }) | undefined {
  for (const { name, guard } of guards) {
    const objection = guard(facts);
    if (objection) return { guard: name, ...objection };
  }
  return undefined;
}
