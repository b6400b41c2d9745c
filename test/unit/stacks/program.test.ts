import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { main } from "../../../stacks/main";
import type { Stage } from "../../../stacks/context";
import { program } from "../../../stacks/program";
import { site } from "../../../stacks/site";
import { loadTopology, topologyFile } from "../../../stacks/topology-file";
import { BadInput } from "../../../topology/errors";
import { namesFor } from "../../../topology/names";
import { record, topology, valueOf, type RecordOptions, type Recording } from "../components/recorder";
import { SECRET_VALUES, settings } from "./settings";

const DAY = 86_400_000;
const run = (options: RecordOptions) => record(() => program(), options);
const INSTANCE = "aws:rds/instance:Instance";
const SNAPSHOT = "aws:rds/snapshot:Snapshot";
const SWITCH = "aws:s3/bucketObjectv2:BucketObjectv2";
const COPY = "aws:s3/bucketReplicationConfig:BucketReplicationConfig";
const PLAN = "aws:backup/plan:Plan";
const SELECTION = "aws:backup/selection:Selection";

const balancer = (site: string) => ({ loadBalancer: { arn: `arn:${site}`, dnsName: `${site}.elb`, zoneId: `Z${site}` } });
const EDGE: RecordOptions = {
  stack: "production-edge",
  stacks: {
    "organization/changeover/production-primary": balancer("primary"),
    "organization/changeover/production-secondary": balancer("secondary"),
    "organization/changeover/production-cold": balancer("cold"),
  },
};
const database = (site: string) => ({ database: { identifier: site, address: `${site}.rds`, port: 5432, name: "service" } });

test("a failover of secondary: what is changed, added and taken away, completely", async () => {
  const before = await run(settings("production-secondary"));
  const after = await run(settings("production-secondary", { activeSite: "secondary", epoch: "2" }));
  expect(after.list().filter((r) => !before.list().includes(r))).toEqual([
    `${PLAN} backup-plan`,
    `${SELECTION} backup-selection`,
    `${SWITCH} takeover-object`,
    "changeover:site:BackupPlan backup",
    "changeover:site:TakeoverSwitch takeover",
  ]);
  expect(before.list().filter((r) => !after.list().includes(r))).toEqual([]);
  const changed = before.resources.filter((r) => JSON.stringify(after.get(r.type, r.name).inputs) !== JSON.stringify(r.inputs));
  expect([...new Set(changed.map((r) => r.type.split(":").pop()))].sort()).toEqual([
    "ConfigMap",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Instance",
  ]);
});

test("the switch comes on after the database and the tiers 0 and 1, not after 2 and 3", async () => {
  const recording = await run(settings("production-secondary", { activeSite: "secondary", epoch: "2" }));
  const { dependsOn } = recording.get(SWITCH, "takeover-object");
  const waitsFor = (type: string, name: string) => dependsOn.includes(recording.get(type, name).urn);
  expect(waitsFor(INSTANCE, "database-instance-1")).toBe(true);
  const deployments = recording.all("kubernetes:apps/v1:Deployment").filter((d) => dependsOn.includes(d.urn));
  expect(deployments.map((d) => d.inputs.metadata.labels["changeover/tier"] as string).sort()).toEqual(["0", "1", "1"]);
});

test("the backups of a database begin once its site has taken over, and nothing waits for them", async () => {
  const recording = await run(settings("production-secondary", { activeSite: "secondary", epoch: "2" }));
  const ofPlan = [recording.get(PLAN, "backup-plan"), recording.get(SELECTION, "backup-selection")];
  for (const { dependsOn } of ofPlan) expect(dependsOn).toContain(recording.get(SWITCH, "takeover-object").urn);
  const waiting = recording.resources.filter((r) => ofPlan.some(({ urn }) => r.dependsOn.includes(urn)));
  expect(waiting.map((r) => r.name)).toEqual(["backup-selection"]);
  expect(ofPlan[0]?.inputs.rules).toMatchObject([
    {
      targetVaultName: "samia-tarot-production-secondary",
      lifecycle: { deleteAfter: topology.backups.retention / DAY },
      copyActions: [
        {
          destinationVaultArn: "arn:aws:backup:us-east-1:123456789012:backup-vault:samia-tarot-production-cold",
          lifecycle: { deleteAfter: topology.backups.coldRetention / DAY },
        },
      ],
    },
  ]);
  expect(ofPlan[1]?.inputs.resources).toEqual(["arn:samia-tarot-production-secondary-1"]);
});

