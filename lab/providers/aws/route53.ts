import type * as aws from "@pulumi/aws";
import {
  ChangeResourceRecordSetsCommand,
  ChangeTagsForResourceCommand,
  CreateHealthCheckCommand,
  CreateHostedZoneCommand,
  DeleteHealthCheckCommand,
  DeleteHostedZoneCommand,
  GetChangeCommand,
  GetHealthCheckCommand,
  GetHostedZoneCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
  UpdateHealthCheckCommand,
  UpdateHostedZoneCommentCommand,
  type ChangeAction,
  type HealthCheckConfig,
  type ResourceRecordSet,
  type RRType,
} from "@aws-sdk/client-route-53";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { GLOBAL_REGION, isNamed, present, unlessGone, type Aws, type AwsKind, type Plain } from "./aws";
import { tagChanges, tagList, type Tags } from "./tags";

/** Zones, health checks and records. The service is global; its control plane is in us-east-1. */

const route53 = (aws: Aws): Route53Client => aws.client(Route53Client, GLOBAL_REGION);

const bare = (id: string | undefined, what: string): string => present(id, what).replace(/^\/\w+\//, "");

async function retag(
  aws: Aws,
  type: "healthcheck" | "hostedzone",
  id: string,
  olds: { tagsAll?: Tags | undefined },
  news: { tagsAll?: Tags | undefined },
): Promise<void> {
  const changes = tagChanges(olds, news);
  if (changes === undefined) return;
  await route53(aws).send(
    new ChangeTagsForResourceCommand({
      ResourceType: type,
      ResourceId: id,
      ...(Object.keys(changes.set).length > 0 ? { AddTags: tagList(changes.set) } : {}),
      ...(changes.remove.length > 0 ? { RemoveTagKeys: changes.remove } : {}),
    }),
  );
}

export const zone: AwsKind<aws.route53.ZoneArgs, aws.route53.ZoneState> = {
  inputs: { name: { required: true, replace: true }, comment: {}, forceDestroy: {}, tags: {} },
  outputs: ["arn", "nameServers", "primaryNameServer", "zoneId"],
  async create(aws, inputs, request) {
    const { HostedZone, DelegationSet } = await route53(aws).send(
      new CreateHostedZoneCommand({
        Name: inputs.name,
        CallerReference: randomUUID(),
        HostedZoneConfig: { Comment: inputs.comment ?? "Managed by Pulumi" },
      }),
    );
    const id = bare(HostedZone?.Id, "zone id");
    request.exists(id, { zoneId: id });
    await retag(aws, "hostedzone", id, {}, inputs);
    const nameServers = [...(DelegationSet?.NameServers ?? [])].sort();
    return {
      id,
      outputs: {
        arn: `arn:aws:route53:::hostedzone/${id}`,
        zoneId: id,
        nameServers,
        primaryNameServer: DelegationSet?.NameServers?.[0],
        comment: inputs.comment ?? "Managed by Pulumi",
        forceDestroy: inputs.forceDestroy ?? false,
      },
    };
  },
  async update(aws, id, olds, news) {
    const comment = news.comment ?? "Managed by Pulumi";
    if (comment !== olds.comment) await route53(aws).send(new UpdateHostedZoneCommentCommand({ Id: id, Comment: comment }));
    await retag(aws, "hostedzone", id, olds, news);
    return { comment, forceDestroy: news.forceDestroy ?? false };
  },
  async delete(aws, id, outputs) {
    if (outputs.forceDestroy === true) await emptyZone(aws, id, outputs.name ?? "");
    await unlessGone(() => route53(aws).send(new DeleteHostedZoneCommand({ Id: id })), "NoSuchHostedZone");
  },
  async read(aws, id) {
    const found = await unlessGone(() => route53(aws).send(new GetHostedZoneCommand({ Id: id })), "NoSuchHostedZone");
    return found === undefined ? undefined : { outputs: {} };
  },
};

async function emptyZone(aws: Aws, id: string, name: string): Promise<void> {
  const { ResourceRecordSets } = await route53(aws).send(new ListResourceRecordSetsCommand({ HostedZoneId: id }));
  const apex = (set: ResourceRecordSet): boolean => normal(set.Name ?? "") === normal(name) && (set.Type === "NS" || set.Type === "SOA");
  const Changes = (ResourceRecordSets ?? [])
    .filter((set) => !apex(set))
    .map((set) => ({ Action: "DELETE" as const, ResourceRecordSet: set }));
  if (Changes.length > 0) await route53(aws).send(new ChangeResourceRecordSetsCommand({ HostedZoneId: id, ChangeBatch: { Changes } }));
}

type CheckArgs = Plain<aws.route53.HealthCheckArgs>;

/** What can be changed of a health check. */
function adjustable(inputs: CheckArgs): Omit<HealthCheckConfig, "Type"> {
  return {
    FullyQualifiedDomainName: inputs.fqdn,
    IPAddress: inputs.ipAddress,
    Port: inputs.port,
    ResourcePath: inputs.resourcePath,
    SearchString: inputs.searchString,
    FailureThreshold: inputs.failureThreshold,
    EnableSNI: inputs.enableSni,
    Inverted: inputs.invertHealthcheck,
    Disabled: inputs.disabled,
    ChildHealthChecks: inputs.childHealthchecks,
    HealthThreshold: inputs.childHealthThreshold,
    Regions: inputs.regions as HealthCheckConfig["Regions"],
  };
}

export const healthCheck: AwsKind<aws.route53.HealthCheckArgs, aws.route53.HealthCheckState> = {
  inputs: {
    type: { required: true, replace: true },
    requestInterval: { replace: true },
    measureLatency: { replace: true },
    fqdn: {},
    ipAddress: {},
    port: {},
    resourcePath: {},
    searchString: {},
    failureThreshold: { computed: true },
    enableSni: { computed: true },
    invertHealthcheck: {},
    disabled: {},
    childHealthchecks: {},
    childHealthThreshold: {},
    regions: {},
    tags: {},
  },
  outputs: ["arn"],
  async create(aws, inputs, request) {
    const { HealthCheck } = await route53(aws).send(
      new CreateHealthCheckCommand({
        CallerReference: randomUUID(),
        HealthCheckConfig: {
          Type: inputs.type as HealthCheckConfig["Type"],
          RequestInterval: inputs.requestInterval,
          MeasureLatency: inputs.measureLatency,
          ...adjustable(inputs),
        },
      }),
    );
    const id = present(HealthCheck?.Id, "health check id");
    request.exists(id);
    await retag(aws, "healthcheck", id, {}, inputs);
    const config = HealthCheck?.HealthCheckConfig;
    return {
      id,
      outputs: {
        arn: `arn:aws:route53:::healthcheck/${id}`,
        failureThreshold: inputs.failureThreshold ?? config?.FailureThreshold,
        enableSni: inputs.enableSni ?? config?.EnableSNI,
      },
    };
  },
  async update(aws, id, olds, news) {
    await route53(aws).send(
      new UpdateHealthCheckCommand({
        HealthCheckId: id,
        ...adjustable(news),
        Inverted: news.invertHealthcheck ?? false,
        Disabled: news.disabled ?? false,
      }),
    );
    await retag(aws, "healthcheck", id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => route53(aws).send(new DeleteHealthCheckCommand({ HealthCheckId: id })), "NoSuchHealthCheck");
  },
  async read(aws, id) {
    const found = await unlessGone(() => route53(aws).send(new GetHealthCheckCommand({ HealthCheckId: id })), "NoSuchHealthCheck");
    return found === undefined ? undefined : { outputs: {} };
  },
};

type RecordArgs = Plain<aws.route53.RecordArgs>;

export const record: AwsKind<aws.route53.RecordArgs, aws.route53.RecordState> = {
  inputs: {
    zoneId: { required: true, replace: true },
    name: { required: true, replace: true, same: (a, b) => typeof a === "string" && typeof b === "string" && normal(a) === normal(b) },
    type: { required: true, replace: true },
    setIdentifier: { replace: true },
    ttl: {},
    records: {},
    aliases: {},
    failoverRoutingPolicies: {},
    weightedRoutingPolicies: {},
    healthCheckId: {},
    allowOverwrite: { computed: true },
  },
  outputs: ["fqdn"],
  check: (_aws, inputs) => {
    if (inputs.aliases !== undefined) {
      return inputs.ttl === undefined && inputs.records === undefined
        ? []
        : [{ property: "aliases", reason: "an alias record has neither ttl nor records" }];
    }
    return inputs.ttl !== undefined && inputs.records !== undefined
      ? []
      : [{ property: "ttl", reason: "a record without aliases needs ttl and records" }];
  },
  async create(aws, inputs, request) {
    const { HostedZone } = await route53(aws).send(new GetHostedZoneCommand({ Id: inputs.zoneId }));
    const fqdn = within(normal(inputs.name), normal(present(HostedZone?.Name, "zone name")));
    await change(aws, inputs.allowOverwrite === true ? "UPSERT" : "CREATE", inputs, fqdn, request.signal);
    const id = [inputs.zoneId, normal(inputs.name), inputs.type, inputs.setIdentifier].filter((part) => part !== undefined).join("_");
    return { id, outputs: { fqdn, allowOverwrite: inputs.allowOverwrite ?? false } };
  },
  async update(aws, _id, olds, news, request) {
    await change(aws, "UPSERT", news, present(olds.fqdn, "fqdn"), request.signal);
    return {};
  },
  async delete(aws, _id, outputs, request) {
    const gone = (error: unknown): boolean =>
      isNamed(error, "NoSuchHostedZone") || (isNamed(error, /^Invalid/) && /not found/i.test(String(error)));
    try {
      await change(aws, "DELETE", outputs as RecordArgs, present(outputs.fqdn, "fqdn"), request.signal);
    } catch (error) {
      if (!gone(error)) throw error;
    }
  },
};

async function change(aws: Aws, action: ChangeAction, inputs: RecordArgs, fqdn: string, signal: AbortSignal): Promise<void> {
  const alias = inputs.aliases?.[0];
  const weighted = inputs.weightedRoutingPolicies?.[0];
  const set: ResourceRecordSet = {
    Name: fqdn,
    Type: inputs.type as RRType,
    SetIdentifier: inputs.setIdentifier,
    HealthCheckId: inputs.healthCheckId,
    ...(inputs.failoverRoutingPolicies?.[0] === undefined ? {} : { Failover: inputs.failoverRoutingPolicies[0].type as "PRIMARY" }),
    ...(weighted === undefined ? {} : { Weight: weighted.weight }),
    ...(alias === undefined
      ? { TTL: inputs.ttl, ResourceRecords: (inputs.records ?? []).map((Value) => ({ Value })) }
      : { AliasTarget: { DNSName: alias.name, HostedZoneId: alias.zoneId, EvaluateTargetHealth: alias.evaluateTargetHealth } }),
  };
  const { ChangeInfo } = await route53(aws).send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: inputs.zoneId,
      ChangeBatch: { Changes: [{ Action: action, ResourceRecordSet: set }] },
    }),
  );
  let status = ChangeInfo?.Status;
  while (status === "PENDING") {
    await sleep(200, undefined, { signal });
    status = (await route53(aws).send(new GetChangeCommand({ Id: ChangeInfo?.Id }))).ChangeInfo?.Status;
  }
}

/** Lower case, without the final dot. */
function normal(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** The full name of a record that the program may have named relative to its zone. */
function within(name: string, zoneName: string): string {
  if (name === "") return zoneName;
  return name === zoneName || name.endsWith(`.${zoneName}`) ? name : `${name}.${zoneName}`;
}
