import { expect, it } from "vitest";
import { rules } from "../../../policies/all";
import type { Resource } from "../../../policies/look";
import { findingsOf } from "../../../policies/policy";
import { describeFinding } from "../../../policies/rule";
import type { Topology } from "../../../topology/schema";
import { topology } from "../components/recorder";
import { copyOf, lookAt, realStack } from "./real-stacks";

interface Case {
  /** Which stack. */
  of: string;
  /** What is wrong with it. */
  spoil?: (stack: { get: (name: string) => any; remove: (name: string) => void; add: (resource: Resource) => void }) => void;
  topology?: (t: Topology) => void;
  /** What is said of it, beside why and what to do. */
  says: RegExp;
}

/** One stack that breaks it, for every policy. That the stacks as they are keep it, the mutation test says. */
const BROKEN: Record<string, Case> = {
  "one-role": {
    of: "standby",
    spoil: ({ get }) => delete get("database-instance-1").replicateSourceDb,
    says: /^database-instance-1\.replicateSourceDb is not set; it may be the active site's database/,
  },
  "replica-of-active": {
    of: "standby",
    spoil: ({ get }) => (get("database-instance-1").replicateSourceDb = "arn:aws:rds:us-east-1:123456789012:db:other-1"),
    says: /^database-instance-1\.replicateSourceDb is ".*other-1"; it may be the ARN of a database of primary or cold/,
  },
  "epoch-never-falls": {
    of: "active at home",
    spoil: ({ get }) => (get("organization/changeover/production-primary").outputs.epoch = 5),
    says: /data\.EPOCH is "1"; it may be 5 or more/,
  },
  "one-active-site": {
    of: "edge",
    spoil: ({ get }) => (get("organization/changeover/production-secondary").outputs.role = "active"),
    says: /^sites\.role is \["primary","secondary"\]; it may be active at one site in epoch 1/,
  },
  "rto-budget": {
    of: "edge",
    topology: (t) => (t.disasters["regional-outage"].rto = t.disasters["regional-outage"].rpo),
    says: /^disasters\.regional-outage\.rto is "15m"; it may be .* or more/,
  },
  "rto-site": {
    of: "edge",
    topology: (t) => delete t.disasters["regional-outage"].recovery.site,
    says: /^disasters\.regional-outage\.recovery\.site is not set/,
  },
  "rpo-replica-lag": {
    of: "standby",
    spoil: ({ get }) => (get("alarms-replica-lag").threshold = 901),
    says: /^alarms-replica-lag\.threshold is 901; it may be 900 s or less/,
  },
  "rpo-backup-interval": {
    of: "active at home",
    spoil: ({ get }) => (get("backup-plan").rules[0].schedule = "cron(0 0/2 * * ? *)"),
    says: /^backup-plan\.rules\.0\.schedule is "cron\(0 0\/2 \* \* \? \*\)"; it may be cron\(0 \* \* \* \? \*\)\./,
  },
  "rto-archive": {
    of: "dormant",
    spoil: ({ get }) => (get("archive-media-age").rules[0].transitions[0].storageClass = "DEEP_ARCHIVE"),
    says: /^archive-media-age\.rules\.0\.storageClass is "DEEP_ARCHIVE"; it may be a class that is read within 4h/,
  },
  "same-database": {
    of: "standby",
    spoil: ({ get }) => (get("database-instance-1").instanceClass = "db.t4g.micro"),
    says: /^database-instance-1\.instanceClass is "db\.t4g\.micro"; it may be db\.r6g\.large/,
  },
  "same-images": {
    of: "standby",
    spoil: ({ get }) => (get("workloads-tier-1-auth-deployment").spec.template.spec.containers[0].image = "auth:latest"),
    says: /containers\.0\.image is "auth:latest"; it may be registry\.samia-tarot\.com\/auth@sha256/,
  },
  "same-secrets": {
    of: "standby",
    spoil: ({ get }) => (get("workloads-secret").stringData.EXTRA = "a secret value"),
    says: /^workloads-secret\.keys is \["DATABASE_PASSWORD","EXTRA"\]; it may be DATABASE_PASSWORD/,
  },
  "same-quotas": {
    of: "dormant",
    spoil: ({ get }) => (get("quotas-database-instances").value = 20),
    says: /^quotas-database-instances\.value is 20; it may be 40 or more/,
  },
  "same-capacity": {
    of: "active at home",
    spoil: ({ get }) => (get("workloads-tier-0-emergency-call-autoscaler").spec.maxReplicas = 3),
    says: /spec\.maxReplicas is 3; it may be 12 or more/,
  },
  "same-alarms": {
    of: "dormant",
    spoil: ({ remove }) => {
      remove("alarms-integrity");
    },
    says: /^alarms\.integrity is not set; it may be an alarm at every site of this kind/,
  },
  "database-encrypted": {
    of: "standby",
    spoil: ({ get }) => (get("database-instance-1").storageEncrypted = false),
    says: /^database-instance-1\.storageEncrypted is false; it may be true/,
  },
  "buckets-encrypted": {
    of: "active at home",
    spoil: ({ remove }) => {
      remove("storage-media-encryption");
    },
    says: /^storage-media-bucket\.encryption is not set; it may be a BucketServerSideEncryptionConfiguration/,
  },
  "deletion-protected": {
    of: "standby",
    spoil: ({ get }) => (get("balancer-balancer").enableDeletionProtection = false),
    says: /^balancer-balancer\.enableDeletionProtection is false; it may be true/,
  },
  "several-zones": {
    of: "standby",
    spoil: ({ get }) => (get("database-instance-1").multiAz = false),
    says: /^database-instance-1\.multiAz is false; it may be true/,
  },
  "buckets-versioned": {
    of: "edge",
    spoil: ({ get }) => (get("audit-records-versions").versioningConfiguration.status = "Suspended"),
    says: /^audit-records-versions\.versioningConfiguration\.status is "Suspended"; it may be Enabled/,
  },
  "buckets-closed": {
    of: "dormant",
    spoil: ({ get }) => (get("archive-media-access").blockPublicPolicy = false),
    says: /^archive-media-access\.blockPublicPolicy is false; it may be true/,
  },
  "buckets-locked": {
    of: "dormant",
    spoil: ({ get }) => (get("archive-media-lock").rule.defaultRetention.mode = "GOVERNANCE"),
    says: /^archive-media-lock\.rule\.defaultRetention\.mode is "GOVERNANCE"; it may be COMPLIANCE/,
  },
  "replicated-to-archive": {
    of: "standby",
    spoil: ({ remove }) => {
      remove("storage-media-copies");
    },
    says: /^storage-media-bucket\.replication is not set; it may be a rule that copies to cold's archive/,
  },
  "replicated-to-standby": {
    of: "active at home",
    spoil: ({ get }) => get("storage-media-copies").rules.shift(),
    says: /^storage-media-bucket\.replication is not set; it may be a rule that copies to secondary/,
  },
  "backups-3-2-1": {
    of: "active elsewhere",
    spoil: ({ get }) => (get("backup-plan").rules[0].copyActions = []),
    says: /^backup-plan\.rules\.0\.copyActions is not set; it may be a copy in cold's vault that is kept 35 days or more/,
  },
  "vaults-locked": {
    of: "dormant",
    spoil: ({ get }) => (get("backups-lock").minRetentionDays = 1),
    says: /^backups-lock\.minRetentionDays is 1; it may be 2 or more/,
  },
  "keys-kept": {
    of: "standby",
    spoil: ({ get }) => (get("keys-key").deletionWindowInDays = 7),
    says: /^keys-key\.deletionWindowInDays is 7; it may be 30/,
  },
  "tls-database": {
    of: "dormant",
    spoil: ({ get }) => get("database-parameters").parameters.shift(),
    says: /^database-parameters\.parameters\.rds\.force_ssl is not set; it may be 1/,
  },
  "tls-balancer": {
    of: "dormant",
    spoil: ({ get }) => (get("balancer-https").sslPolicy = "ELBSecurityPolicy-2016-08"),
    says: /^balancer-https\.sslPolicy is "ELBSecurityPolicy-2016-08"; it may be a policy of ELBSecurityPolicy-TLS13/,
  },
  "tls-buckets": {
    of: "dormant",
    spoil: ({ get }) => (get("archive-media-policy").policy = JSON.stringify({ Statement: [] })),
    says: /^archive-media-policy\.policy is "open to plain HTTP"/,
  },
  "database-private": {
    of: "standby",
    spoil: ({ get }) => (get("network-database-postgresql").cidrIpv4 = "0.0.0.0/0"),
    says: /^network-database-postgresql\.cidrIpv4 is "0\.0\.0\.0\/0"; it may be 10\.20\.0\.0\/16/,
  },
  "no-wildcard-admin": {
    of: "edge",
    spoil: ({ get }) =>
      (get("access-operator-policy").policy = JSON.stringify({
        Statement: { Sid: "All", Effect: "Allow", Action: "rds:*", Resource: "*" },
      })),
    says: /^access-operator-policy\.policy\.All\.Action is "rds:\*"; it may be actions by name/,
  },
  "operators-mfa": {
    of: "edge",
    spoil: ({ get }) => (get("access-operator").maxSessionDuration = 43_200),
    says: /^access-operator\.maxSessionDuration is 43200; it may be 3600 or less/,
  },
  "least-privilege": {
    of: "active at home",
    spoil: ({ get }) => {
      const policy = get("backup-policy");
      policy.policy = policy.policy.replace("rds:CreateDBSnapshot", "rds:DeleteDBInstance");
    },
    says: /^backup-policy\.policy\.Snapshots\.Action is "rds:DeleteDBInstance"; it may be an action that backup needs/,
  },
  "roles-trusted": {
    of: "active at home",
    spoil: ({ get }) => {
      const role = get("backup-role");
      role.assumeRolePolicy = role.assumeRolePolicy.replace("aws:SourceAccount", "aws:SourceOrgID");
    },
    says: /^backup-role\.assumeRolePolicy\.Backup\.Condition is not set; it may be StringEquals aws:SourceAccount 123456789012/,
  },
  "buckets-not-public": {
    of: "standby",
    spoil: ({ get }) => {
      const policy = get("switch-policy");
      policy.policy = policy.policy.replace("aws:SourceIp", "aws:UserAgent");
    },
    says: /^switch-policy\.policy\.HealthCheckers is "open to whoever comes"/,
  },
  residency: {
    of: "active at home",
    topology: (t) => (t.residency["personal-data"]!.transfers = {}),
    says: /storage-media-copies\.rules\.1\.destination\.bucket is ".*archive-media"; it may be in eu-north-1, eu-west-1, or with the basis/,
  },
  "pods-probed": {
    of: "standby",
    spoil: ({ get }) => delete get("guard-deployment").spec.template.spec.containers[0].livenessProbe,
    says: /^guard-deployment\.containers\.0\.livenessProbe is not set/,
  },
  "pods-unprivileged": {
    of: "standby",
    spoil: ({ get }) => (get("guard-deployment").spec.template.spec.securityContext.runAsNonRoot = false),
    says: /^guard-deployment\.securityContext\.runAsNonRoot is false; it may be true/,
  },
  "images-pinned": {
    of: "standby",
    spoil: ({ get }) => (get("guard-deployment").spec.template.spec.containers[0].image = "guard:1.0"),
    says: /^guard-deployment\.containers\.0\.image is "guard:1\.0"; it may be name@sha256/,
  },
  "disruption-budgets": {
    of: "standby",
    spoil: ({ remove }) => {
      remove("workloads-tier-1-payments-budget");
    },
    says: /^budgets\.payments is not set; it may be a PodDisruptionBudget/,
  },
  tagged: {
    of: "edge",
    spoil: ({ get }) =>
      (get("region").defaultTags = JSON.stringify({ tags: { service: "samia-tarot", environment: "production", site: "edge" } })),
    says: /^region\.defaultTags\.tags\.owner is not set; it may be sre/,
  },
  labelled: {
    of: "standby",
    spoil: ({ get }) => delete get("workloads-tier-1-auth-deployment").metadata.labels["changeover/tier"],
    says: /metadata\.labels\.changeover\/tier is not set; it may be 1/,
  },
};