test("backups follow the active site: every other site has a vault and a role for them, and no plan", async () => {
  const away = { activeSite: "secondary", epoch: "2", retained: "1" };
  const sites = {
    active: await run(settings("production-primary")),
    standby: await run(settings("production-secondary")),
    fenced: await run(settings("production-primary", away)),
    dormant: await run(settings("production-cold")),
  };
  const count = (type: string) => Object.fromEntries(Object.entries(sites).map(([role, recording]) => [role, recording.all(type).length]));
  for (const type of [PLAN, SELECTION]) expect(count(type)).toEqual({ active: 1, standby: 0, fenced: 0, dormant: 0 });
  const everywhere = { active: 1, standby: 1, fenced: 1, dormant: 1 };
  expect(count("aws:backup/vault:Vault")).toEqual(everywhere);
  expect(count("aws:backup/vaultLockConfiguration:VaultLockConfiguration")).toEqual(everywhere);
  expect(count("changeover:site:BackupRole")).toEqual(everywhere);
});

test("home is active with a switch too: DNS does not ask for it, the other sites' guards do", async () => {
  const recording = await run(settings("production-primary"));
  expect(JSON.parse(recording.get(SWITCH, "takeover-object").inputs.content)).toEqual({ activeSite: "primary", epoch: 1 });
  expect(recording.get(INSTANCE, "database-instance-1").inputs).toMatchObject({ engine: "postgres", username: "changeover" });
});

test("every warm site copies to the archive, whatever its role; the active one to its standby too, once there is one", async () => {
  const targets = async (stack: string, change: Record<string, string> = {}) =>
    (await run(settings(stack, change))).all(COPY).map((r) => (r.inputs.rules as { id: string }[]).map(({ id }) => id));
  const each = (...rules: string[]) => [rules, rules];
  expect(await targets("production-primary")).toEqual(each("to-production-cold"));
  expect(await targets("production-primary", { protectedBy: "secondary" })).toEqual(each("to-production-secondary", "to-production-cold"));
  expect(await targets("production-secondary", { protectedBy: "secondary" })).toEqual(each("to-production-cold"));
  // After a failover nothing is copied to what is lost; re-protection turns the direction round.
  const away = { activeSite: "secondary", epoch: "2" };
  expect(await targets("production-secondary", away)).toEqual(each("to-production-cold"));
  expect(await targets("production-secondary", { ...away, protectedBy: "primary" })).toEqual(
    each("to-production-primary", "to-production-cold"),
  );
  expect(await targets("production-primary", { ...away, generation: "2" })).toEqual(each("to-production-cold"));
});

test("copies that come late ring where they should arrive, if their RPO asks for a time", async () => {
  const late = (recording: Recording) =>
    recording.all("aws:cloudwatch/metricAlarm:MetricAlarm").filter((r) => r.inputs.metricName === "ReplicationLatency");
  const standby = late(await run(settings("production-secondary")));
  expect(standby.map((r) => r.name)).toEqual(["alarms-copies-primary-documents", "alarms-copies-primary-media"]);
  expect(standby[1]?.inputs).toMatchObject({
    namespace: "AWS/S3",
    dimensions: {
      SourceBucket: "samia-tarot-production-123456789012-primary-media",
      DestinationBucket: "samia-tarot-production-123456789012-secondary-media",
      RuleId: "to-production-secondary",
    },
    threshold: 900,
  });
  const cold = late(await run(settings("production-cold")));
  expect(cold.map((r) => [r.inputs.dimensions.DestinationBucket as string, r.inputs.threshold as number])).toEqual(
    ["documents", "media", "documents", "media"].map((bucket) => [`samia-tarot-production-123456789012-cold-archive-${bucket}`, 3_600]),
  );

  const bare = loadTopology("topology.yaml");
  bare.disasters["multi-region-outage"].recovery = { kind: "multi-cloud" };
  const context = { topology: bare, environment: "production", names: namesFor(bare, "production") };
  expect(late(await record(() => site(context, "cold"), settings("production-cold")))).toEqual([]);
});

