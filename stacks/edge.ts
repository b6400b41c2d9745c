import type * as pulumi from "@pulumi/pulumi";
import { Access } from "../components/access";
import { siteHealth } from "../components/alarm-specs";
import { Alarms } from "../components/alarms";
import { Audit } from "../components/audit";
import { Traffic } from "../components/traffic";
import { planChain } from "../components/traffic-plan";
import type { SiteNames } from "../topology/names";
import { sitesThatAre } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import { otherStack, regionProvider, type Context } from "./context";

/** Where Route 53 keeps its control plane and publishes its metrics; the rest of the stack lives beside it. */
const EDGE_REGION = "us-east-1";

/** What belongs to no site: the names, the checks that choose between the sites, the operators' role, the audit trail. */
export function edge(context: Context): Record<string, unknown> {
  const { topology, environment, names } = context;
  const { service, domain, account, traffic: health } = topology;
  const aws = regionProvider(context, EDGE_REGION, "edge");
  const inRegion = { providers: { aws } };

  const traffic = new Traffic(
    "traffic",
    {
      domain,
      sites: topology.chain.map((site) => ({
        name: site,
        balancer: otherStack(context, site).requireOutput("loadBalancer") as pulumi.Output<{ dnsName: string; zoneId: string }>,
        switchHost: names.site(site).switchHost,
      })),
      chain: planChain(topology, names),
      health: {
        path: health.healthPath,
        intervalSeconds: health.healthInterval / 1_000,
        failures: health.healthFailures,
        takeoverFailures: health.takeoverFailures,
      },
    },
    inRegion,
  );
  new Alarms(
    "alarms",
    { prefix: names.audit, alarms: Object.entries(traffic.siteChecks).map(([site, check]) => siteHealth(site, check)) },
    inRegion,
  );
  const cold = sitesThatAre("cold", topology);
  const bucketsAt = (sites: SiteName[], arn: (site: SiteNames, bucket: string) => string): string[] =>
    sites.flatMap((site) => topology.storage.buckets.map((bucket) => arn(names.site(site), bucket)));
  const access = new Access(
    "access",
    {
      role: names.operatorRole,
      account,
      prefix: `${service}-${environment}`,
      archives: bucketsAt(cold, (site, bucket) => site.archiveArn(bucket)),
      data: bucketsAt(Object.keys(topology.sites), (site, bucket) => site.bucketArn(bucket)),
    },
    inRegion,
  );
  const audit = new Audit("audit", { trail: names.audit, bucket: names.auditBucket, region: EDGE_REGION, account }, inRegion);

  return {
    app: names.app,
    zoneId: traffic.zoneId,
    nameServers: traffic.nameServers,
    operatorRole: access.roleArn,
    auditTrail: audit.trailArn,
  };
}
