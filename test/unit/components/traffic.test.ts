import { expect, test } from "vitest";
import { Traffic } from "../../../components/traffic";
import { planChain } from "../../../components/traffic-plan";
import { namesFor } from "../../../topology/names";
import type { Topology } from "../../../topology/schema";
import { names, record, topology, type Recording } from "./recorder";

const CHECK = "aws:route53/healthCheck:HealthCheck";
const RECORD = "aws:route53/record:Record";

function traffic(of: Topology = topology): Promise<Recording> {
  const its = namesFor(of, "production");
  return record(
    () =>
      new Traffic("traffic", {
        domain: of.domain,
        sites: of.chain.map((site) => ({
          name: site,
          balancer: { dnsName: `${site}.elb`, zoneId: `Z${site}` },
          switchHost: its.site(site).switchHost,
        })),
        chain: planChain(of, its),
        health: { path: "/api/health/database", intervalSeconds: 10, failures: 3, takeoverFailures: 1 },
      }),
  );
}

test("the chain: app is primary, else standby; standby is secondary, else cold", () => {
  expect(planChain(topology, names)).toEqual([
    {
      label: "app",
      name: "app.samia-tarot.com",
      primary: "primary",
      yieldsTo: ["secondary", "cold"],
      secondary: { name: "standby.samia-tarot.com" },
    },
    { label: "standby", name: "standby.samia-tarot.com", primary: "secondary", yieldsTo: ["cold"], secondary: { site: "cold" } },
  ]);
});

test("a fourth site is a third level, a chain of two is one", () => {
  const spare = { ...topology.sites.cold, region: "us-west-2", network: "10.40.0.0/16" } as Topology["sites"][string];
  const four: Topology = { ...topology, chain: [...topology.chain, "spare"], sites: { ...topology.sites, spare } };
  expect(planChain(four, namesFor(four, "production")).map((l) => [l.label, l.primary, l.secondary])).toEqual([
    ["app", "primary", { name: "standby.samia-tarot.com" }],
    ["standby", "secondary", { name: "standby2.samia-tarot.com" }],
    ["standby2", "cold", { site: "spare" }],
  ]);
  const two: Topology = { ...topology, chain: ["primary", "secondary"] };
  expect(planChain(two, namesFor(two, "production")).map((l) => l.secondary)).toEqual([{ site: "secondary" }]);
});

test("a site counts as healthy while it answers and no later site has its switch on", async () => {
  const recording = await traffic();
  const calculated = (site: string) => recording.get(CHECK, `traffic-chosen-${site}`).inputs;
  expect(calculated("primary")).toMatchObject({
    type: "CALCULATED",
    childHealthchecks: ["traffic-serves-primary-id", "traffic-not-taken-over-by-secondary-id", "traffic-not-taken-over-by-cold-id"],
    childHealthThreshold: 3,
  });
  expect(calculated("secondary")).toMatchObject({
    childHealthchecks: ["traffic-serves-secondary-id", "traffic-not-taken-over-by-cold-id"],
    childHealthThreshold: 2,
  });
});

test("a site is asked over HTTPS at its own load balancer; a switch is healthy while there is none", async () => {
  const recording = await traffic();
  expect(recording.get(CHECK, "traffic-serves-secondary").inputs).toMatchObject({
    type: "HTTPS",
    fqdn: "secondary.elb",
    port: 443,
    resourcePath: "/api/health/database",
    requestInterval: 10,
    failureThreshold: 3,
  });
  expect(recording.get(CHECK, "traffic-serves-secondary").inputs).not.toHaveProperty("invertHealthcheck");
  expect(recording.get(CHECK, "traffic-not-taken-over-by-secondary").inputs).toMatchObject({
    type: "HTTPS",
    fqdn: "samia-tarot-production-123456789012-secondary-switch.s3.eu-west-1.amazonaws.com",
    resourcePath: "/takeover",
    failureThreshold: 1,
    invertHealthcheck: true,
  });
  expect(recording.all(CHECK).map((r) => r.name)).not.toContain("traffic-not-taken-over-by-primary");
});

test("records: a failover pair a level, and a plain name for each site", async () => {
  const records = (await traffic()).all(RECORD).map(({ inputs }) => ({
    name: inputs.name as string,
    failover: inputs.failoverRoutingPolicies?.[0].type as string | undefined,
    check: inputs.healthCheckId as string | undefined,
    to: inputs.aliases[0].name as string,
    evaluate: inputs.aliases[0].evaluateTargetHealth as boolean,
  }));
  expect(records).toEqual([
    { name: "app.samia-tarot.com", failover: "PRIMARY", check: "traffic-chosen-primary-id", to: "primary.elb", evaluate: false },
    { name: "app.samia-tarot.com", failover: "SECONDARY", check: undefined, to: "standby.samia-tarot.com", evaluate: true },
    { name: "cold.samia-tarot.com", failover: undefined, check: undefined, to: "cold.elb", evaluate: false },
    { name: "primary.samia-tarot.com", failover: undefined, check: undefined, to: "primary.elb", evaluate: false },
    { name: "secondary.samia-tarot.com", failover: undefined, check: undefined, to: "secondary.elb", evaluate: false },
    { name: "standby.samia-tarot.com", failover: "PRIMARY", check: "traffic-chosen-secondary-id", to: "secondary.elb", evaluate: false },
    { name: "standby.samia-tarot.com", failover: "SECONDARY", check: "traffic-serves-cold-id", to: "cold.elb", evaluate: false },
  ]);
});

test("a level is there before the one above leads to it", async () => {
  const recording = await traffic();
  const { dependsOn } = recording.get(RECORD, "traffic-app-secondary");
  expect(dependsOn).toEqual(
    expect.arrayContaining(["primary", "secondary"].map((set) => recording.get(RECORD, `traffic-standby-${set}`).urn)),
  );
});

test("a chain that names a site which traffic knows nothing of is refused", () => {
  expect(
    () =>
      new Traffic("traffic", {
        domain: topology.domain,
        sites: [],
        chain: planChain(topology, names),
        health: { path: "/", intervalSeconds: 10, failures: 3, takeoverFailures: 1 },
      }),
  ).toThrow("secondary is not planned for; there are: none");
});
