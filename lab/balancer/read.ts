import {
  DescribeTargetHealthCommand,
  paginateDescribeListeners,
  paginateDescribeLoadBalancers,
  paginateDescribeRules,
  paginateDescribeTargetGroups,
  type Action as AwsAction,
  type ElasticLoadBalancingV2Client,
  type RuleCondition,
  type TargetGroup as AwsTargetGroup,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Action, Condition, Rule } from "./rules";

export interface Balancer {
  arn: string;
  name: string;
  dnsName: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  listeners: Listener[];
}

export interface Listener {
  arn: string;
  protocol: "HTTP" | "HTTPS";
  port: number;
  /** With the default rule. */
  rules: Rule[];
}

export interface Target {
  address: string;
  port: number;
}

export interface TargetGroup {
  arn: string;
  name: string;
  scheme: "http" | "https";
  check: HealthCheck;
  targets: Target[];
}

export interface HealthCheck {
  scheme: "http" | "https";
  path: string;
  /** `undefined`: the port that the target serves on. */
  port?: number;
  matcher: string;
  healthyThreshold: number;
  unhealthyThreshold: number;
}

/** Every application load balancer and target group of a region. */
export async function readBalancers(client: ElasticLoadBalancingV2Client): Promise<{ balancers: Balancer[]; groups: TargetGroup[] }> {
  const balancers: Balancer[] = [];
  for await (const page of paginateDescribeLoadBalancers({ client }, {})) {
    for (const balancer of page.LoadBalancers ?? []) {
      if (balancer.Type !== undefined && balancer.Type !== "application") continue;
      const arn = balancer.LoadBalancerArn ?? "";
      balancers.push({
        arn,
        name: balancer.LoadBalancerName ?? "",
        dnsName: (balancer.DNSName ?? "").toLowerCase(),
        createdAt: balancer.CreatedTime?.getTime() ?? 0,
        listeners: await readListeners(client, arn),
      });
    }
  }
  const groups: TargetGroup[] = [];
  for await (const page of paginateDescribeTargetGroups({ client }, {})) {
    for (const group of page.TargetGroups ?? [])
      groups.push({ ...toGroup(group), targets: await readTargets(client, group.TargetGroupArn ?? "") });
  }
  return { balancers, groups };
}

/** Targets that are registered now. */
export async function readTargets(client: ElasticLoadBalancingV2Client, group: string): Promise<Target[]> {
  const answer = await client.send(new DescribeTargetHealthCommand({ TargetGroupArn: group }));
  return (answer.TargetHealthDescriptions ?? [])
    .filter((target) => target.TargetHealth?.State !== "draining")
    .map((target) => ({ address: target.Target?.Id ?? "", port: target.Target?.Port ?? 80 }));
}

async function readListeners(client: ElasticLoadBalancingV2Client, balancer: string): Promise<Listener[]> {
  const listeners: Listener[] = [];
  for await (const page of paginateDescribeListeners({ client }, { LoadBalancerArn: balancer })) {
    for (const listener of page.Listeners ?? []) {
      const { Protocol: protocol, ListenerArn: arn = "" } = listener;
      if (protocol !== "HTTP" && protocol !== "HTTPS") continue;
      const rules: Rule[] = [{ priority: Infinity, conditions: [], action: toAction(listener.DefaultActions) }];
      for await (const rulePage of paginateDescribeRules({ client }, { ListenerArn: arn })) {
        for (const rule of rulePage.Rules ?? []) {
          if (rule.IsDefault === true || rule.Priority === "default") continue;
          rules.push({
            priority: Number(rule.Priority),
            conditions: (rule.Conditions ?? []).map(toCondition),
            action: toAction(rule.Actions),
          });
        }
      }
      listeners.push({ arn, protocol, port: listener.Port ?? (protocol === "HTTPS" ? 443 : 80), rules });
    }
  }
  return listeners;
}

/** The last action decides; those before it authenticate. */
function toAction(actions: AwsAction[] | undefined): Action {
  const action = [...(actions ?? [])].sort((a, b) => (a.Order ?? 0) - (b.Order ?? 0)).at(-1);
  if (action?.Type === "forward") {
    const several = action.ForwardConfig?.TargetGroups ?? [];
    const groups = several.map((group) => ({ arn: group.TargetGroupArn ?? "", weight: group.Weight ?? 1 }));
    return { type: "forward", groups: groups.length > 0 ? groups : [{ arn: action.TargetGroupArn ?? "", weight: 1 }] };
  }
  if (action?.Type === "fixed-response") {
    const { StatusCode, ContentType, MessageBody } = action.FixedResponseConfig ?? {};
    return { type: "fixed-response", status: Number(StatusCode ?? 503), contentType: ContentType ?? "text/plain", body: MessageBody ?? "" };
  }
  if (action?.Type === "redirect") {
    const to = action.RedirectConfig;
    return {
      type: "redirect",
      status: to?.StatusCode === "HTTP_302" ? 302 : 301,
      protocol: to?.Protocol ?? "#{protocol}",
      host: to?.Host ?? "#{host}",
      port: to?.Port ?? "#{port}",
      path: to?.Path ?? "/#{path}",
      query: to?.Query ?? "#{query}",
    };
  }
  return { type: "unknown", name: action?.Type ?? "none" };
}

function toCondition(condition: RuleCondition): Condition {
  const values =
    condition.PathPatternConfig?.Values ??
    condition.HostHeaderConfig?.Values ??
    condition.HttpRequestMethodConfig?.Values ??
    condition.Values ??
    [];
  return { field: condition.Field ?? "", values };
}

/** Defaults are ELB's: path `/`, matcher 200, 5 answers to become healthy, 2 to become unhealthy. */
function toGroup(group: AwsTargetGroup): Omit<TargetGroup, "targets"> {
  const port = Number(group.HealthCheckPort ?? "traffic-port");
  return {
    arn: group.TargetGroupArn ?? "",
    name: group.TargetGroupName ?? "",
    scheme: group.Protocol === "HTTPS" ? "https" : "http",
    check: {
      scheme: group.HealthCheckProtocol === "HTTPS" ? "https" : "http",
      path: group.HealthCheckPath ?? "/",
      ...(Number.isInteger(port) ? { port } : {}),
      matcher: group.Matcher?.HttpCode ?? "200",
      healthyThreshold: group.HealthyThresholdCount ?? 5,
      unhealthyThreshold: group.UnhealthyThresholdCount ?? 2,
    },
  };
}
