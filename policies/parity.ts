import { INTEGRITY_METRIC } from "../topology/names";
import { timeControlled } from "../topology/replication";
import { sitesThatAre } from "../topology/roles";
import { ALARM, AUTOSCALER, CONFIG_MAP, DEPLOYMENT, INSTANCE, PARAMETER_GROUP, SECRET, SERVICE_QUOTA } from "./kinds";
import { nameOf, unless, type Look, type Resource } from "./look";
import type { Rule } from "./rule";

const theme = "parity" as const;
const controls = ["iso27001 A.5.30", "iso27001 A.8.14"] as const;

// No stack sees another one: what all of them have to be like is the topology's word, so that any two are like each other.

export const databaseParity: Rule = {
  name: "same-database",
  theme,
  description: "Engine, version, class, storage and parameters of every site's database are those of the topology",
  reason: "A standby that is smaller or otherwise set is found out under the load of the failover.",
  fix: "Change database.* in topology.yaml, and update the standby first.",
  controls,
  check: (look) => {
    const { site, topology } = look;
    if (!site) return [];
    const { engineVersion, instanceClass, storageGb } = topology.database;
    const [major] = engineVersion.split(".");
    return [
      ...look.each(look.all(INSTANCE), (database) => {
        const { props } = database;
        const named = new RegExp(`^${site.names.database(1).replace(/1$/, "")}[1-9][0-9]*$`).test(props.identifier ?? "");
        const grown = props.allocatedStorage;
        return [
          unless(named, database, "identifier", props.identifier, `${site.names.database(1)} or a later number, by which others find it`),
          unless(props.instanceClass === instanceClass, database, "instanceClass", props.instanceClass, instanceClass),
          unless(
            props.engineVersion === undefined || props.engineVersion === engineVersion,
            database,
            "engineVersion",
            props.engineVersion,
            engineVersion,
          ),
          unless(grown === undefined || grown >= storageGb, database, "allocatedStorage", grown, `${storageGb} or more`),
          unless(props.storageType === "gp3", database, "storageType", props.storageType, "gp3"),
          unless(
            props.autoMinorVersionUpgrade === false,
            database,
            "autoMinorVersionUpgrade",
            props.autoMinorVersionUpgrade,
            "false: sites would differ until the last of them is upgraded",
          ),
        ];
      }),
      ...look.each(look.all(PARAMETER_GROUP), (group) => {
        const value = (name: string): string | undefined => group.props.parameters?.find((one) => one.name === name)?.value;
        const lease = String(topology.guard.lease);
        return [
          unless(group.props.family === `postgres${major}`, group, "family", group.props.family, `postgres${major}`),
          ...["idle_session_timeout", "idle_in_transaction_session_timeout"].map((name) =>
            unless(value(name) === lease, group, `parameters.${name}`, value(name), `${lease}: guard.lease`),
          ),
          unless(value("track_commit_timestamp") === "1", group, "parameters.track_commit_timestamp", value("track_commit_timestamp"), "1"),
        ];
      }),
    ];
  },
};

export const imageParity: Rule = {
  name: "same-images",
  theme,
  description: "Every site that runs has every service, of the image that the topology pins",
  reason: "A standby of last month's image fails over to last month's faults.",
  fix: "Change the image in topology.yaml and update all sites, the standby first.",
  controls,
  check: (look) => {
    const { site, role, topology } = look;
    if (!site || role === "dormant") return [];
    const images = new Map(
      topology.tiers.flatMap(({ services }) => Object.entries(services).map(([name, { image }]) => [name, image] as const)),
    );
    images.set("guard", topology.guard.image);
    const deployments = look.all(DEPLOYMENT);
    const there = deployments.map(({ props }) => nameOf(props));
    return [
      ...[...images.keys()]
        .filter((name) => !there.includes(name))
        .map((name) => ({ path: `deployments.${name}`, is: undefined, mayBe: "deployed at every site that runs" })),
      ...look.each(deployments, (deployment) =>
        (deployment.props.spec.template.spec?.containers ?? []).map((container, i) => {
          const image = images.get(nameOf(deployment.props) ?? "");
          return unless(
            container.image === image,
            deployment,
            `containers.${i}.image`,
            container.image,
            image ?? "left out: the topology has no such service",
          );
        }),
      ),
    ];
  },
};

