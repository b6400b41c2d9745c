import { z } from "zod";
import { ARCHIVE_CLASSES, describeArchiveClasses, retrievalTier } from "./archive";
import { DAY, Duration, HOUR, MINUTE, formatDuration } from "./duration";

/** Intervals of backups, in hours: those that come round at the same times each day. */
const BACKUP_HOURS = [1, 2, 3, 4, 6, 8, 12, 24];

/** The longest that a backup may be kept, in ms. A vault's lock takes none for longer: nobody could take it back before its time. */
export const LONGEST_RETENTION = 365 * DAY;

const Name = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and dashes, at most 31, a letter first");

const Cidr = z.string().regex(/^(\d{1,3}\.){3}\d{1,3}\/(1[6-9]|2[0-4])$/, "an IPv4 network of 16 to 24 bits, as in 10.10.0.0/16");

const Region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "an AWS region, as in eu-north-1");

/** A place that can run the service. It keeps its name whatever it does. */
const Site = z.strictObject({
  region: Region.describe("AWS region that the whole site lives in"),
  standby: z
    .enum(["warm", "cold"])
    .describe("what the site does while another one is active: warm (replica streams, one pod a service) or cold (nothing runs)"),
  network: Cidr.describe("address range of the site's network; no two sites may overlap"),
  description: z.string().optional().describe("for people: what the site is"),
});

const Image = z
  .string()
  .regex(/^[^\s@]+@sha256:[0-9a-f]{64}$/, "an image pinned by digest: name@sha256:<64 hex digits>")
  .describe("container image, pinned by digest");

/** A workload of the service: one Kubernetes Deployment at each site that runs. */
const Workload = z.strictObject({
  image: Image,
  path: z
    .string()
    .regex(/^\/[a-z0-9-]+$/, "a slash and a name, as in /payments")
    .describe("path under which the load balancer routes to it"),
  replicas: z.strictObject({
    active: z.int().min(1).max(100).describe("pods at the active site"),
    standby: z.int().min(0).max(100).describe("pods at a warm standby"),
    max: z.int().min(1).max(1000).describe("upper bound of the autoscaler at the active site"),
  }),
  cpu: z
    .string()
    .regex(/^\d+m$/, "milli-CPUs, as in 250m")
    .default("250m")
    .describe("CPU request of a pod; the limit is twice that"),
  memory: z
    .string()
    .regex(/^\d+(Mi|Gi)$/, "as in 256Mi")
    .default("256Mi")
    .describe("memory request and limit of a pod"),
});

/** A recovery tier: what comes back together, in which order, and how long it may be down. */
const Tier = z.strictObject({
  tier: z.int().min(0).max(3).describe("number of the tier; also the recovery order, 0 first"),
  name: z.string().min(1),
  window: z.strictObject({ from: Duration, to: Duration }).describe("when the runbook expects this tier back, counted from the outage"),
  maxDowntime: Duration.describe("largest downtime that the tier may have"),
  databases: z.array(Name).default([]).describe("databases that count as members of the tier"),
  services: z.record(Name, Workload),
});

const Phase = z.strictObject({ from: Duration, to: Duration });
const Phases = z.strictObject({ assessment: Phase, failover: Phase, validation: Phase });

const Disaster = z.strictObject({
  title: z.string().min(1),
  rpo: Duration.describe("recovery point objective: how much acknowledged work may be lost, in time"),
  rto: Duration.describe("recovery time objective: outage to verified service"),
  recovery: z.strictObject({
    kind: z.enum(["same-region", "cross-region", "multi-cloud", "clean-environment"]),
    site: Name.optional().describe("the site that takes over; left out where none is set up yet"),
  }),
  automation: z.enum(["full", "partial", "manual"]).describe("how far the recovery is automated"),
  accepted: z
    .string()
    .min(10, "the reason in words, and whose it is")
    .optional()
    .describe("why it is accepted that what AWS is predicted to take exceeds the RTO; the policy rto-budget then lets it pass"),
  phases: Phases.optional().describe("its own schedule, counted from the disaster; left out where it is that of every activation"),
});

/** Data of one kind, and where they may be. */
const DataClass = z.strictObject({
  holds: z.array(Name).min(1).describe("what has such data: database, or a bucket of storage.buckets"),
  regions: z.array(Region).min(1).describe("AWS regions that the class's rule allows"),
  transfers: z
    .record(Region, z.string().min(10, "the basis of the transfer in words, as in: standard contractual clauses 2021/914 of 2026-01-15"))
    .default({})
    .describe("regions beyond those, each with the basis on which the data go there (GDPR art. 44 to 49)"),
});

