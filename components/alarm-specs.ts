import type * as pulumi from "@pulumi/pulumi";
import { INTEGRITY_METRIC } from "../topology/names";

/** An alarm as plain data; one period of it is a minute. */
export interface AlarmSpec {
  /** Short name: `replica-lag`. */
  name: string;
  /** For whoever is woken by it: what is wrong, and what it means for a failover. */
  description: string;
  /** Metric, with its CloudWatch namespace and what it belongs to. */
  namespace: string;
  metric: string;
  dimensions: Record<string, pulumi.Input<string>>;
  statistic: "Maximum" | "Minimum" | "Average";
  /** Rings above, or below, the threshold. */
  rings: "above" | "below";
  threshold: number;
  /** Minutes in a row that it must be so. */
  minutes: number;
  /** What no data means. */
  missing: "breaching" | "notBreaching" | "missing";
}

/**
 * A replica further behind than its objective allows. It stays when the site becomes active and then has no data, which
 * is no alarm: one thing less that a failover changes.
 * @param database identifier of the instance
 * @param seconds the largest lag
 */
export function replicaLag(database: pulumi.Input<string>, seconds: number): AlarmSpec {
  return {
    name: "replica-lag",
    description: `The replica is more than ${seconds} s behind: a failover now would lose more than the objective allows.`,
    namespace: "AWS/RDS",
    metric: "ReplicaLag",
    dimensions: { DBInstanceIdentifier: database },
    statistic: "Maximum",
    rings: "above",
    threshold: seconds,
    minutes: 1,
    missing: "missing",
  };
}

/**
 * Objects that reach a site later than its objective allows. It rings where they should arrive: S3 gives the metric in the region of the
 * destination, and only while something is copied, so that no data is no alarm; the direction turns round with the active site.
 * @param from site that is copied from
 * @param rule id of the rule that copies
 * @param seconds the longest time
 */
export function copiesLate(
  from: string,
  bucket: { short: string; source: string; destination: string },
  rule: string,
  seconds: number,
): AlarmSpec {
  return {
    name: `copies-${from}-${bucket.short}`,
    description: `Objects of ${bucket.source} arrive more than ${seconds} s late: losing ${from} now would lose more than the objective allows.`,
    namespace: "AWS/S3",
    metric: "ReplicationLatency",
    dimensions: { SourceBucket: bucket.source, DestinationBucket: bucket.destination, RuleId: rule },
    statistic: "Maximum",
    rings: "above",
    threshold: seconds,
    minutes: 1,
    missing: "missing",
  };
}

/**
 * Copies that nobody has found sound for too long: the last looks found fault, or nobody looked.
 * @param service value of the metric's dimension @param minutes the longest time without a good look
 */
export function integrity(service: string, minutes: number): AlarmSpec {
  const { namespace, metric, dimension } = INTEGRITY_METRIC;
  return {
    name: "integrity",
    description: `No look at the copies of the data has found them sound for ${minutes} minutes: changeover backups verify says why, changeover watch looks.`,
    namespace,
    metric,
    dimensions: { [dimension]: service },
    statistic: "Minimum",
    rings: "below",
    threshold: 1,
    minutes,
    missing: "breaching",
  };
}

/** Storage that runs full stops a writer, and a replica too. */
export function storageLeft(database: pulumi.Input<string>, gib: number): AlarmSpec {
  return {
    name: "database-storage",
    description: `The database has less than ${gib} GiB of storage left.`,
    namespace: "AWS/RDS",
    metric: "FreeStorageSpace",
    dimensions: { DBInstanceIdentifier: database },
    statistic: "Minimum",
    rings: "below",
    threshold: gib * 2 ** 30,
    minutes: 5,
    missing: "missing",
  };
}

/** A service that no pod serves, at an active site or at a standby that would have to take over with it. */
export function serving(service: string, targetGroup: pulumi.Input<string>, balancer: pulumi.Input<string>): AlarmSpec {
  return {
    name: `serving-${service}`,
    description: `No pod of ${service} is healthy behind the load balancer.`,
    namespace: "AWS/ApplicationELB",
    metric: "HealthyHostCount",
    dimensions: { TargetGroup: targetGroup, LoadBalancer: balancer },
    statistic: "Minimum",
    rings: "below",
    threshold: 1,
    minutes: 1,
    missing: "breaching",
  };
}

/** A site that DNS would not send anybody to. */
export function siteHealth(site: string, healthCheckId: pulumi.Input<string>): AlarmSpec {
  return {
    name: `health-${site}`,
    description: `Route 53 counts the site ${site} as unhealthy.`,
    namespace: "AWS/Route53",
    metric: "HealthCheckStatus",
    dimensions: { HealthCheckId: healthCheckId },
    statistic: "Minimum",
    rings: "below",
    threshold: 1,
    minutes: 1,
    missing: "breaching",
  };
}