test("home comes back as a standby of the site that took over, with a new database", async () => {
  const recording = await run(
    settings("production-primary", { activeSite: "secondary", epoch: "2", generation: "2", sourceGeneration: "1" }),
  );
  expect(recording.all(INSTANCE).map((r) => [r.name, r.inputs.replicateSourceDb, r.inputs.engine])).toEqual([
    ["database-instance-2", "arn:aws:rds:eu-west-1:123456789012:db:samia-tarot-production-secondary-1", undefined],
  ]);
});

test("a fenced site keeps what it left untouched and runs nothing; standing by again adds to that alone", async () => {
  const away = { activeSite: "secondary", epoch: "2", retained: "1" };
  const active = await run(settings("production-primary"));
  const fenced = await run(settings("production-primary", away));
  const standby = await run(settings("production-primary", { ...away, generation: "2" }));
  // That its source is nobody's business any more is no change.
  const asked = (recording: Recording) => recording.all(INSTANCE).map(({ ignoreChanges: _, ...one }) => one);
  expect(asked(fenced)).toEqual(asked(active));
  expect(fenced.list().filter((r) => !active.list().includes(r))).toEqual([`${SNAPSHOT} database-left-1`]);
  // All but the guard, which keeps it fenced.
  const deployments = fenced.all("kubernetes:apps/v1:Deployment").filter((d) => d.name !== "guard-deployment");
  expect(deployments.map((d) => d.inputs.spec.replicas as number)).toEqual(deployments.map(() => 0));
  expect(await valueOf(pulumi.output(fenced.result))).toMatchObject({
    role: "fenced",
    generation: 1,
    database: { identifier: "samia-tarot-production-primary-1", name: "service" },
    retained: [
      {
        generation: 1,
        identifier: "samia-tarot-production-primary-1",
        address: "samia-tarot-production-primary-1.rds",
        port: 5432,
        discard: false,
      },
    ],
  });
  expect(standby.list().filter((r) => !fenced.list().includes(r))).toEqual([`${INSTANCE} database-instance-2`]);
  expect(asked(standby)[0]).toEqual(asked(active)[0]);
  expect(standby.get(INSTANCE, "database-instance-2").inputs).toMatchObject({
    replicateSourceDb: "arn:aws:rds:eu-west-1:123456789012:db:samia-tarot-production-secondary-1",
  });
  expect(await valueOf(pulumi.output(standby.result))).toMatchObject({
    role: "standby",
    generation: 2,
    database: { identifier: "samia-tarot-production-primary-2" },
    retained: [{ generation: 1, identifier: "samia-tarot-production-primary-1" }],
  });
});

test("only what lies behind the newest database is discarded", async () => {
  const protection = async (change: Record<string, string>) =>
    (await run(settings("production-primary", { activeSite: "secondary", epoch: "4", discard: "true", ...change })))
      .all(INSTANCE)
      .map((r) => r.inputs.deletionProtection as boolean);
  expect(await protection({ generation: "2", retained: "1,2" })).toEqual([false, true]);
  expect(await protection({ generation: "3", retained: "1,2" })).toEqual([false, false, true]);
});

test("every site's switch may be read by the guards of the others, and each guard knows all the others", async () => {
  const warm = { primary: "production-primary", secondary: "production-secondary" };
  const reads: Record<string, string[]> = {};
  const readers: Record<string, string[]> = {};
  for (const site of ["primary", "secondary", "cold"]) {
    const recording = await run(settings(`production-${site}`));
    const { policy } = recording.get("aws:s3/bucketPolicy:BucketPolicy", "switch-policy").inputs;
    const { Statement } = JSON.parse(policy) as { Statement: { Sid: string; Condition: any }[] };
    readers[site] = Statement.find(({ Sid }) => Sid === "Guards")?.Condition.ArnEquals["aws:PrincipalArn"];
    if (!(site in warm)) continue;
    const { data } = recording.get("kubernetes:core/v1:ConfigMap", "guard-config").inputs;
    expect(data.SWITCH_BUCKET).toBe(`samia-tarot-production-123456789012-${site}-switch`);
    expect(data.SWITCH_REGION).toBe(site === "primary" ? "eu-north-1" : "eu-west-1");
    reads[site] = (JSON.parse(data.SITES) as { site: string; bucket: string }[]).map((o) => `${o.site} ${o.bucket}`);
  }
  const role = (site: string) => `arn:aws:iam::123456789012:role/samia-tarot-production-${site}-guard`;
  expect(readers).toEqual({
    primary: [role("secondary"), role("cold")],
    secondary: [role("primary"), role("cold")],
    cold: [role("primary"), role("secondary")],
  });
  const seen = (site: string) => `${site} samia-tarot-production-123456789012-${site}-switch`;
  expect(reads).toEqual({ primary: [seen("secondary"), seen("cold")], secondary: [seen("primary"), seen("cold")] });
});