it("the pack's policies are these, each with a name of its own", () => {
  expect(rules.map(({ name }) => name).sort()).toEqual(Object.keys(BROKEN).sort());
  expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
});

it.each(rules)("$name says what is wrong, what it may be, why, and what to do", async (rule) => {
  const { of, spoil, topology: change, says } = BROKEN[rule.name]!;
  const stack = copyOf(await realStack(of));
  const mine = structuredClone(topology);
  change?.(mine);
  spoil?.({
    get: (name) => {
      const [found, ...others] = stack.resources.filter((one) => one.name === name && !one.type.startsWith("changeover:"));
      if (!found || others.length > 0) throw new Error(`${others.length + (found ? 1 : 0)} resources are named ${name}`);
      return found.props;
    },
    remove: (name) => {
      const at = stack.resources.findIndex((one) => one.name === name);
      if (at < 0) throw new Error(`no resource is named ${name}`);
      stack.resources.splice(at, 1);
    },
    add: (resource) => stack.resources.push(resource),
  });
  const findings = findingsOf(rule, lookAt(stack, { topology: mine }));
  const messages = findings.map((finding) => describeFinding(finding, rule));
  expect(
    messages.filter((message) => says.test(message)),
    messages.join("\n"),
  ).not.toHaveLength(0);
  for (const message of messages) expect(message).toContain(`${rule.reason} ${rule.fix}`);
  expect(JSON.stringify(messages)).not.toContain("a secret value");
});
