import { expect, test } from "vitest";
import { Balancer, type BalancerArgs } from "../../../components/balancer";
import { names, record } from "./recorder";

const base: BalancerArgs = {
  names: names.site("primary"),
  vpcId: "vpc",
  subnetIds: ["a", "b"],
  securityGroupId: "sg",
  certificateArn: "arn:certificate",
  routes: [
    { service: "emergency-call", path: "/emergency-call", tier: 0 },
    { service: "auth", path: "/auth", tier: 1 },
  ],
  healthPath: "/api/health/database",
};

const LISTENER = "aws:lb/listener:Listener";
const RULE = "aws:lb/listenerRule:ListenerRule";
const GROUP = "aws:lb/targetGroup:TargetGroup";

test("each service has a target group of pod addresses and a rule for its path and what is below it", async () => {
  const recording = await record(() => new Balancer("balancer", base));
  expect(recording.get(GROUP, "balancer-auth").inputs).toMatchObject({
    name: "production-auth",
    targetType: "ip",
    port: 8080,
    tags: { tier: "1" },
    healthCheck: { path: "/api/health/database", matcher: "200" },
  });
  expect(recording.get(RULE, "balancer-auth").inputs).toMatchObject({
    priority: 2,
    tags: { tier: "1" },
    conditions: [{ pathPattern: { values: ["/auth", "/auth/*"] } }],
    actions: [{ type: "forward", targetGroupArn: "arn:production-auth" }],
  });
});

test("what no rule matches goes to the first service, so that the health path answers", async () => {
  const recording = await record(() => new Balancer("balancer", base));
  const { inputs } = recording.get(LISTENER, "balancer-https");
  expect(inputs).toMatchObject({ port: 443, protocol: "HTTPS", certificateArn: "arn:certificate" });
  expect(inputs.defaultActions).toEqual([{ type: "forward", targetGroupArn: "arn:production-emergency-call" }]);
});

test("clients get TLS 1.3, and health checkers the 1.2 that they need", async () => {
  const recording = await record(() => new Balancer("balancer", base));
  expect(recording.get(LISTENER, "balancer-https").inputs.sslPolicy).toBe("ELBSecurityPolicy-TLS13-1-2-Res-2021-06");
});

test("a load balancer without a route is an error", async () => {
  await expect(record(() => new Balancer("balancer", { ...base, routes: [] }))).rejects.toThrow(/one service at least/);
});

test("names keep within the 32 characters that a load balancer takes, and apart", () => {
  const long = names.site("primary").targetGroup("a-service-with-quite-a-long-name");
  const other = names.site("primary").targetGroup("a-service-with-quite-a-long-neck");
  expect(long.length).toBeLessThanOrEqual(32);
  expect(long).not.toBe(other);
  expect(long).toMatch(/^production-a-service-wit-[0-9a-f]{7}$/);
});
