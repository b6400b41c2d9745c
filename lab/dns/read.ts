import {
  paginateListHealthChecks,
  paginateListHostedZones,
  ListResourceRecordSetsCommand,
  type HealthCheck,
  type ResourceRecordSet,
  type Route53Client,
  type ListResourceRecordSetsCommandInput,
  type ListResourceRecordSetsCommandOutput,
} from "@aws-sdk/client-route-53";
import type { Check } from "./health";
import { canonical, type RecordSet, type Zone } from "./zone";

/** Life of an alias of a load balancer in resolvers, in seconds. */
const ALIAS_TTL = 60;

/** Everything in Route 53 that the name server answers from. Private zones are left out: nobody asks from inside a VPC. */
export async function readRoute53(client: Route53Client): Promise<{ zones: Zone[]; checks: Check[] }> {
  const zones: Zone[] = [];
  for await (const page of paginateListHostedZones({ client }, {})) {
    for (const zone of page.HostedZones ?? []) {
      if (zone.Config?.PrivateZone === true) continue;
      zones.push({ name: canonical(zone.Name ?? ""), records: await readRecords(client, zone.Id ?? "") });
    }
  }
  const checks: Check[] = [];
  for await (const page of paginateListHealthChecks({ client }, {})) checks.push(...(page.HealthChecks ?? []).map(toCheck));
  return { zones, checks };
}

async function readRecords(client: Route53Client, zone: string): Promise<RecordSet[]> {
  const records: RecordSet[] = [];
  let from: Partial<ListResourceRecordSetsCommandInput> | undefined = {};
  while (from !== undefined) {
    const page: ListResourceRecordSetsCommandOutput = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone, ...from }));
    records.push(...(page.ResourceRecordSets ?? []).map(toRecordSet));
    from =
      page.IsTruncated === true
        ? { StartRecordName: page.NextRecordName, StartRecordType: page.NextRecordType, StartRecordIdentifier: page.NextRecordIdentifier }
        : undefined;
  }
  return records;
}

function toRecordSet(set: ResourceRecordSet): RecordSet {
  const alias = set.AliasTarget;
  return {
    name: canonical(set.Name ?? ""),
    type: set.Type ?? "",
    ttl: alias === undefined ? (set.TTL ?? ALIAS_TTL) : ALIAS_TTL,
    values: (set.ResourceRecords ?? []).map((record) => plainValue(record.Value ?? "")),
    ...(alias === undefined
      ? {}
      : { alias: { target: canonical(alias.DNSName ?? ""), evaluateTargetHealth: alias.EvaluateTargetHealth === true } }),
    ...(set.Failover === undefined ? {} : { failover: set.Failover }),
    ...(set.SetIdentifier === undefined ? {} : { setIdentifier: set.SetIdentifier }),
    ...(set.HealthCheckId === undefined ? {} : { healthCheck: set.HealthCheckId }),
  };
}

/** moto writes the values of the SOA record that comes with a zone as the text of a Python dictionary. */
function plainValue(text: string): string {
  return /^\{'Value': '(.*)'\}$/.exec(text)?.[1] ?? text;
}

/** Defaults are Route 53's: failure threshold 3, SNI on for HTTPS, port 443 or 80. */
function toCheck(check: HealthCheck): Check {
  const config = check.HealthCheckConfig;
  const type = config?.Type ?? "HTTP";
  return {
    id: check.Id ?? "",
    type,
    ...(present(config?.FullyQualifiedDomainName) ? { fqdn: canonical(config.FullyQualifiedDomainName) } : {}),
    ...(present(config?.IPAddress) ? { address: config.IPAddress } : {}),
    port: config?.Port ?? (type.startsWith("HTTPS") ? 443 : 80),
    path: present(config?.ResourcePath) ? config.ResourcePath : "/",
    ...(type.endsWith("_STR_MATCH") ? { search: config?.SearchString ?? "" } : {}),
    sni: config?.EnableSNI ?? type.startsWith("HTTPS"),
    threshold: config?.FailureThreshold ?? 3,
    inverted: config?.Inverted ?? false,
    disabled: config?.Disabled ?? false,
    children: config?.ChildHealthChecks ?? [],
    healthThreshold: config?.HealthThreshold ?? 0,
  };
}

function present<T extends string>(text: T | undefined): text is T {
  return text !== undefined && text !== "";
}