/** Kinds of which some depend on the role; nothing of them may be asked for before the gate opens. */
const BEHIND_THE_GATE =
  /^(kubernetes|pulumi:providers:kubernetes)|:rds\/|alarm|Alarm|Topic|BucketObjectv2|Storage|ReplicationConfig|iam\/|[bB]ackup/;

test("the gate: what no role changes is asked for before it, all that one does after it", async () => {
  const options = settings("production-secondary", { activeSite: "secondary", epoch: "2", protectedBy: "primary" });
  const whole = await run(options);
  const before: string[] = [];
  const gated = await record(async ({ asked }) => {
    return program(undefined, {
      podsFirst: false,
      async before(stage) {
        // Who comes to the first gate need not wait: all that comes before it has been carried out.
        if (stage === "rest") return;
        before.push(...asked());
      },
    });
  }, options);
  expect(gated.list().toSorted()).toEqual(whole.list().toSorted());
  expect(before.length).toBeGreaterThan(40);
  expect(before.filter((r) => BEHIND_THE_GATE.test(r))).toEqual([]);
  // Whatever is the same in each role may come before; whatever is not, may not.
  const standby = await run(settings("production-secondary"));
  const differs = whole.resources.filter((r) => {
    const other = standby.resources.find((s) => s.urn === r.urn);
    return JSON.stringify(other?.inputs) !== JSON.stringify(r.inputs);
  });
  expect(differs.length).toBeGreaterThan(10);
  expect(differs.map((r) => `${r.type} ${r.name}`).filter((r) => before.includes(r))).toEqual([]);
});

