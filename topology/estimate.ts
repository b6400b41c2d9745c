import type { Topology } from "./schema";

/**
 * What a failover of this configuration takes on AWS, by segment, in milliseconds. Sources are in docs/figures.md;
 * decision time is a person's and not in it.
 */
export interface Estimate {
  detectMs: number;
  promoteMs: number;
  servicesMs: number;
  trafficMs: number;
  rtoMs: number;
  rpoMs: number;
}

/** Amazon RDS user guide, 'Promoting a read replica': several minutes; the provider's own polling adds over a minute. */
const PROMOTION_MS = 5 * 60_000;
/** Image pull, start and first readiness of one tier; tiers start one after the other. */
const TIER_MS = 30_000;

export function estimateFailover(topology: Topology): Estimate {
  const { traffic, tiers, database } = topology;
  const detectMs = traffic.healthInterval * traffic.healthFailures;
  const servicesMs = TIER_MS * tiers.length;
  const trafficMs = traffic.healthInterval * traffic.takeoverFailures + traffic.ttl;
  // Detection and the resolvers' caches run out while the database is promoted: only what is longer counts.
  const rtoMs = Math.max(detectMs + traffic.ttl, PROMOTION_MS + servicesMs) + trafficMs;
  return { detectMs, promoteMs: PROMOTION_MS, servicesMs, trafficMs, rtoMs, rpoMs: database.maxLag };
}