const Quota = z.strictObject({
  service: z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9-]*$/, "a service code, as in rds: aws service-quotas list-services")
    .describe("service code of AWS Service Quotas"),
  code: z
    .string()
    .regex(/^L-[0-9A-F]{8}$/, "a quota code, as in L-7B6409FD: aws service-quotas list-service-quotas --service-code <service>")
    .describe("quota code of AWS Service Quotas"),
  value: z
    .number()
    .positive()
    .describe("what the whole service takes at one site, and room for a second database beside it while data come back"),
});

const Shape = z.strictObject({
  $schema: z.string().optional(),
  service: Name.describe("name of the service; part of every physical name"),
  domain: z
    .string()
    .regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/, "a DNS domain, as in example.com")
    .describe("hosted zone; the public name is app.<domain>"),
  account: z
    .string()
    .regex(/^\d{12}$/, "an AWS account: twelve digits in quotes")
    .describe("AWS account of every site"),
  owner: z.string().min(1).describe("who answers for the service; a tag on every resource"),
  home: Name.describe("the site where the service lives when nothing is wrong"),
  chain: z.array(Name).min(2).describe("sites in the order in which DNS falls back"),
  sites: z.record(Name, Site),
  tiers: z.array(Tier).min(1),
  disasters: z.strictObject({
    "database-failure": Disaster,
    "regional-outage": Disaster,
    "multi-region-outage": Disaster,
    "provider-outage": Disaster,
    "complete-compromise": Disaster,
  }),
  phases: Phases.describe("the runbook's schedule of an activation, counted from the outage"),
  database: z.strictObject({
    name: z.string().regex(/^[a-z_][a-z0-9_]*$/),
    engineVersion: z.string().regex(/^\d+(\.\d+)?$/, 'a PostgreSQL version in quotes, as in "15.8"'),
    instanceClass: z.string().regex(/^db\.[a-z0-9]+\.[a-z0-9]+$/, "an RDS class, as in db.r6g.large"),
    storageGb: z.int().min(20).max(65536),
    backupRetention: Duration.describe("how long automated backups are kept; whole days, 1d to 35d"),
    maxLag: Duration.describe("replica lag at which the alarm rings; at most the RPO of a regional outage"),
  }),
  storage: z.strictObject({
    buckets: z.array(Name).min(1).describe("the service's buckets; each exists at every warm site, and at a cold one each has an archive"),
    archiveAfter: Duration.describe(
      "age at which the cold site's copies move to archiveClass; whole days; 0d: they are put there at once. S3 leaves objects below 128 KB where they are",
    ),
    archiveClass: z
      .enum(ARCHIVE_CLASSES)
      .default("GLACIER")
      .describe(
        "class of the cold site's archive: read at once, in minutes to hours, or in half a day; within the RTO of a disaster that ends there",
      ),
    lockFor: Duration.prefault("30d").describe(
      "how long nobody can delete a version of an object, the account's root included; whole days, 1d to 365d. Deleting an object only hides it",
    ),
  }),
  backups: z.strictObject({
    interval: Duration.describe(
      "time between two snapshots of the active database, each of which is copied to the cold sites: 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1d; " +
        "at most the RPO of a disaster that ends at a cold site",
    ),
    retention: Duration.describe("how long a snapshot is kept at the active site; whole days, 1d to 365d"),
    coldRetention: Duration.describe("how long its copy is kept at a cold site; whole days, retention to 365d"),
    verifyInterval: Duration.prefault("1h").describe(
      "time between two looks of `changeover watch` at every copy, 5m to 12h; an alarm rings where twice of it passes without a good one",
    ),
    testInterval: Duration.prefault("1d").describe("time between two restores of a snapshot by `changeover watch`; verifyInterval or more"),
  }),
  traffic: z.strictObject({
    healthPath: z.string().startsWith("/").describe("what health checks ask for"),
    healthInterval: Duration.describe("Route 53 knows 10s and 30s; fixed once a check exists"),
    healthFailures: z.int().min(1).max(10).describe("answers in a row that change a check's mind"),
    takeoverFailures: z.int().min(1).max(10).describe("the same for a takeover switch"),
    ttl: Duration.describe("life of the public record in resolvers; alias records have 60s"),
  }),
  guard: z
    .strictObject({
      image: Image,
      interval: Duration.prefault("2s").describe("time between two looks at the other sites' takeover switches and at the database"),
      lease: Duration.prefault("10s").describe(
        "how long the services may log in to their database after its guard last said so, and how long an idle session of theirs stays: " +
          "the longest that a site which was cut off can go on by itself once it is back; at least 3 x interval, at most 60s",
      ),
    })
    .describe("the workload at every warm site that shuts the site's database when another site has become active"),
  residency: z
    .record(Name, DataClass)
    .default({})
    .describe("classes of data by name, and where each may be; a policy holds every database, bucket and copy against them"),
  quotas: z
    .record(Name, Quota)
    .default({})
    .describe("AWS service quotas that every site's region is to have, the active one's and its standbys' alike; raised, never lowered"),
  verify: z
    .strictObject({ service: Name.describe("service through which a changeover is verified by a write that is read back") })
    .describe("what counts as recovered"),
});

