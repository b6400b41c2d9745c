import * as pulumi from "@pulumi/pulumi";
import { BadInput } from "../topology/errors";
import { bornAsReplica, roleOf, type Activation, type Role } from "../topology/roles";
import type { Problem, SiteName, Topology } from "../topology/schema";

/** Whether the services take writes; `paused` in the last moments before a planned move. */
export type Writes = "open" | "paused";

/** Config of a site's stack. */
export interface SiteConfig {
  activation: Activation;
  role: Role;
  /** ACM certificate of the load balancer: `changeover:certificateArn`. */
  certificateArn: string;
  /** What a site has that runs; a cold one has none of it. */
  warm?: WarmConfig;
}

/** What a warm site's config has beside. */
export interface WarmConfig {
  /** Counts this site's databases: `changeover:generation`. @default 1 */
  generation: number;
  /** The same for the active site, whose database this one's streams from: `changeover:sourceGeneration`. @default 1 */
  sourceGeneration: number;
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

/** @throws BadInput with every problem of the stack's config, by key */
export function readSiteConfig(topology: Topology, site: SiteName): SiteConfig {
  const read = new Reader(topology);
  const activation = read.activation();
  const certificateArn = read.text("certificateArn", "the ARN of an ACM certificate", /^arn:aws:acm:[a-z0-9-]+:\d{12}:certificate\/\S+$/);
  const warm = topology.sites[site]?.standby === "warm" ? read.warm(site) : undefined;
  read.done();
  const role = roleOf(topology, site, activation);
  if (warm && role === "standby" && !bornAsReplica(topology, site, warm.generation)) {
    throw new BadInput([
      {
        path: "changeover:generation",
        value: warm.generation,
        message: `2 or more: the first database of ${site} was created empty, and no database that exists can become a replica`,
      },
    ]);
  }
  return { activation, role, certificateArn, ...(warm && { warm }) };
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
    this.warmSites = Object.keys(topology.sites).filter((site) => topology.sites[site]?.standby === "warm");
  }

  activation(): Activation {
    // A cold site is warmed up first: its stack has no database and no cluster to be active with.
    return { activeSite: this.warmSite("activeSite") ?? this.topology.home, epoch: this.count("epoch") };
  }

  warm(site: SiteName): WarmConfig {
    const protectedBy = this.config.get("protectedBy") === undefined ? undefined : this.warmSite("protectedBy");
    if (protectedBy !== undefined && protectedBy === this.config.get("activeSite")) {
      this.wrong("protectedBy", protectedBy, "a site other than the active one");
    }
    const databaseCa = this.optional("databaseCa");
    return {
      generation: this.count("generation", 1),
      sourceGeneration: this.count("sourceGeneration", 1),
      writes: this.choice("writes", ["open", "paused"], "open"),
      databasePassword: this.secret("databasePassword", "the password of the database's master user"),
      appPassword: this.secret("appPassword", "the password of the services' role"),
      kubeconfig: this.secret("kubeconfig", `the kubeconfig of ${site}'s cluster`),
      ...(protectedBy !== undefined && { protectedBy }),
      ...(databaseCa !== undefined && { databaseCa }),
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

  private warmSite(key: string): SiteName | undefined {
    const value = this.config.get(key);
    if (value !== undefined && this.warmSites.includes(value)) return value;
    this.wrong(key, value, `a warm site of the topology: ${this.warmSites.join(", ")}`);
    return undefined;
  }

  private count(key: string, fallback?: number): number {
    const value = this.config.get(key);
    if (value === undefined && fallback !== undefined) return fallback;
    if (value === undefined || !/^[1-9]\d{0,8}$/.test(value)) this.wrong(key, value, "a whole number from 1 on");
    return Number(value);
  }

  private choice<T extends string>(key: string, values: readonly T[], fallback: T): T {
    const value = this.config.get(key) ?? fallback;
    const found = values.find((v) => v === value);
    if (found === undefined) this.wrong(key, value, values.join(" or "));
    return found ?? fallback;
  }

  private wrong(key: string, value: unknown, message: string): void {
    this.problems.push({ path: `changeover:${key}`, value, message });
  }
}
