import { backupSchedule } from "../components/backup-schedule";
import { ARCHIVE_CLASSES, retrievalTier, type ArchiveClass } from "../topology/archive";
import { HOUR, duration, formatDuration } from "../topology/duration";
import { estimates } from "../topology/estimate";
import { sitesThatAre } from "../topology/roles";
import type { Topology } from "../topology/schema";
import { ALARM, BACKUP_PLAN, BUCKET_LIFECYCLE, BUCKET_REPLICATION, HEALTH_CHECK } from "./kinds";
import { unless, type Look } from "./look";
import type { Rule } from "./rule";

const theme = "budgets" as const;
const controls = ["iso27001 A.5.30", "gdpr 32"] as const;

/** The strictest RPO, in milliseconds, of the disasters after which a site of that kind goes on. @default none does */
function strictestRpo({ disasters, sites }: Topology, standby: "warm" | "cold"): number | undefined {
  const rpos = Object.values(disasters).flatMap(({ rpo, recovery }) =>
    recovery.site !== undefined && recovery.kind === "cross-region" && sites[recovery.site]?.standby === standby ? [Number(rpo)] : [],
  );
  return rpos.length > 0 ? Math.min(...rpos) : undefined;
}

export const rtoBudget: Rule = {
  name: "rto-budget",
  theme,
  description: "Detection, DNS, promotion or restore, and the tiers' starts fit the RTO of each disaster",
  reason: "A recovery that takes longer than its objective by design never meets it on the day.",
  fix: "changeover estimate shows the segments: shorten one of them, agree on another RTO, or say in disasters.<disaster>.accepted why it may be so.",
  controls,
  check: (look) => {
    if (look.stack.part !== "edge") return [];
    const checks = look.all(HEALTH_CHECK).filter(({ props }) => props.type !== "CALCULATED");
    // What is deployed counts, not what the topology says.
    const slowest = (inverted: boolean): number =>
      Math.max(
        0,
        ...checks
          .filter(({ props }) => (props.invertHealthcheck ?? false) === inverted)
          .map(({ props }) => (props.requestInterval ?? 30) * (props.failureThreshold ?? 3)),
      );
    const { traffic } = look.topology;
    const deployed: Topology = {
      ...look.topology,
      traffic: {
        ...traffic,
        healthInterval: duration(1_000),
        healthFailures: slowest(false),
        takeoverFailures: slowest(true),
      },
    };
    return [
      ...estimates(deployed).flatMap(({ disaster, objective, predicted }) =>
        predicted && predicted.rtoMs > objective.rtoMs && look.topology.disasters[disaster].accepted === undefined
          ? [
              {
                path: `disasters.${disaster}.rto`,
                is: formatDuration(objective.rtoMs),
                mayBe: `${formatDuration(predicted.rtoMs)} or more`,
              },
            ]
          : [],
      ),
      ...[false, true].flatMap((inverted) => {
        const count = checks.filter(({ props }) => (props.invertHealthcheck ?? false) === inverted).length;
        const wanted = look.topology.chain.length - (inverted ? 1 : 0);
        const what = inverted ? "takeover switches" : "sites";
        return count === wanted ? [] : [{ path: `healthChecks.${what}`, is: count, mayBe: `${wanted}: one of each that DNS asks` }];
      }),
      ...look.each(checks, (check) => {
        const { requestInterval = 30, failureThreshold = 3, invertHealthcheck = false } = check.props;
        const most = (traffic.healthInterval / 1_000) * (invertHealthcheck ? traffic.takeoverFailures : traffic.healthFailures);
        const seconds = requestInterval * failureThreshold;
        return [
          unless(check.props.type === "HTTPS", check, "type", check.props.type, "HTTPS, or CALCULATED of those"),
          unless(seconds <= most, check, "failureThreshold", `${seconds} s to turn`, `${most} s or less, as the topology has it`),
        ];
      }),
    ];
  },
};

/** Roles in which a database is there to lag, or to be full. */
const runs = (look: Look): boolean => look.site !== undefined && (look.role === "active" || look.role === "standby");

