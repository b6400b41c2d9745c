import { createHash } from "node:crypto";
import type { Activation } from "./roles";
import type { SiteName, Topology } from "./schema";

/**
 * Physical names that other sites, or people with `aws` and `kubectl`, refer to. A name is derived, never looked up:
 * during a failover the place that could answer may be gone.
 */
export interface Names {
  /** Kubernetes namespace of the service, the same at every site. */
  namespace: string;
  /** Public name of the service. */
  app: string;
  /** The second level of the failover chain. */
  standby: string;
  /** Names of the chain below the first: `levels[0]` is the public name. */
  levels: string[];
  /** IAM role that an operator takes on, with a second factor, to move the service. */
  operatorRole: string;
  /** Bucket of the audit trail. */
  auditBucket: string;
  /** CloudTrail trail, and the topic of the edge's alarms. */
  audit: string;
  site(site: SiteName): SiteNames;
}

export interface SiteNames {
  region: string;
  /** A short prefix for regional resources, at most 32 characters (the limit of load balancers). */
  prefix: string;
  /** RDS instance identifier of a generation. */
  database(generation: number): string;
  databaseArn(generation: number): string;
  /** Every generation's ARN, as a pattern for IAM. */
  databaseArns: string;
  /** Security group of the site's databases. */
  databaseSecurityGroup: string;
  /** Target group of a service; one load balancer and region a site, so the site is not in it. At most 32 characters. */
  targetGroup(service: string): string;
  /** Load balancer of the site. At most 32 characters. */
  balancer: string;
  /** Alias of the site's key, with `alias/` in front. */
  keyAlias: string;
  keyAliasArn: string;
  bucket(name: string): string;
  bucketArn(name: string): string;
  /** Bucket of a cold site that keeps the copies of the service's bucket: replication keeps keys, so each has one of its own. */
  archive(name: string): string;
  archiveArn(name: string): string;
  /** Bucket that holds the takeover switch and nothing else. */
  switchBucket: string;
  /** Private, locked bucket for journal copies, facts and evidence. */
  controlBucket: string;
  /** Host of the switch bucket's public endpoint, for health checks. */
  switchHost: string;
  /** Id of the rules that copy objects to this site: part of what their metrics are found by. */
  copyRule: string;
  replicationRole: string;
  replicationRoleArn: string;
  /** IAM role of the site's guard, which reads the other sites' takeover switches. */
  guardRole: string;
  guardRoleArn: string;
  /** Backup vault of the site. At most 50 characters. */
  vault: string;
  vaultArn: string;
  /** Backup plan that an active site has, and its selection. At most 50 characters. */
  backupPlan: string;
  /** IAM role in which AWS Backup takes the site's snapshots and copies them to other sites. */
  backupRole: string;
  backupRoleArn: string;
}

/** Key of the takeover switch in its bucket. */
export const TAKEOVER_KEY = "takeover";

/** What the takeover switch says, for people and guards that read it; health checks only see that it is there. */
export function takeoverContent({ activeSite, epoch }: Activation): string {
  return JSON.stringify({ activeSite, epoch });
}

/** Master user of every site's database: RDS makes it, the `data` stack works as it. */
export const DATABASE_ADMIN = "changeover";

/** Tag of an instance that a restore made, until a stack takes it over: it may be deleted. */
export const RESTORED_TAG = { key: "changeover", value: "restored" } as const;

/** What a look at the copies tells CloudWatch: 1, they are sound, or 0. The dimension's value is `Names.audit`. */
export const INTEGRITY_METRIC = { namespace: "Changeover", metric: "BackupsSound", dimension: "Service" } as const;

/** PostgreSQL role of the services. */
export const DATABASE_APP = "service_app";

/** @param environment the part of a stack's name before the first dash: `production`, `lab` */
export function namesFor(topology: Topology, environment: string): Names {
  const { service, domain, account } = topology;
  const levels = topology.chain
    .slice(0, -1)
    .map((_, i) => (i === 0 ? `app.${domain}` : i === 1 ? `standby.${domain}` : `standby${i}.${domain}`));
  return {
    namespace: service,
    app: `app.${domain}`,
    standby: `standby.${domain}`,
    levels,
    operatorRole: `${service}-${environment}-operator`,
    auditBucket: `${service}-${environment}-${account}-audit`,
    audit: `${service}-${environment}`,
    site(site) {
      const definition = topology.sites[site];
      if (!definition) throw new RangeError(`no site ${site} in the topology`);
      const { region } = definition;
      const prefix = `${environment}-${site}`;
      const global = `${service}-${environment}-${account}-${site}`;
      const bucket = (name: string): string => `${global}-${name}`;
      const archive = (name: string): string => fit(`${global}-archive-${name}`, 63);
      const switchBucket = `${global}-switch`;
      const keyAlias = `alias/${service}-${prefix}`;
      const replicationRole = `${service}-${prefix}-replication`;
      const guardRole = `${service}-${prefix}-guard`;
      const backupRole = `${service}-${prefix}-backup`;
      const vault = fit(`${service}-${prefix}`, 50);
      const database = (generation: number): string => `${service}-${prefix}-${generation}`;
      const databaseArn = (generation: number | "*"): string => `arn:aws:rds:${region}:${account}:db:${service}-${prefix}-${generation}`;
      return {
        region,
        prefix,
        database,
        databaseSecurityGroup: `${prefix}-database`,
        targetGroup: (workload) => fit(`${environment}-${workload}`, 32),
        balancer: fit(prefix, 32),
        databaseArn,
        databaseArns: databaseArn("*"),
        keyAlias,
        keyAliasArn: `arn:aws:kms:${region}:${account}:${keyAlias}`,
        bucket,
        bucketArn: (name) => `arn:aws:s3:::${bucket(name)}`,
        archive,
        archiveArn: (name) => `arn:aws:s3:::${archive(name)}`,
        switchBucket,
        controlBucket: `${global}-control`,
        switchHost: `${switchBucket}.s3.${region}.amazonaws.com`,
        copyRule: `to-${prefix}`,
        replicationRole,
        replicationRoleArn: `arn:aws:iam::${account}:role/${replicationRole}`,
        guardRole,
        guardRoleArn: `arn:aws:iam::${account}:role/${guardRole}`,
        vault,
        vaultArn: `arn:aws:backup:${region}:${account}:backup-vault:${vault}`,
        backupPlan: vault,
        backupRole,
        backupRoleArn: `arn:aws:iam::${account}:role/${backupRole}`,
      };
    },
  };
}

/** A name that is too long keeps its beginning and ends in a digest of the whole, so that two long ones stay apart. */
function fit(name: string, length: number): string {
  if (name.length <= length) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 7);
  return `${name.slice(0, length - 8).replace(/-+$/, "")}-${digest}`;
}

/** Every stack's part of the name, in the order in which they are shown. */
export function partsOf({ sites }: Topology): string[] {
  return ["edge", ...Object.keys(sites), "data"];
}

export interface StackName {
  environment: string;
  /** `edge`, `data`, or the name of a site. */
  part: string;
}

/** `lab-secondary` is the stack `secondary` of the environment `lab`. `undefined` where the name has no dash. */
export function parseStackName(name: string): StackName | undefined {
  const [, environment, part] = /^([a-z][a-z0-9]*)-([a-z][a-z0-9-]*)$/.exec(name) ?? [];
  return environment !== undefined && part !== undefined ? { environment, part } : undefined;
}
