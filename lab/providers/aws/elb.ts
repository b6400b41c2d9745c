import type * as aws from "@pulumi/aws";
import {
  AddTagsCommand,
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateRuleCommand,
  CreateTargetGroupCommand,
  DeleteListenerCommand,
  DeleteLoadBalancerCommand,
  DeleteRuleCommand,
  DeleteTargetGroupCommand,
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyRuleCommand,
  ModifyTargetGroupAttributesCommand,
  ModifyTargetGroupCommand,
  RemoveTagsCommand,
  SetRulePrioritiesCommand,
  SetSecurityGroupsCommand,
  SetSubnetsCommand,
  type Action,
  type LoadBalancer,
  type RuleCondition,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { setTimeout as sleep } from "node:timers/promises";
import { pascal, present, sameSet, unlessGone, type Aws, type AwsKind, type Plain } from "./aws";
import { tagChanges, tagList, type Tags } from "./tags";

/** Application load balancers: balancer, target group, listener, rule. Ids are ARNs. */

const elb = (aws: Aws): ElasticLoadBalancingV2Client => aws.client(ElasticLoadBalancingV2Client);
const GONE = /NotFound/;
const ACTIVE_TIMEOUT_MS = 10 * 60_000;

async function retag(aws: Aws, arn: string, olds: { tagsAll?: Tags | undefined }, news: { tagsAll?: Tags | undefined }): Promise<void> {
  const changes = tagChanges(olds, news);
  if (changes === undefined) return;
  if (changes.remove.length > 0) await elb(aws).send(new RemoveTagsCommand({ ResourceArns: [arn], TagKeys: changes.remove }));
  if (Object.keys(changes.set).length > 0) await elb(aws).send(new AddTagsCommand({ ResourceArns: [arn], Tags: tagList(changes.set) }));
}

/** Tags of a create request; the API refuses an empty list. */
function tagged(inputs: { tagsAll?: Tags | undefined }): { Tags?: { Key: string; Value: string }[] } {
  const Tags = tagList(inputs.tagsAll);
  return Tags.length === 0 ? {} : { Tags };
}

/** Properties that the API keeps as attributes, with the value that holds when the program says nothing. */
type AttributeTable<T extends object> = { [K in keyof T]?: { key: string; fallback: string } };

function attributes<T extends object>(table: AttributeTable<T>, olds: Partial<T>, news: T): { Key: string; Value: string }[] {
  return (Object.entries(table) as [keyof T & string, { key: string; fallback: string }][]).flatMap(([name, { key, fallback }]) => {
    const before = String(olds[name] ?? fallback);
    const after = String(news[name] ?? fallback);
    return before === after ? [] : [{ Key: key, Value: after }];
  });
}

const BALANCER_ATTRIBUTES: AttributeTable<Plain<aws.lb.LoadBalancerArgs>> = {
  enableDeletionProtection: { key: "deletion_protection.enabled", fallback: "false" },
  dropInvalidHeaderFields: { key: "routing.http.drop_invalid_header_fields.enabled", fallback: "false" },
  idleTimeout: { key: "idle_timeout.timeout_seconds", fallback: "60" },
  enableHttp2: { key: "routing.http2.enabled", fallback: "true" },
};

const GROUP_ATTRIBUTES: AttributeTable<Plain<aws.lb.TargetGroupArgs>> = {
  deregistrationDelay: { key: "deregistration_delay.timeout_seconds", fallback: "300" },
  slowStart: { key: "slow_start.duration_seconds", fallback: "0" },
  loadBalancingAlgorithmType: { key: "load_balancing.algorithm.type", fallback: "round_robin" },
};

export const loadBalancer: AwsKind<aws.lb.LoadBalancerArgs, aws.lb.LoadBalancerState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 32 } },
    loadBalancerType: { replace: true },
    internal: { replace: true, computed: true },
    subnets: { computed: true, same: sameSet },
    securityGroups: { computed: true, same: sameSet },
    ipAddressType: { replace: true, computed: true },
    enableDeletionProtection: {},
    dropInvalidHeaderFields: {},
    idleTimeout: {},
    enableHttp2: {},
    tags: {},
  },
  outputs: ["arn", "arnSuffix", "dnsName", "vpcId", "zoneId"],
  async create(aws, inputs, request) {
    const { LoadBalancers } = await elb(aws).send(
      new CreateLoadBalancerCommand({
        Name: inputs.name,
        Type: (inputs.loadBalancerType ?? "application") as "application",
        Scheme: inputs.internal === true ? "internal" : "internet-facing",
        Subnets: inputs.subnets,
        SecurityGroups: inputs.securityGroups,
        IpAddressType: inputs.ipAddressType as "ipv4" | undefined,
        ...tagged(inputs),
      }),
    );
    let made: LoadBalancer | undefined = LoadBalancers?.[0];
    const arn = present(made?.LoadBalancerArn, "load balancer ARN");
    request.exists(arn, { arn });
    const Attributes = attributes(BALANCER_ATTRIBUTES, {}, inputs);
    if (Attributes.length > 0) await elb(aws).send(new ModifyLoadBalancerAttributesCommand({ LoadBalancerArn: arn, Attributes }));
    const deadline = Date.now() + (request.timeoutMs ?? ACTIVE_TIMEOUT_MS);
    for (;;) {
      made = (await elb(aws).send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [arn] }))).LoadBalancers?.[0];
      const status = made?.State?.Code;
      if (status === undefined || status === "active") break;
      if (Date.now() > deadline) throw new Error(`load balancer ${arn} is ${status}, not active`);
      await sleep(200, undefined, { signal: request.signal });
    }
    return {
      id: arn,
      outputs: {
        arn,
        arnSuffix: arn.split(":loadbalancer/")[1],
        dnsName: made?.DNSName,
        vpcId: made?.VpcId,
        zoneId: made?.CanonicalHostedZoneId,
        internal: inputs.internal ?? false,
        ipAddressType: made?.IpAddressType,
        loadBalancerType: inputs.loadBalancerType ?? "application",
      },
    };
  },
  async update(aws, id, olds, news) {
    if (news.subnets !== undefined && !sameSet(olds.subnets, news.subnets)) {
      await elb(aws).send(new SetSubnetsCommand({ LoadBalancerArn: id, Subnets: news.subnets }));
    }
    if (news.securityGroups !== undefined && !sameSet(olds.securityGroups, news.securityGroups)) {
      await elb(aws).send(new SetSecurityGroupsCommand({ LoadBalancerArn: id, SecurityGroups: news.securityGroups }));
    }
    const Attributes = attributes(BALANCER_ATTRIBUTES, olds, news);
    if (Attributes.length > 0) await elb(aws).send(new ModifyLoadBalancerAttributesCommand({ LoadBalancerArn: id, Attributes }));
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => elb(aws).send(new DeleteLoadBalancerCommand({ LoadBalancerArn: id })), GONE);
  },
  async read(aws, id) {
    const found = await unlessGone(() => elb(aws).send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [id] })), GONE);
    const is = found?.LoadBalancers?.[0];
    return is === undefined ? undefined : { outputs: { dnsName: is.DNSName } };
  },
};

