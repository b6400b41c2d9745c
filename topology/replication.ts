import { duration } from "./duration";
import type { SiteName, Topology } from "./schema";

/**
 * Replication time control: 99.99% of the objects are copied within this time (Amazon S3 User Guide, 'Meeting compliance requirements
 * with S3 Replication Time Control'). S3 has no other value. Delete markers are copied too, but outside of the promise.
 */
export const REPLICATION_TIME = duration(15 * 60_000);

/** Without time control S3 names no time: mostly minutes, at times hours. An RPO of a day, in milliseconds, can do without a promise. */
const NO_PROMISE_NEEDED = 86_400_000;

/** The strictest RPO of the disasters after which the service would go on from the copies at this site; `undefined` where there is none. */
export function rpoOfCopies(topology: Topology, site: SiteName): number | undefined {
  // Any warm site may be the one that is copied to: they change places.
  const warm = topology.sites[site]?.standby === "warm";
  const rpos = Object.values(topology.disasters).flatMap(({ rpo, recovery }) => {
    if (recovery.site === undefined || recovery.kind === "same-region") return [];
    const sameKind = warm ? topology.sites[recovery.site]?.standby === "warm" : recovery.site === site;
    return sameKind ? [rpo] : [];
  });
  return rpos.length === 0 ? undefined : Math.min(...rpos);
}

/** Whether copies to this site are to keep the time that replication time control promises. */
export function timeControlled(topology: Topology, site: SiteName): boolean {
  return (rpoOfCopies(topology, site) ?? Infinity) < NO_PROMISE_NEEDED;
}