export const lagAlarm: Rule = {
  name: "rpo-replica-lag",
  theme,
  description: "An alarm rings before a replica's lag exceeds the RPO of a disaster after which it takes over",
  reason: "A lag that nobody hears of is a loss that nobody agreed to.",
  fix: "Set database.maxLag to the RPO or less.",
  controls,
  check: (look) => {
    const rpo = strictestRpo(look.topology, "warm");
    if (!runs(look) || rpo === undefined) return [];
    const alarms = look.all(ALARM).filter(({ props }) => props.metricName === "ReplicaLag");
    if (alarms.length === 0) return [{ path: "alarms.replica-lag", is: undefined, mayBe: "an alarm on ReplicaLag" }];
    return look.each(alarms, (alarm) => {
      const { threshold, comparisonOperator, period, evaluationPeriods, alarmActions, statistic, namespace } = alarm.props;
      const seconds = Number(period) * Number(evaluationPeriods);
      return [
        unless(Number(threshold) * 1_000 <= rpo, alarm, "threshold", threshold, `${rpo / 1_000} s or less`),
        unless(
          comparisonOperator?.startsWith("GreaterThan") === true,
          alarm,
          "comparisonOperator",
          comparisonOperator,
          "GreaterThanThreshold",
        ),
        unless(statistic === "Maximum", alarm, "statistic", statistic, "Maximum: a mean hides the worst minute"),
        unless(namespace === "AWS/RDS", alarm, "namespace", namespace, "AWS/RDS"),
        unless(seconds * 1_000 <= rpo, alarm, "evaluationPeriods", `${seconds} s`, `${rpo / 1_000} s or less in all`),
        unless((alarmActions ?? []).length > 0, alarm, "alarmActions", alarmActions, "a topic that wakes somebody"),
      ];
    });
  },
};

export const backupInterval: Rule = {
  name: "rpo-backup-interval",
  theme,
  description: "Copies for the cold site are made often enough for the RPO of the disaster that ends there",
  reason: "What was written since the newest copy is lost with the other regions.",
  fix: "Shorten backups.interval.",
  controls,
  check: (look) => {
    const rpo = strictestRpo(look.topology, "cold");
    if (look.role !== "active" || rpo === undefined) return [];
    const may = [1, 2, 3, 4, 6, 8, 12, 24].filter((hours) => hours * HOUR <= rpo).map((hours) => backupSchedule(hours * HOUR));
    return look.each(look.all(BACKUP_PLAN), (plan) =>
      plan.props.rules.map((rule, i) =>
        unless(
          may.includes(rule.schedule ?? ""),
          plan,
          `rules.${i}.schedule`,
          rule.schedule,
          may.length > 0 ? may.join(", ") : `more often than once in ${formatDuration(rpo)}`,
        ),
      ),
    );
  },
};

/** Classes of S3 in several zones whose objects are read like any other. */
const READ_AT_ONCE = ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING"];

export const archiveInTime: Rule = {
  name: "rto-archive",
  theme,
  description: "What is archived can be read within the RTO of the disaster that ends at a cold site",
  reason: "An archive class that takes half a day is no part of a recovery of hours.",
  fix: "Choose another storage.archiveClass.",
  controls,
  check: (look) => {
    const rto = look.topology.disasters["multi-region-outage"].rto;
    const inTime = (storageClass: string | undefined): boolean =>
      storageClass === undefined ||
      READ_AT_ONCE.includes(storageClass) ||
      (ARCHIVE_CLASSES.some((name) => name === storageClass) && retrievalTier(storageClass as ArchiveClass, rto) !== undefined);
    const mayBe = `a class that is read within ${formatDuration(rto)}`;
    return [
      ...look.each(look.all(BUCKET_LIFECYCLE), (lifecycle) =>
        (lifecycle.props.rules ?? []).flatMap((rule, i) =>
          [...(rule.transitions ?? []), ...(rule.noncurrentVersionTransitions ?? [])].map(({ storageClass }) =>
            unless(inTime(storageClass), lifecycle, `rules.${i}.storageClass`, storageClass, mayBe),
          ),
        ),
      ),
      ...look.each(look.all(BUCKET_REPLICATION), (replication) =>
        replication.props.rules.map(({ destination: { storageClass } }, i) =>
          unless(inTime(storageClass), replication, `rules.${i}.destination.storageClass`, storageClass, mayBe),
        ),
      ),
    ];
  },
};

/** Where there is nobody to take over, no budget can be kept. */
export const someStandby: Rule = {
  name: "rto-site",
  theme,
  description: "Each disaster that is recovered across regions has a site that takes over, of the right kind",
  reason: "Without it, the recovery begins with building one.",
  fix: "Name a site in disasters.<disaster>.recovery.site.",
  controls,
  check: (look) => {
    if (look.stack.part !== "edge") return [];
    const warm = sitesThatAre("warm", look.topology);
    return Object.entries(look.topology.disasters).flatMap(([name, { recovery }]) =>
      recovery.kind === "cross-region" && (recovery.site === undefined || (name === "regional-outage" && !warm.includes(recovery.site)))
        ? [
            {
              path: `disasters.${name}.recovery.site`,
              is: recovery.site,
              mayBe: "a warm site, or a cold one for the loss of several regions",
            },
          ]
        : [],
    );
  },
};
