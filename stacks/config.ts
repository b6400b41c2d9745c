import * as pulumi from "@pulumi/pulumi";
import type { Capacity } from "../components/workload-plan";
import { BadInput } from "../topology/errors";
import { bornAsCopy, roleOf, sitesThatAre, type Activation, type Role } from "../topology/roles";
import type { Problem, SiteName, Topology } from "../topology/schema";

/** Whether the services take writes; `paused` in the last moments before a planned move. */
export type Writes = "open" | "paused";

/** Config of a site's stack. */
export interface SiteConfig {
  activation: Activation;
  role: Role;
  /** ACM certificate of the load balancer: `changeover:certificateArn`. */
  certificateArn: string;
  databases: DatabasesConfig;
  /** What a site has that runs; a dormant one has none of it. */
  running?: RunningConfig;
}

/** The databases that a site's config speaks of. */
export interface DatabasesConfig {
  /** Counts this site's databases: `changeover:generation`. @default 1 */
  generation: number;
  /**
   * Databases of this site that lost the role `active` and are kept, in ascending order: `changeover:retained`, as in
   * `1` or `1,2`. One that is `generation` itself makes the site fenced. @default none
   */
  retained: number[];
  /**
   * Whether the retained databases before `generation` lose their protection, so that the next update, without them in
   * `retained`, may delete them: `changeover:discard`. @default false
   */
  discard: boolean;
}

/** What the config of a site has beside on which something runs. */
export interface RunningConfig {
  /** Generation of the active site's database, which this one's streams from: `changeover:sourceGeneration`. @default 1 */
  sourceGeneration: number;
  /**
   * The database `generation` exists already, made by a restore, and is taken over: AWS's number of it, `changeover:adopt`.
   * Left out again once it is. @default it is created
   */
  adopt?: string;
  /** Snapshot that the database `generation` is made from, while there is none: `changeover:snapshot`. @default none */
  snapshot?: string;
  /** `active`: a standby has the pods of an active site, ahead of a planned move: `changeover:capacity`. @default role */
  capacity: Capacity;
  /**
   * Until when an operator's word stands that this site is still the active one, whether or not its guard can ask the
   * others: `changeover:confirmedUntil`, ISO 8601 with a time zone. @default nobody confirmed it
   */
  confirmedUntil?: string;
  /** Site that the active site copies its buckets to: `changeover:protectedBy`. @default none */
  protectedBy?: SiteName;
  /** `changeover:writes`. @default open */
  writes: Writes;
  /** Secret `changeover:databasePassword`: master user of the database. */
  databasePassword: pulumi.Output<string>;
  /** Secret `changeover:appPassword`: the services' role. */
  appPassword: pulumi.Output<string>;
  /** `changeover:databaseCa`: authorities of the database's certificate, PEM text. @default none: not verified */
  databaseCa?: string;
  /** Secret `changeover:kubeconfig` of the site's cluster, YAML text. */
  kubeconfig: pulumi.Output<string>;
}

/** Config of the `data` stack. */
export interface DataConfig {
  activation: Activation;
  databasePassword: pulumi.Output<string>;
  appPassword: pulumi.Output<string>;
  /** `changeover:databaseCaFile`: file of the authorities of the database's certificate; the provider reads it. @default none */
  databaseCaFile?: string;
}

/** As RDS numbers its instances. */
const RESOURCE_ID = /^db-[0-9A-Za-z]{2,255}$/;

/** @throws BadInput with every problem of the stack's config, by key */
export function readSiteConfig(topology: Topology, site: SiteName): SiteConfig {
  const read = new Reader(topology);
  const activation = read.activation();
  const certificateArn = read.text("certificateArn", "the ARN of an ACM certificate", /^arn:aws:acm:[a-z0-9-]+:\d{12}:certificate\/\S+$/);
  const databases = read.databases();
  const role = roleOf(topology, site, { ...activation, ...databases });
  const running = role === "dormant" ? undefined : read.running(site);
  read.done();
  const problems = running ? contradictions(topology, site, role, databases, running) : [];
  if (problems.length > 0) throw new BadInput(problems);
  return { activation, role, certificateArn, databases, ...(running && { running }) };
}

/** What the keys of a site cannot be together on which something runs. */
function contradictions(
  topology: Topology,
  site: SiteName,
  role: Role,
  { generation, retained, discard }: DatabasesConfig,
  { adopt, snapshot }: RunningConfig,
): Problem[] {
  const problems: Problem[] = [];
  const wrong = (key: string, value: unknown, message: string): void => {
    problems.push({ path: `changeover:${key}`, value, message });
  };
  const newest = Math.max(0, ...retained);
  if (newest > generation) wrong("generation", generation, `${newest} or more: changeover:retained has generation ${newest}`);
  if (role === "active" && retained.includes(generation)) {
    wrong(
      "retained",
      retained.join(","),
      `generations before ${generation}: that one is the active site's database, which nobody has left`,
    );
  }
  if (role === "standby" && !bornAsCopy(topology, site, generation)) {
    const why = `the first database of ${site} was created empty, and no database that exists can become a replica`;
    wrong("generation", generation, `2 or more, or stay with changeover:retained ${generation}, which makes the site fenced: ${why}`);
  }
  if (adopt !== undefined && (role !== "active" || !bornAsCopy(topology, site, generation))) {
    wrong("adopt", adopt, "left out: only an active site takes a restored database over, and the first one at home was none");
  }
  if (snapshot !== undefined && (role !== "active" || adopt !== undefined || !bornAsCopy(topology, site, generation))) {
    wrong("snapshot", snapshot, "left out: only an active site's database is made from one, where changeover:adopt takes none over");
  }
  if (discard && !retained.some((left) => left < generation)) {
    wrong("discard", discard, `left out: changeover:retained has nothing before generation ${generation} to discard`);
  }
  return problems;
}