/** The system that Changeover moves: sites, tiers, objectives. Validated; durations in milliseconds. */
export type Topology = z.infer<typeof Shape>;
export type Site = z.infer<typeof Site>;
export type Tier = z.infer<typeof Tier>;
export type Workload = z.infer<typeof Workload>;
export type Quota = z.infer<typeof Quota>;
export type Disaster = z.infer<typeof Disaster>;
export type DisasterName = keyof Topology["disasters"];
/** Name of a site that the topology has. */
export type SiteName = string & { readonly __brand?: "site" };

export interface Problem {
  /** Where: `sites.primary.region`. */
  path: string;
  /** What it is, as written. */
  value: unknown;
  /** What it may be. */
  message: string;
}

export type Parsed = { ok: true; topology: Topology } | { ok: false; problems: Problem[] };

/** The one way in: from parsed YAML to a topology, or every problem that it has. */
export function parseTopology(input: unknown): Parsed {
  const result = Shape.safeParse(input);
  if (!result.success) {
    return {
      ok: false,
      problems: result.error.issues.map((issue) => ({
        path: issue.path.map(String).join(".") || "(root)",
        value: at(input, issue.path),
        message: issue.message,
      })),
    };
  }
  const problems = crossChecks(result.data);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, topology: result.data };
}

/** JSON schema of `topology.yaml` for editors, from the same source. */
export function topologyJsonSchema(): object {
  return z.toJSONSchema(Shape, { io: "input", target: "draft-7" });
}

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined),
    input,
  );
}

