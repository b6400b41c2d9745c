import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { TAKEOVER_KEY } from "../topology/names";
import type { SiteName } from "../topology/schema";
import { known } from "./known";
import type { Level, Target } from "./traffic-plan";

/** What DNS needs to know of a site. */
export interface SiteTraffic {
  name: SiteName;
  /** DNS name and hosted zone of the site's load balancer. */
  balancer: pulumi.Input<{ dnsName: string; zoneId: string }>;
  /** Host of the site's switch bucket. */
  switchHost: string;
}

export interface TrafficArgs {
  /** Domain of the hosted zone. */
  domain: string;
  /** Sites in the chain's order. */
  sites: SiteTraffic[];
  /** Levels of the failover chain, public name first. */
  chain: Level[];
  health: {
    /** What a health check asks of a site. */
    path: string;
    /** Seconds between two questions: 10 or 30. */
    intervalSeconds: number;
    /** Answers in a row that change a site's health. */
    failures: number;
    /** The same for a takeover switch. */
    takeoverFailures: number;
  };
}

/**
 * The hosted zone, the health checks and the failover chain. A site counts as healthy while it answers and no later
 * site has its takeover switch on. This is the whole of DNS, and no failover ever changes any of it.
 */
export class Traffic extends pulumi.ComponentResource {
  readonly zoneId: pulumi.Output<string>;
  readonly nameServers: pulumi.Output<string[]>;
  /** Ids of the sites' own health checks, by site. */
  readonly siteChecks: Record<SiteName, pulumi.Output<string>>;

  constructor(name: string, args: TrafficArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:edge:Traffic", name, {}, opts);
    const { domain, sites, chain, health } = args;
    const parent = { parent: this };
    const balancers = Object.fromEntries(sites.map((site) => [site.name, pulumi.output(site.balancer)]));

    const zone = new aws.route53.Zone(`${name}-zone`, { name: domain, comment: "Changeover: written by its edge stack only" }, parent);

    const https = (
      what: string,
      check: { fqdn: pulumi.Input<string>; path: string; failures: number; inverted?: true },
    ): pulumi.Output<string> =>
      new aws.route53.HealthCheck(
        `${name}-${what}`,
        {
          type: "HTTPS",
          fqdn: check.fqdn,
          port: 443,
          resourcePath: check.path,
          requestInterval: health.intervalSeconds,
          failureThreshold: check.failures,
          enableSni: true,
          ...(check.inverted && { invertHealthcheck: true }),
          tags: { Name: what },
        },
        parent,
      ).id;

    const serves = Object.fromEntries(
      sites.map((site) => [
        site.name,
        https(`serves-${site.name}`, {
          fqdn: pulumi.output(site.balancer).dnsName,
          path: health.path,
          failures: health.failures,
        }),
      ]),
    );
    // Inverted: healthy while there is no switch to read, be it off or its region gone.
    const notTakenOverBy = Object.fromEntries(
      sites.slice(1).map((site) => [
        site.name,
        https(`not-taken-over-by-${site.name}`, {
          fqdn: site.switchHost,
          path: `/${TAKEOVER_KEY}`,
          failures: health.takeoverFailures,
          inverted: true,
        }),
      ]),
    );

    // A site's own check tells its health. The balancer's would be that of its every service: to Route 53 a balancer is unhealthy as
    // soon as one target group has no healthy target, and a service of the last tier would take the site out of DNS.
    const alias = (target: Target): aws.types.input.route53.RecordAlias => {
      if ("name" in target) return { name: target.name, zoneId: zone.zoneId, evaluateTargetHealth: true };
      const balancer = known(balancers, target.site);
      return { name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: false };
    };

    // From the end: an alias is refused while what it leads to is not there.
    let below: pulumi.Resource[] = [];
    for (const level of [...chain].reverse()) {
      const children = [known(serves, level.primary), ...level.yieldsTo.map((site) => known(notTakenOverBy, site))];
      const check = new aws.route53.HealthCheck(
        `${name}-chosen-${level.primary}`,
        {
          type: "CALCULATED",
          childHealthchecks: children,
          childHealthThreshold: children.length,
          tags: { Name: `chosen-${level.primary}` },
        },
        parent,
      );
      const primary = new aws.route53.Record(
        `${name}-${level.label}-primary`,
        {
          zoneId: zone.zoneId,
          name: level.name,
          type: "A",
          setIdentifier: "primary",
          failoverRoutingPolicies: [{ type: "PRIMARY" }],
          healthCheckId: check.id,
          aliases: [alias({ site: level.primary })],
        },
        parent,
      );
      const secondary = new aws.route53.Record(
        `${name}-${level.label}-secondary`,
        {
          zoneId: zone.zoneId,
          name: level.name,
          type: "A",
          setIdentifier: "secondary",
          failoverRoutingPolicies: [{ type: "SECONDARY" }],
          ...("site" in level.secondary && { healthCheckId: known(serves, level.secondary.site) }),
          aliases: [alias(level.secondary)],
        },
        { parent: this, dependsOn: below },
      );
      below = [primary, secondary];
    }
    // For people and probes that mean one site, whoever is active.
    for (const site of sites) {
      new aws.route53.Record(
        `${name}-site-${site.name}`,
        { zoneId: zone.zoneId, name: `${site.name}.${domain}`, type: "A", aliases: [alias({ site: site.name })] },
        parent,
      );
    }

    this.zoneId = zone.zoneId;
    this.nameServers = zone.nameServers;
    this.siteChecks = serves;
    this.registerOutputs({ zoneId: this.zoneId, nameServers: this.nameServers });
  }
}
