import { expect, test } from "vitest";
import { Network } from "../../../components/network";
import { planSubnets } from "../../../components/network-plan";
import { names, record } from "./recorder";

test("subnets: three zones, public and private, none overlapping, all inside the site's range", () => {
  expect(planSubnets("10.20.0.0/16")).toEqual([
    { zone: "a", kind: "public", cidr: "10.20.0.0/20" },
    { zone: "b", kind: "public", cidr: "10.20.16.0/20" },
    { zone: "c", kind: "public", cidr: "10.20.32.0/20" },
    { zone: "a", kind: "private", cidr: "10.20.128.0/20" },
    { zone: "b", kind: "private", cidr: "10.20.144.0/20" },
    { zone: "c", kind: "private", cidr: "10.20.160.0/20" },
  ]);
});

test("the smallest range is cut as well, and one that does not begin at its own start is put right", () => {
  expect(planSubnets("192.168.7.0/24").map((s) => s.cidr)).toEqual([
    "192.168.7.0/28",
    "192.168.7.16/28",
    "192.168.7.32/28",
    "192.168.7.128/28",
    "192.168.7.144/28",
    "192.168.7.160/28",
  ]);
  expect(planSubnets("10.20.3.4/16")[0]?.cidr).toBe("10.20.0.0/20");
});

test("only the public subnets have a way out", async () => {
  const recording = await record(() => new Network("network", { names: names.site("primary"), cidr: "10.10.0.0/16" }));
  const routed = recording.all("aws:ec2/routeTableAssociation:RouteTableAssociation").map((r) => r.inputs.subnetId);
  expect(routed).toEqual(["network-public-a-id", "network-public-b-id", "network-public-c-id"]);
  expect(recording.get("aws:ec2/subnet:Subnet", "network-private-b").inputs).toMatchObject({
    availabilityZone: "eu-north-1b",
    cidrBlock: "10.10.144.0/20",
  });
});

test("the database is reached from the site alone, the load balancer from anywhere by HTTPS alone", async () => {
  const recording = await record(() => new Network("network", { names: names.site("primary"), cidr: "10.10.0.0/16" }));
  const rules = recording
    .all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    .map(({ inputs }) => [inputs.securityGroupId, inputs.fromPort, inputs.toPort, inputs.cidrIpv4]);
  expect(rules).toEqual([
    ["network-balancer-id", 443, 443, "0.0.0.0/0"],
    ["network-database-id", 5432, 5432, "10.10.0.0/16"],
  ]);
  const [egress, ...more] = recording.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule");
  expect(more).toEqual([]);
  expect(egress?.inputs).toMatchObject({ securityGroupId: "network-balancer-id", fromPort: 8080, cidrIpv4: "10.10.0.0/16" });
});