/** @throws BadInput with every problem of the stack's config, by key */
export function readDataConfig(topology: Topology): DataConfig {
  const read = new Reader(topology);
  const databaseCaFile = read.optional("databaseCaFile");
  const config: DataConfig = {
    activation: read.activation(),
    databasePassword: read.secret("databasePassword", "the password of the database's master user"),
    appPassword: read.secret("appPassword", "the password of the services' role"),
    ...(databaseCaFile !== undefined && { databaseCaFile }),
  };
  read.done();
  return config;
}

/** Reads keys and gathers what is wrong with them, so that one run tells all of it. */
class Reader {
  private readonly config = new pulumi.Config("changeover");
  private readonly problems: Problem[] = [];
  private readonly warmSites: SiteName[];

  constructor(private readonly topology: Topology) {
    this.warmSites = sitesThatAre("warm", topology);
  }

  activation(): Activation {
    return { activeSite: this.site("activeSite", Object.keys(this.topology.sites)) ?? this.topology.home, epoch: this.count("epoch") };
  }

  databases(): DatabasesConfig {
    return {
      generation: this.count("generation", 1),
      retained: this.counts("retained"),
      discard: this.choice("discard", ["true", "false"], "false") === "true",
    };
  }

  running(site: SiteName): RunningConfig {
    const protectedBy = this.optional("protectedBy") === undefined ? undefined : this.site("protectedBy", this.warmSites);
    if (protectedBy !== undefined && protectedBy === this.config.get("activeSite")) {
      this.wrong("protectedBy", protectedBy, "a site other than the active one");
    }
    const databaseCa = this.optional("databaseCa");
    const snapshot = this.optional("snapshot");
    const adopt =
      this.optional("adopt") === undefined
        ? undefined
        : this.text("adopt", "AWS's number of an RDS instance, as in db-ABCDEFGHIJKL", RESOURCE_ID);
    const confirmedUntil = this.time("confirmedUntil");
    return {
      sourceGeneration: this.count("sourceGeneration", 1),
      ...(snapshot !== undefined && { snapshot }),
      capacity: this.choice("capacity", ["role", "active"], "role"),
      writes: this.choice("writes", ["open", "paused"], "open"),
      databasePassword: this.secret("databasePassword", "the password of the database's master user"),
      appPassword: this.secret("appPassword", "the password of the services' role"),
      kubeconfig: this.secret("kubeconfig", `the kubeconfig of ${site}'s cluster`),
      ...(adopt !== undefined && { adopt }),
      ...(protectedBy !== undefined && { protectedBy }),
      ...(databaseCa !== undefined && { databaseCa }),
      ...(confirmedUntil !== undefined && { confirmedUntil }),
    };
  }

  optional(key: string): string | undefined {
    const value = this.config.get(key);
    return value === "" ? undefined : value;
  }

  text(key: string, may: string, pattern: RegExp): string {
    const value = this.config.get(key);
    if (value === undefined || !pattern.test(value)) this.wrong(key, value, may);
    return value ?? "";
  }

  /** Stays a secret from here to whatever it is given to. */
  secret(key: string, may: string): pulumi.Output<string> {
    const value = this.config.getSecret(key);
    if (value === undefined) this.wrong(key, undefined, `${may}, set with pulumi config set --secret`);
    return value ?? pulumi.secret("");
  }

  done(): void {
    if (this.problems.length > 0) throw new BadInput(this.problems);
  }

  private site(key: string, may: SiteName[]): SiteName | undefined {
    const value = this.config.get(key);
    if (value !== undefined && may.includes(value)) return value;
    this.wrong(key, value, `a ${may === this.warmSites ? "warm " : ""}site of the topology: ${may.join(", ")}`);
    return undefined;
  }

  private count(key: string, fallback?: number): number {
    const value = this.config.get(key);
    if (value === undefined && fallback !== undefined) return fallback;
    if (value === undefined || !/^[1-9]\d{0,8}$/.test(value)) this.wrong(key, value, "a whole number from 1 on");
    return Number(value);
  }

  /** Several counts, each once, in ascending order. */
  private counts(key: string): number[] {
    const value = this.optional(key);
    if (value === undefined) return [];
    const found = value.split(",").map((part) => part.trim());
    if (new Set(found).size < found.length || !found.every((part) => /^[1-9]\d{0,8}$/.test(part))) {
      this.wrong(key, value, "whole numbers from 1 on, each once, as in 1 or 1,2");
    }
    return found.map(Number).sort((a, b) => a - b);
  }

  private time(key: string): string | undefined {
    const value = this.optional(key);
    const zoned = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;
    if (value !== undefined && !(zoned.test(value) && Number.isFinite(Date.parse(value)))) {
      this.wrong(key, value, "a moment with its time zone, as in 2026-01-31T12:00:00Z");
    }
    return value;
  }

  private choice<T extends string>(key: string, values: readonly T[], fallback: T): T {
    const value = this.optional(key) ?? fallback;
    const found = values.find((v) => v === value);
    if (found === undefined) this.wrong(key, value, values.join(" or "));
    return found ?? fallback;
  }

  private wrong(key: string, value: unknown, message: string): void {
    this.problems.push({ path: `changeover:${key}`, value, message });
  }
}