test("with the pods first, only what the database stands on comes before it, and what no pod needs comes last", async () => {
  const options = settings("production-secondary", { activeSite: "secondary", epoch: "2", protectedBy: "primary" });
  const whole = await run(options);
  const until: Partial<Record<Stage, string[]>> = {};
  const gated = await record(async ({ asked }) => {
    return program(undefined, {
      podsFirst: true,
      async before(stage) {
        // The rest waits longest: whatever does not depend on it has been asked for by then.
        for (let i = 0; i < (stage === "rest" ? 20 : 1); i++) await settled();
        until[stage] = asked();
      },
    });
  }, options);
  expect(gated.list().toSorted()).toEqual(whole.list().toSorted());
  const besides = (before: string[] = []) => before.filter((r) => !/:(ec2|kms)\/|:vpc\/|^changeover:|^pulumi:/.test(r));
  expect(besides(until.database)).toEqual([]);
  const last = whole.list().filter((r) => !until.rest?.includes(r));
  expect(last.filter((r) => /^aws:(lb|s3|iam|cloudwatch)\//.test(r)).length).toBeGreaterThan(20);
  expect(last.filter((r) => r.includes("apps/v1:Deployment"))).toEqual([]);
});

test("a gate that stays shut fails the update before anything that a role changes", async () => {
  let asked: string[] = [];
  const shut = record(
    (recording) => {
      return program(undefined, {
        podsFirst: false,
        before: () => Promise.reject(new Error("the active site could not be drained")),
      }).finally(() => {
        asked = recording.asked();
      });
    },
    settings("production-secondary", { activeSite: "secondary", epoch: "2" }),
  );
  await expect(shut).rejects.toThrow("the active site could not be drained");
  expect(asked.filter((r) => BEHIND_THE_GATE.test(r))).toEqual([]);
});

test("a dormant site has what a recovery starts from, answers 503, and runs nothing", async () => {
  const recording = await run(settings("production-cold", { kubeconfig: undefined, databasePassword: undefined, appPassword: undefined }));
  expect(recording.resources.filter((r) => /^kubernetes:|:rds\/instance|Provider/.test(r.type))).toEqual([]);
  expect(recording.all("aws:s3/bucket:Bucket").map((r) => r.name)).toEqual([
    "archive-documents-bucket",
    "archive-media-bucket",
    "control-bucket",
    "storage-documents-bucket",
    "storage-media-bucket",
    "switch-bucket",
  ]);
  expect(recording.all("aws:backup/vault:Vault")).toHaveLength(1);
  // Routes that lead to no pod, and the roles: nothing that an activation has to ask of a control plane.
  const groups = recording.all("aws:lb/targetGroup:TargetGroup").map((r) => r.name);
  const active = await run(settings("production-primary"));
  expect(groups).toEqual(active.all("aws:lb/targetGroup:TargetGroup").map((r) => r.name));
  expect(recording.all("aws:iam/role:Role").map((r) => r.name)).toEqual(expect.arrayContaining(["backup-role", "guard-role"]));
});

test.each(["production-primary", "production-secondary"])("%s: everything is in its region's or its cluster's provider", async (stack) => {
  const recording = await run(settings(stack));
  const provider = (type: string, name: string) => recording.get(`pulumi:providers:${type}`, name).urn;
  for (const r of recording.resources.filter((r) => !r.type.startsWith("changeover:") && !r.type.startsWith("pulumi:"))) {
    const expected = r.type.startsWith("kubernetes:") ? provider("kubernetes", "cluster") : provider("aws", "region");
    expect(r.provider, r.urn).toBe(expected);
    expect(r.parent, r.urn).toMatch(/changeover:site:/);
  }
});

test("the providers: own region, whose it is on everything, and objects changed in place", async () => {
  const recording = await run(settings("production-secondary"));
  const aws = recording.get("pulumi:providers:aws", "region").inputs;
  expect(aws.region).toBe("eu-west-1");
  expect(JSON.parse(aws.defaultTags)).toEqual({
    tags: { service: "samia-tarot", environment: "production", site: "secondary", owner: "sre" },
  });
  const cluster = recording.get("pulumi:providers:kubernetes", "cluster");
  expect(cluster.inputs).toMatchObject({ enableConfigMapMutable: "true", enableSecretMutable: "true", enableServerSideApply: "true" });
  expect(cluster.secrets).toEqual(["kubeconfig"]);
});

test("no stack of a site reads another stack: the recorder knows none, and says so", async () => {
  for (const stack of ["production-primary", "production-secondary", "production-cold"]) {
    await expect(run(settings(stack)), stack).resolves.toBeDefined();
  }
});

test.each(["production-primary", "production-secondary", "production-data"])("%s: no secret is anywhere in the open", async (stack) => {
  const recording = await run({
    ...settings(stack),
    stacks: { "organization/changeover/production-primary": database("primary") },
  });
  expect(places(recording)).toEqual([]);
  const carriers = recording.resources.filter((r) => SECRET_VALUES.some((value) => JSON.stringify(r.inputs).includes(value)));
  expect(carriers.length).toBeGreaterThan(1);
  expect(JSON.stringify(await valueOf(pulumi.output(recording.result)))).not.toMatch(new RegExp(SECRET_VALUES.join("|")));
});

test("a site's outputs are what the edge, the data stack and the driver read", async () => {
  const { result } = await run(settings("production-secondary"));
  expect(await valueOf(pulumi.output(result))).toMatchObject({
    site: "secondary",
    role: "standby",
    epoch: 1,
    region: "eu-west-1",
    database: {
      identifier: "samia-tarot-production-secondary-1",
      address: "samia-tarot-production-secondary-1.rds",
      port: 5432,
      name: "service",
    },
    loadBalancer: { arn: "arn:balancer", dnsName: "production-secondary.elb", zoneId: "ZELB" },
    namespace: "samia-tarot",
    tiers: [{ tier: 0, services: ["emergency-call"] }, { tier: 1, services: ["auth", "payments"] }, { tier: 2 }, { tier: 3 }],
    buckets: {
      media: "samia-tarot-production-123456789012-secondary-media",
      switch: "samia-tarot-production-123456789012-secondary-switch",
    },
  });
});

test("the edge leads to every site's load balancer, and depends on nothing that a changeover sets", async () => {
  const recording = await run(EDGE);
  const to = recording.all("aws:route53/record:Record").map((r) => r.inputs.aliases[0].name as string);
  expect(to).toEqual(expect.arrayContaining(["primary.elb", "secondary.elb", "cold.elb"]));
  const later = await run({ ...EDGE, config: { activeSite: "secondary", epoch: "7" } });
  expect(later.resources).toEqual(recording.resources);
});

test("the edge has an operators' role, a trail, and an alarm for each site", async () => {
  const recording = await run(EDGE);
  expect(recording.get("aws:iam/role:Role", "access-operator").inputs.name).toBe("samia-tarot-production-operator");
  expect(recording.get("aws:cloudtrail/trail:Trail", "audit-trail").inputs.s3BucketName).toBe("samia-tarot-production-123456789012-audit");
  expect(recording.all("aws:cloudwatch/metricAlarm:MetricAlarm").map((r) => r.name)).toEqual([
    "alarms-health-cold",
    "alarms-health-primary",
    "alarms-health-secondary",
  ]);
});

test("the data stack follows the active site: only its provider's host changes", async () => {
  const stacks = {
    "organization/changeover/production-primary": database("primary"),
    "organization/changeover/production-secondary": database("secondary"),
  };
  const before = await run({ ...settings("production-data"), stacks });
  // What was lost is not there to be read.
  const after = await run({
    ...settings("production-data", { activeSite: "secondary", epoch: "2" }),
    stacks: { "organization/changeover/production-secondary": database("secondary") },
  });
  const host = (recording: Recording) => recording.get("pulumi:providers:postgresql", "database").inputs.host as string;
  expect([host(before), host(after)]).toEqual(["primary.rds", "secondary.rds"]);
  const resources = (recording: Recording) => recording.resources.filter((r) => r.type.startsWith("postgresql:"));
  expect(resources(before).length).toBeGreaterThan(3);
  expect(resources(after)).toEqual(resources(before));
});

test("a database whose authority is known is verified", async () => {
  const stacks = { "organization/changeover/production-primary": database("primary") };
  const provider = async (change: Record<string, string>) =>
    (await run({ ...settings("production-data", change), stacks })).get("pulumi:providers:postgresql", "database").inputs;
  expect(await provider({})).toMatchObject({ sslmode: "require", superuser: "false" });
  expect(await provider({ databaseCaFile: "/ca.pem" })).toMatchObject({ sslmode: "verify-full", sslrootcert: "/ca.pem" });
});

test.each(["production-thrid", "production", "Production-edge", "dev"])(
  "a stack named %s is refused with what it may be",
  async (stack) => {
    await expect(run({ stack })).rejects.toThrow(
      `stack is "${stack}"; it may be <environment>-<part>, where the part is edge, primary, secondary, cold, data: production-primary`,
    );
  },
);

test("pulumi up tells a wrong input without a stack trace, and the driver is told what it can tell apart", async () => {
  const refused = (make: () => Promise<unknown>) =>
    record(
      () =>
        make().then(
          () => undefined,
          (error: unknown) => error,
        ),
      { stack: "dev" },
    );
  const byHand = (await refused(() => main())).result;
  const byDriver = (await refused(() => program())).result;
  expect(pulumi.RunError.isInstance(byHand)).toBe(true);
  expect(byDriver).toBeInstanceOf(BadInput);
  expect((byHand as Error).message).toBe((byDriver as Error).message);
});

test("an environment may have a topology of its own", () => {
  const root = mkdtempSync(join(tmpdir(), "changeover-topology-"));
  try {
    expect(topologyFile(root, "lab")).toBe(join(root, "topology.yaml"));
    writeFileSync(join(root, "topology.lab.yaml"), "");
    expect(topologyFile(root, "lab")).toBe(join(root, "topology.lab.yaml"));
    expect(topologyFile(root, "production")).toBe(join(root, "topology.yaml"));
  } finally {
    rmSync(root, { recursive: true });
  }
});

/** Waits until all that a program has asked for so far has been answered, and what follows from the answers was asked for. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Where a secret's value stands in an input that is not marked as one. */
function places(recording: Recording): string[] {
  return recording.resources.flatMap((r) => {
    const look = (value: unknown, path: string): string[] => {
      if (r.secrets.includes(path)) return [];
      if (typeof value === "string") return SECRET_VALUES.some((secret) => value.includes(secret)) ? [`${r.name} ${path}`] : [];
      if (typeof value !== "object" || value === null) return [];
      return Object.entries(value).flatMap(([key, item]) => look(item, path ? `${path}.${key}` : key));
    };
    return look(r.inputs, "");
  });
}