function health(check: Plain<aws.lb.TargetGroupArgs>["healthCheck"]) {
  return {
    HealthCheckEnabled: check?.enabled,
    HealthCheckPath: check?.path,
    HealthCheckPort: check?.port,
    HealthCheckProtocol: check?.protocol as "HTTP" | undefined,
    HealthCheckIntervalSeconds: check?.interval,
    HealthCheckTimeoutSeconds: check?.timeout,
    HealthyThresholdCount: check?.healthyThreshold,
    UnhealthyThresholdCount: check?.unhealthyThreshold,
    ...(check?.matcher === undefined ? {} : { Matcher: { HttpCode: check.matcher } }),
  };
}

export const targetGroup: AwsKind<aws.lb.TargetGroupArgs, aws.lb.TargetGroupState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 32 } },
    vpcId: { replace: true },
    port: { replace: true },
    protocol: { replace: true },
    protocolVersion: { replace: true, computed: true },
    targetType: { replace: true },
    healthCheck: { computed: true },
    deregistrationDelay: {},
    slowStart: {},
    loadBalancingAlgorithmType: { computed: true },
    tags: {},
  },
  outputs: ["arn", "arnSuffix"],
  async create(aws, inputs, request) {
    const { TargetGroups } = await elb(aws).send(
      new CreateTargetGroupCommand({
        Name: inputs.name,
        VpcId: inputs.vpcId,
        Port: inputs.port,
        Protocol: inputs.protocol as "HTTP" | undefined,
        ProtocolVersion: inputs.protocolVersion,
        TargetType: inputs.targetType as "ip" | undefined,
        ...health(inputs.healthCheck),
        ...tagged(inputs),
      }),
    );
    const arn = present(TargetGroups?.[0]?.TargetGroupArn, "target group ARN");
    request.exists(arn, { arn });
    const Attributes = attributes(GROUP_ATTRIBUTES, {}, inputs);
    if (Attributes.length > 0) await elb(aws).send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn: arn, Attributes }));
    return {
      id: arn,
      outputs: {
        arn,
        arnSuffix: arn.split(":").at(-1),
        targetType: inputs.targetType ?? "instance",
        loadBalancingAlgorithmType: inputs.loadBalancingAlgorithmType ?? "round_robin",
      },
    };
  },
  async update(aws, id, olds, news) {
    if (news.healthCheck !== undefined && JSON.stringify(olds.healthCheck) !== JSON.stringify(news.healthCheck)) {
      await elb(aws).send(new ModifyTargetGroupCommand({ TargetGroupArn: id, ...health(news.healthCheck) }));
    }
    const Attributes = attributes(GROUP_ATTRIBUTES, olds, news);
    if (Attributes.length > 0) await elb(aws).send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn: id, Attributes }));
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => elb(aws).send(new DeleteTargetGroupCommand({ TargetGroupArn: id })), GONE);
  },
  async read(aws, id) {
    const found = await unlessGone(() => elb(aws).send(new DescribeTargetGroupsCommand({ TargetGroupArns: [id] })), GONE);
    return found?.TargetGroups?.[0] === undefined ? undefined : { outputs: {} };
  },
};

