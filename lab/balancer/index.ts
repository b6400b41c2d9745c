import { REGIONS, type Endpoint } from "../world";
import type { AwsChange, LabContext, LabPart } from "../part";
import { RegionBalancers } from "./region";
import type { TargetHealth } from "./targets";

export type { TargetHealth };

export interface BalancersApi {
  /** Where a load balancer is, by its DNS name, whether its region is up or not. */
  addressOf(dnsName: string): Endpoint | undefined;
  /** Whether Route 53 counts it as healthy: each of its target groups that has targets has a healthy one, and some have. */
  healthyOf(dnsName: string): boolean;
  /** `undefined` for a target group that does not exist. */
  targetHealth(arn: string): TargetHealth[] | undefined;
  /** Resolves after what ELB holds now is being served. */
  reread(): Promise<void>;
}

export interface BalancerOptions {
  /** Names that the load balancers' certificate is for. */
  dnsNames: string[];
}

/** Elastic Load Balancing's data plane: a real proxy for every application load balancer that moto holds. */
export function createBalancers(lab: LabContext, options: BalancerOptions): LabPart & BalancersApi {
  const regions = new Map(REGIONS.map((name) => [name, new RegionBalancers(lab, name)]));
  const all = [...regions.values()];
  const onChange = (change: AwsChange): void => {
    if (change.service === "elasticloadbalancing") regions.get(change.region)?.changed(change);
  };
  const find = <T>(ask: (region: RegionBalancers) => T | undefined): T | undefined => {
    for (const region of all) {
      const found = ask(region);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const addressOf = (dnsName: string): Endpoint | undefined => find((region) => region.addressOf(dnsName));

  return {
    name: "balancer",
    async start() {
      const [commonName = "balancer"] = options.dnsNames;
      const certificate = await lab.certificates.issue(`balancer-${commonName.replace("*", "any")}`, {
        commonName,
        dnsNames: options.dnsNames,
      });
      lab.events.on("aws", onChange);
      await Promise.all(all.map((region) => region.start(certificate)));
    },
    async stop() {
      lab.events.off("aws", onChange);
      await Promise.all(all.map((region) => region.stop()));
    },
    outage: async (region, mode) => regions.get(region)?.outage(mode),
    heal: async (region) => regions.get(region)?.heal(),
    status: () => all.flatMap((region) => region.status()),
    addressOf,
    healthyOf: (dnsName) => find((region) => region.healthyOf(dnsName)) ?? false,
    targetHealth: (arn) => find((region) => region.targetHealth(arn)),
    reread: async () => {
      await Promise.all(all.map((region) => region.reread()));
    },
  };
}