/** What one value cannot tell alone. */
function crossChecks(t: Topology): Problem[] {
  const problems: Problem[] = [];
  const names = Object.keys(t.sites);
  const known = `a site of this topology: ${names.join(", ")}`;
  const site = (path: string, value: string): void => {
    if (!names.includes(value)) problems.push({ path, value, message: known });
  };
  site("home", t.home);
  t.chain.forEach((name, i) => {
    site(`chain.${i}`, name);
  });
  if (new Set(t.chain).size !== t.chain.length) problems.push({ path: "chain", value: t.chain, message: "each site once" });
  for (const name of names) {
    if (!t.chain.includes(name)) problems.push({ path: "chain", value: t.chain, message: `every site, also ${name}` });
  }
  if (t.chain[0] !== t.home) problems.push({ path: "chain.0", value: t.chain[0], message: `the home site, ${t.home}: DNS asks it first` });
  if (t.sites[t.home]?.standby === "cold")
    problems.push({ path: `sites.${t.home}.standby`, value: "cold", message: "warm: the home site comes back as a standby" });

  const seen = new Map<string, string>();
  for (const [name, s] of Object.entries(t.sites)) {
    const taken = seen.get(s.region);
    if (taken) problems.push({ path: `sites.${name}.region`, value: s.region, message: `a region of its own; ${taken} has this one` });
    seen.set(s.region, name);
  }
  for (const [a, b] of pairs(Object.entries(t.sites))) {
    if (overlap(a[1].network, b[1].network))
      problems.push({ path: `sites.${b[0]}.network`, value: b[1].network, message: `a range apart from ${a[0]}'s ${a[1].network}` });
  }

  const services = new Map<string, number>();
  const paths = new Map<string, string>();
  t.tiers.forEach((tier, i) => {
    if (tier.tier !== i)
      problems.push({ path: `tiers.${i}.tier`, value: tier.tier, message: `${i}: tiers are listed in recovery order from 0` });
    if (tier.window.to > tier.maxDowntime)
      problems.push({ path: `tiers.${i}.window.to`, value: tier.window.to, message: "at most maxDowntime of the tier" });
    for (const [name, w] of Object.entries(tier.services)) {
      const path = `tiers.${i}.services.${name}`;
      if (services.has(name)) problems.push({ path, value: name, message: `a service once; tier ${services.get(name)} has it` });
      services.set(name, i);
      const owner = paths.get(w.path);
      if (owner) problems.push({ path: `${path}.path`, value: w.path, message: `a path of its own; ${owner} has this one` });
      paths.set(w.path, name);
      if (w.replicas.max < w.replicas.active)
        problems.push({ path: `${path}.replicas.max`, value: w.replicas.max, message: `at least replicas.active, ${w.replicas.active}` });
    }
  });
  if (!services.has(t.verify.service))
    problems.push({ path: "verify.service", value: t.verify.service, message: `a service of a tier: ${[...services.keys()].join(", ")}` });

  for (const [name, d] of Object.entries(t.disasters)) {
    if (d.recovery.site !== undefined) site(`disasters.${name}.recovery.site`, d.recovery.site);
    if (d.rpo > d.rto) problems.push({ path: `disasters.${name}.rpo`, value: d.rpo, message: "at most the RTO" });
  }
  const regional = t.disasters["regional-outage"];
  if (t.database.maxLag > regional.rpo)
    problems.push({
      path: "database.maxLag",
      value: t.database.maxLag,
      message: "at most disasters.regional-outage.rpo, or the alarm rings too late",
    });
  if (t.traffic.healthInterval !== 10_000 && t.traffic.healthInterval !== 30_000) {
    problems.push({ path: "traffic.healthInterval", value: t.traffic.healthInterval, message: "10s or 30s: Route 53 has no other" });
  }
  const { interval, lease } = t.guard;
  if (interval === 0) problems.push({ path: "guard.interval", value: interval, message: "more than nothing, as in 2s" });
  if (lease < 3 * interval || lease > 60_000) {
    const least = formatDuration(3 * interval);
    problems.push({
      path: "guard.lease",
      value: lease,
      message: `${least} to 60s: three times guard.interval, so that one slow look is forgiven, and a minute at most`,
    });
  }
  const wholeDays = (path: string, value: number, least: number, most: number, why = ""): void => {
    const days = value / DAY;
    if (Number.isInteger(days) && days >= least && days <= most) return;
    problems.push({ path, value, message: `whole days, ${least}d to ${most}d${why}` });
  };
  for (const [name, { holds }] of Object.entries(t.residency)) {
    const may = ["database", ...t.storage.buckets];
    holds.forEach((held, i) => {
      if (!may.includes(held)) problems.push({ path: `residency.${name}.holds.${i}`, value: held, message: may.join(", ") });
    });
  }
  const { backups } = t;
  const { archiveAfter, archiveClass, lockFor } = t.storage;
  const longest = LONGEST_RETENTION / DAY;
  wholeDays("database.backupRetention", t.database.backupRetention, 1, 35);
  wholeDays("backups.retention", backups.retention, 1, longest);
  wholeDays("backups.coldRetention", backups.coldRetention, Math.max(1, Math.ceil(backups.retention / DAY)), longest);
  wholeDays("storage.archiveAfter", archiveAfter, 0, 36_500, "; 0d for at once");
  wholeDays("storage.lockFor", lockFor, 1, 365, ": nobody can shorten it afterwards");
  if (!BACKUP_HOURS.includes(backups.interval / HOUR)) {
    const allowed = BACKUP_HOURS.map((hours) => formatDuration(hours * HOUR)).join(", ");
    problems.push({ path: "backups.interval", value: backups.interval, message: `${allowed}: AWS Backup takes no schedule below an hour` });
  }
  const { verifyInterval, testInterval } = backups;
  if (verifyInterval < 5 * MINUTE || verifyInterval > 12 * HOUR || verifyInterval % MINUTE !== 0) {
    problems.push({ path: "backups.verifyInterval", value: verifyInterval, message: "whole minutes, 5m to 12h" });
  }
  if (testInterval < verifyInterval) {
    const least = formatDuration(verifyInterval);
    problems.push({ path: "backups.testInterval", value: testInterval, message: `backups.verifyInterval, ${least}, or more` });
  }
  for (const [name, { rpo, rto, recovery }] of Object.entries(t.disasters)) {
    if (t.sites[recovery.site ?? ""]?.standby !== "cold") continue;
    if (backups.interval > rpo) {
      problems.push({
        path: "backups.interval",
        value: backups.interval,
        message: `at most disasters.${name}.rpo, ${formatDuration(rpo)}: ${recovery.site ?? ""} starts from the copies`,
      });
    }
    if (retrievalTier(archiveClass, rto) === undefined) {
      problems.push({
        path: "storage.archiveClass",
        value: archiveClass,
        message: `one that is read within disasters.${name}.rto, ${formatDuration(rto)}: ${describeArchiveClasses()}`,
      });
    }
  }
  return problems;
}

function pairs<T>(items: T[]): [T, T][] {
  return items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));
}

function overlap(a: string, b: string): boolean {
  const range = (cidr: string): [number, number] => {
    const [ip = "", bits = "32"] = cidr.split("/");
    const base = ip.split(".").reduce((n, part) => n * 256 + Number(part), 0);
    const size = 2 ** (32 - Number(bits));
    const start = Math.floor(base / size) * size;
    return [start, start + size - 1];
  };
  const [a0, a1] = range(a);
  const [b0, b1] = range(b);
  return a0 <= b1 && b0 <= a1;
}