/** Action configurations, with the API's names for them. */
const ACTION_NAMES = { fixedResponse: "FixedResponseConfig", redirect: "RedirectConfig", forward: "ForwardConfig", arn: "TargetGroupArn" };

function actions(list: unknown): Action[] {
  return ((list ?? []) as object[]).map((action, index) => {
    const made = pascal(action, ACTION_NAMES) as Action;
    return { ...made, Order: made.Order ?? index + 1 };
  });
}

const FIELDS: Record<string, string> = {
  pathPattern: "path-pattern",
  hostHeader: "host-header",
  httpRequestMethod: "http-request-method",
  sourceIp: "source-ip",
  httpHeader: "http-header",
};

function conditions(list: unknown): RuleCondition[] {
  return ((list ?? []) as Record<string, unknown>[]).flatMap((condition) =>
    Object.entries(condition).map(([name, config]) => {
      const Field = FIELDS[name];
      if (Field === undefined) throw new Error(`the lab's stand-in for the aws provider has no listener rule condition ${name}`);
      return { Field, [`${name.charAt(0).toUpperCase()}${name.slice(1)}Config`]: pascal(config) };
    }),
  );
}

export const listener: AwsKind<aws.lb.ListenerArgs, aws.lb.ListenerState> = {
  inputs: {
    loadBalancerArn: { required: true, replace: true },
    port: {},
    protocol: { computed: true },
    sslPolicy: { computed: true },
    certificateArn: {},
    defaultActions: { required: true },
    tags: {},
  },
  outputs: ["arn"],
  async create(aws, inputs) {
    const { Listeners } = await elb(aws).send(
      new CreateListenerCommand({ LoadBalancerArn: inputs.loadBalancerArn, ...listening(inputs), ...tagged(inputs) }),
    );
    const made = Listeners?.[0];
    const arn = present(made?.ListenerArn, "listener ARN");
    return {
      id: arn,
      outputs: { arn, protocol: inputs.protocol ?? made?.Protocol ?? "HTTP", sslPolicy: inputs.sslPolicy ?? made?.SslPolicy ?? "" },
    };
  },
  async update(aws, id, olds, news) {
    await elb(aws).send(new ModifyListenerCommand({ ListenerArn: id, ...listening(news) }));
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => elb(aws).send(new DeleteListenerCommand({ ListenerArn: id })), GONE);
  },
};

function listening(inputs: Plain<aws.lb.ListenerArgs>) {
  return {
    Port: inputs.port,
    Protocol: (inputs.protocol ?? "HTTP") as "HTTP",
    SslPolicy: inputs.sslPolicy,
    DefaultActions: actions(inputs.defaultActions),
    ...(inputs.certificateArn === undefined ? {} : { Certificates: [{ CertificateArn: inputs.certificateArn }] }),
  };
}

export const listenerRule: AwsKind<aws.lb.ListenerRuleArgs, aws.lb.ListenerRuleState> = {
  inputs: {
    listenerArn: { required: true, replace: true },
    // The API has no 'next free' priority; the official plugin looks for one, here the program names it.
    priority: { required: true },
    conditions: { required: true },
    actions: { required: true },
    tags: {},
  },
  outputs: ["arn"],
  async create(aws, inputs) {
    const { Rules } = await elb(aws).send(
      new CreateRuleCommand({
        ListenerArn: inputs.listenerArn,
        Priority: inputs.priority,
        Conditions: conditions(inputs.conditions),
        Actions: actions(inputs.actions),
        ...tagged(inputs),
      }),
    );
    const arn = present(Rules?.[0]?.RuleArn, "rule ARN");
    return { id: arn, outputs: { arn } };
  },
  async update(aws, id, olds, news) {
    if (olds.priority !== news.priority) {
      await elb(aws).send(new SetRulePrioritiesCommand({ RulePriorities: [{ RuleArn: id, Priority: news.priority }] }));
    }
    await elb(aws).send(new ModifyRuleCommand({ RuleArn: id, Conditions: conditions(news.conditions), Actions: actions(news.actions) }));
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => elb(aws).send(new DeleteRuleCommand({ RuleArn: id })), GONE);
  },
};
