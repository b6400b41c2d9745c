/**
 * What a guard does about its site's database, from what it has just seen. Pure: the same facts give the same answer, and
 * the answer says why, in words for whoever looks at `/status` at night.
 */
import type { Epoch, Role } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import type { Mark } from "./writes";

/** Another site's takeover switch: what it says, that there is none, or why it could not be read. */
export type Switch = { state: "off" } | { state: "on"; activeSite: SiteName; epoch: Epoch } | { state: "unreadable"; reason: string };

export interface Sight {
  /** The guard's own site, and what its stack was last configured with. */
  site: SiteName;
  epoch: Epoch;
  role: Role;
  /** The database streams from another one. */
  recovering: boolean;
  /** @default nobody marked the database yet */
  mark?: Mark;
  /** Until the services cannot log in any more, in milliseconds; negative after. @default no limit */
  leaseLeftMs?: number;
  /** By site, all but the own. */
  switches: Record<SiteName, Switch>;
  /** Other sites: any of them may be active, a cold one by an activation. While one of them cannot be asked, nobody knows that it is not. */
  others: readonly SiteName[];
  /** Until then an operator answers for it that this site is the active one. Milliseconds of the wall clock, as `now`. */
  confirmedUntil?: number;
  now: number;
}

export type Decision =
  /** Nothing to do here. */
  | { action: "idle"; reason: string }
  /** Move the end of the lease. */
  | { action: "renew"; reason: string }
  /** Let the services write, in this epoch. */
  | { action: "open"; epoch: Epoch; reason: string }
  /** Shut the database, and say that this epoch did it. */
  | { action: "fence"; epoch: Epoch; reason: string }
  /** Leave everything as it is, the lease too: once it has run out, nobody may be logged in any more. */
  | { action: "hold"; reason: string };

/** The rules, in the order in which they count. */
export function decide(sight: Sight): Decision {
  const { site, epoch, role, recovering, mark, leaseLeftMs } = sight;
  if (recovering) return { action: "idle", reason: "the database streams from another site" };
  const marked = mark?.epoch ?? 0;
  if (role === "fenced") {
    return { action: "fence", epoch: Math.max(epoch, marked), reason: `${site} was left by epoch ${epoch}` };
  }

  // A standby too: a changeover had promoted it, and another one has gone elsewhere since.
  const claim = latestClaim(sight);
  if (claim && claim.epoch > epoch && claim.epoch >= marked) {
    return { action: "fence", epoch: claim.epoch, reason: `${claim.activeSite} is active since epoch ${claim.epoch}; this is ${epoch}` };
  }
  if (role === "standby" || role === "dormant") {
    if (mark?.state === "open" && mark.site !== site) {
      return { action: "fence", epoch: marked, reason: `promoted, and nobody opened it here: it came open from ${mark.site}` };
    }
    return { action: "idle", reason: `${site} is ${role}: its database is not for writing` };
  }
  if (mark && mark.epoch > epoch) {
    const reason = `the database is ${mark.state} in epoch ${mark.epoch}, and this guard is of ${epoch}`;
    return mark.state === "fenced" ? { action: "fence", epoch: mark.epoch, reason } : { action: "hold", reason };
  }

  if (!mark) return { action: "open", epoch, reason: `nobody marked the database before epoch ${epoch}` };
  if (mark.epoch < epoch)
    return { action: "open", epoch, reason: `the database was ${mark.state} in epoch ${mark.epoch}; this is ${epoch}` };
  if (mark.site !== site) {
    // Whoever fenced or paused the site that was left did it there; that it came along must not keep this one shut.
    if (mark.state !== "open") return { action: "open", epoch, reason: `${mark.state} at ${mark.site}: it came with the replication` };
    return { action: "hold", reason: `${mark.site} was opened in epoch ${epoch}, and two sites cannot be active in one epoch` };
  }
  if (mark.state === "paused") return { action: "renew", reason: `paused by ${mark.by}; reads go on` };
  if (mark.state === "open" && (leaseLeftMs ?? Infinity) > 0) {
    return claim?.epoch === epoch ? rival(sight, claim) : { action: "renew", reason: `active in epoch ${epoch}` };
  }
  return startsAnew(sight, mark, claim);
}

/**
 * The epoch in which another site took over, so that a takeover switch of the own site from before must be turned off: while it
 * is on, DNS may lead here instead. A fence of the own epoch is doubt, not a takeover. Where every other site's switch is known
 * to be off, the takeover was given up: whoever does that turns this site's switch on, then opens it.
 */
export function overtakenIn(sight: Sight, decision: Decision): Epoch | undefined {
  const { epoch } = sight;
  const claimed = latestClaim(sight)?.epoch ?? 0;
  if (claimed > epoch) return claimed;
  return decision.action === "fence" && decision.epoch > epoch && unreadable(sight).length > 0 ? decision.epoch : undefined;
}

/**
 * The database was shut for a while: fenced, or nobody renewed its lease. Meanwhile another site may have become active,
 * so the others are asked first.
 */
function startsAnew(sight: Sight, mark: Mark, claim: Claim | undefined): Decision {
  const { epoch } = sight;
  const was = mark.state === "fenced" ? `fenced by ${mark.by}` : "without a lease";
  if (confirmed(sight)) return { action: "open", epoch, reason: `${was}; an operator confirmed that ${sight.site} is active` };
  if (claim?.epoch === epoch) return rival(sight, claim);
  const unknown = unreadable(sight);
  if (unknown.length === 0) return { action: "open", epoch, reason: `${was}; no other site is active since` };
  return {
    action: "fence",
    epoch,
    reason: `${was}, and it cannot be known whether another site is active: the switch of ${unknown.join(", ")} could not be read`,
  };
}

/** Two sites in one epoch: neither knows better, so only an operator does. */
function rival(sight: Sight, { activeSite, epoch }: Claim): Decision {
  if (confirmed(sight)) return { action: "renew", reason: `an operator confirmed that ${sight.site} is active, not ${activeSite}` };
  return { action: "fence", epoch, reason: `${activeSite} says that it is active in epoch ${epoch} as well` };
}

interface Claim {
  activeSite: SiteName;
  epoch: Epoch;
}

/** The latest epoch that another site's switch names for a site other than this one. */
function latestClaim({ site, switches }: Sight): Claim | undefined {
  return Object.values(switches)
    .filter((seen) => seen.state === "on")
    .filter(({ activeSite }) => activeSite !== site)
    .reduce<Claim | undefined>((latest, seen) => (latest && latest.epoch >= seen.epoch ? latest : seen), undefined);
}

/** Other sites of which nobody knows whether they are active, and why. */
function unreadable({ switches, others }: Sight): string[] {
  return others.flatMap((other) => {
    const seen = switches[other] ?? { state: "unreadable", reason: "not asked" };
    return seen.state === "unreadable" ? [`${other} (${seen.reason})`] : [];
  });
}

function confirmed({ confirmedUntil, now }: Sight): boolean {
  return confirmedUntil !== undefined && confirmedUntil > now;
}