const DATABASE = ["DATABASE_CA", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_PORT", "DATABASE_USER"];
/** Keys of what pods are given, by the object's name: the same at every site. */
const CONFIG: Record<string, string[]> = {
  service: [...DATABASE, "EPOCH", "ROLE", "SITE", "WRITES"],
  guard: [
    ...DATABASE,
    "APP_ROLE",
    "CONFIRMED_UNTIL",
    "EPOCH",
    "INTERVAL_MS",
    "LEASE_MS",
    "ROLE",
    "SITE",
    "SITES",
    "SWITCH_BUCKET",
    "SWITCH_REGION",
  ],
};
const SECRETS: Record<string, string[]> = { service: ["DATABASE_PASSWORD"], guard: ["DATABASE_ADMIN_PASSWORD"] };

export const secretParity: Rule = {
  name: "same-secrets",
  theme,
  description: "Pods are given the same keys of config and secrets at every site",
  reason: "A pod that lacks a key at the standby alone starts there for the first time in the failover.",
  fix: "Add the key in the Workloads component, which every site has.",
  controls,
  check: (look) => {
    if (!look.site || look.role === "dormant") return [];
    const compare = (one: Resource, keys: string[], may: Record<string, string[]>) => {
      const wanted = may[nameOf(one.props) ?? ""]?.toSorted();
      if (!wanted) return [unless(false, one, "metadata.name", nameOf(one.props), `${Object.keys(may).join(" or ")}: pods read no other`)];
      return [unless(keys.toSorted().join() === wanted.join(), one, "keys", keys.toSorted(), wanted.join(", "))];
    };
    return [
      ...look.each(look.all(CONFIG_MAP), (map) => compare(map as Resource, Object.keys(map.props.data ?? {}), CONFIG)),
      // Values stay where they are: names alone are looked at.
      ...look.each(look.all(SECRET), (secret) => {
        const keys = [...new Set([...Object.keys(secret.props.stringData ?? {}), ...Object.keys(secret.props.data ?? {})])];
        return compare(secret, keys, SECRETS);
      }),
    ];
  },
};

export const capacityParity: Rule = {
  name: "same-capacity",
  theme,
  description: "An active site may have as many pods as the topology says; a standby has at least one of each service of tiers 0 and 1",
  reason: "A standby with no pod begins the failover with a cold start, and a bound that is too low is found under load.",
  fix: "Change replicas in topology.yaml.",
  controls,
  check: (look) => {
    const { site, role, topology } = look;
    if (!site || (role !== "active" && role !== "standby")) return [];
    const workloads = topology.tiers.flatMap(({ tier, services }) =>
      Object.entries(services).map(([name, { replicas }]) => ({ name, tier, replicas })),
    );
    return [
      ...look.each(look.all(AUTOSCALER), (autoscaler) => {
        const found = workloads.find(({ name }) => name === autoscaler.props.spec.scaleTargetRef.name);
        const most = autoscaler.props.spec.maxReplicas;
        const least = role === "active" ? (found?.replicas.max ?? 0) : 1;
        const target = autoscaler.props.spec.scaleTargetRef.name;
        return [
          unless(found !== undefined, autoscaler, "spec.scaleTargetRef.name", target, "a service of the topology"),
          unless(most >= least, autoscaler, "spec.maxReplicas", most, `${least} or more`),
        ];
      }),
      ...look.each(look.all(DEPLOYMENT), (deployment) => {
        const found = workloads.find(({ name }) => name === nameOf(deployment.props));
        const replicas = deployment.props.spec.replicas ?? 1;
        // Without a service it is the guard: one looks while the other one is moved to another node.
        const least = found ? (role === "active" ? found.replicas.active : Math.max(found.replicas.standby, found.tier <= 1 ? 1 : 0)) : 2;
        return [unless(replicas >= least, deployment, "spec.replicas", replicas, `${least} or more`)];
      }),
    ];
  },
};

export const quotaParity: Rule = {
  name: "same-quotas",
  theme,
  description: "Every site's region has the AWS quotas of the topology, whatever the site does now",
  reason: "A takeover that AWS does not allow in that region fails halfway, and an increase takes hours to days.",
  fix: "Leave them to the Quotas component; topology.quotas names them. Where AWS has denied one, ask its support.",
  controls,
  check: (look) => {
    if (!look.site) return [];
    const [there, wanted] = [look.all(SERVICE_QUOTA), Object.entries(look.topology.quotas)];
    return wanted.flatMap(([name, { service, code, value }]) => {
      const found = there.filter(({ props }) => props.serviceCode === service && props.quotaCode === code);
      if (found.length === 0)
        return [{ path: `quotas.${name}`, is: undefined, mayBe: `a ServiceQuota of ${service} ${code}, ${value} or more` }];
      return look.each(found, (quota) => {
        const { requestStatus: status = "" } = quota.props as { requestStatus?: string };
        return [
          unless(quota.props.value >= value, quota, "value", quota.props.value, `${value} or more`),
          unless(GRANTABLE.includes(status), quota, "requestStatus", status, "APPROVED, or still looked at by AWS"),
        ];
      });
    });
  },
};

/** States of a request that AWS has not refused (Service Quotas API reference, RequestedServiceQuotaChange); none: there was no need for one. */
const GRANTABLE = ["", "PENDING", "CASE_OPENED", "APPROVED", "CASE_CLOSED"];

/** What the alarms of a site look at, by the beginning of their names. */
const METRICS = [
  ["replica-lag", "ReplicaLag"],
  ["database-storage", "FreeStorageSpace"],
  ["serving-", "HealthyHostCount"],
  ["copies-", "ReplicationLatency"],
  ["integrity", INTEGRITY_METRIC.metric],
] as const;

/** What rings at a site, by the end of the alarm's name. */
function alarmsOf(look: Look): string[] {
  const { site, role, topology } = look;
  if (!site) return [];
  const warm = sitesThatAre("warm", topology).filter((other) => other !== site.name);
  const running =
    role === "dormant"
      ? []
      : [
          "replica-lag",
          "database-storage",
          ...topology.tiers
            .filter(({ tier }) => tier <= 1)
            .flatMap(({ services }) => Object.keys(services).map((name) => `serving-${name}`)),
        ];
  const late = warm.flatMap((from) => topology.storage.buckets.map((short) => `copies-${from}-${short}`));
  return [...running, ...late, ...(site.definition.standby === "cold" ? ["integrity"] : [])];
}

export const alarmParity: Rule = {
  name: "same-alarms",
  theme,
  description: "Every site has the alarms of its kind, and each of them wakes somebody",
  reason: "A standby whose faults ring nowhere is found broken by the failover.",
  fix: "Leave the alarms to the stack of the site.",
  controls,
  check: (look) => {
    const { site, topology } = look;
    if (!site) return [];
    // Copies have no alarm where no time was promised.
    const timed = timeControlled(topology, site.name);
    const there = look.all(ALARM).map(({ props }) => props.name ?? "");
    const wanted = alarmsOf(look).filter((name) => timed || !name.startsWith("copies-"));
    const byRule = (alarm: Resource<{ dimensions?: Record<string, string> | undefined }>) => {
      const rule = alarm.props.dimensions?.["RuleId"];
      const { copyRule } = site.names;
      return unless(rule === copyRule, alarm, "dimensions.RuleId", rule, `${copyRule}, the rule that copies here`);
    };
    return [
      ...wanted
        .filter((name) => !there.includes(`${site.names.prefix}-${name}`))
        .map((name) => ({ path: `alarms.${name}`, is: undefined, mayBe: "an alarm at every site of this kind" })),
      ...look.each(look.all(ALARM), (alarm) => {
        const { alarmActions, actionsEnabled, metricName, name = "" } = alarm.props;
        const [, metric] = METRICS.find(([begin]) => name.startsWith(`${site.names.prefix}-${begin}`)) ?? [];
        return [
          unless((alarmActions ?? []).length > 0, alarm, "alarmActions", alarmActions, "a topic that wakes somebody"),
          unless(actionsEnabled !== false, alarm, "actionsEnabled", actionsEnabled, "true"),
          unless(metric === undefined || metricName === metric, alarm, "metricName", metricName, metric ?? ""),
          metric === "ReplicationLatency" ? byRule(alarm) : undefined,
        ];
      }),
    ];
  },
};
