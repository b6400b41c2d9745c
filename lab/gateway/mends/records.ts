import { parseXML } from "@aws-sdk/xml-builder";
import { request as fetch } from "undici";
import { url, type World } from "../../world";
import { awsError } from "../errors";
import type { AwsRequest, Mend } from "../mend";

interface RecordSet {
  Name: string;
  Type: string;
  SetIdentifier?: string;
  Failover?: string;
  Weight?: string;
  Region?: string;
  GeoLocation?: unknown;
  MultiValueAnswer?: string;
  HealthCheckId?: string;
}

export interface Change {
  Action: string;
  ResourceRecordSet: RecordSet;
}

/** Route 53's checks of a change batch, which moto leaves out: duplicates, two primaries, mixed policies, unknown health checks. */
export function recordChecks(world: World): Mend {
  const read = async (request: AwsRequest, path: string): Promise<unknown> => {
    const headers = { authorization: request.headers["authorization"] ?? "" };
    const { body } = await fetch(`${url(world.moto)}/2013-04-01/${path}`, { headers });
    return parseXML(await body.text());
  };
  return {
    service: "route53",
    async request(request) {
      if (request.action !== "ChangeResourceRecordSets") return undefined;
      const sent = parseXML(request.body.toString("utf8")) as {
        ChangeResourceRecordSetsRequest?: { ChangeBatch?: { Changes?: { Change?: Change | Change[] } } };
      };
      const changes = list(sent.ChangeResourceRecordSetsRequest?.ChangeBatch?.Changes?.Change);
      const zone = (await read(request, `hostedzone/${request.parameters["id"] ?? ""}/rrset?maxitems=10000`)) as {
        ListResourceRecordSetsResponse?: { ResourceRecordSets?: { ResourceRecordSet?: RecordSet | RecordSet[] } };
      };
      // No such zone: moto says so.
      if (!zone.ListResourceRecordSetsResponse) return undefined;
      const checks = changes.some((change) => change.ResourceRecordSet.HealthCheckId !== undefined)
        ? ((await read(request, "healthcheck?maxitems=1000")) as {
            ListHealthChecksResponse?: { HealthChecks?: { HealthCheck?: { Id: string } | { Id: string }[] } };
          })
        : undefined;
      const problems = problemsOf(
        list(zone.ListResourceRecordSetsResponse.ResourceRecordSets?.ResourceRecordSet),
        changes,
        new Set(list(checks?.ListHealthChecksResponse?.HealthChecks?.HealthCheck).map(({ Id }) => Id)),
      );
      return problems.length === 0 ? undefined : awsError(request, 400, "InvalidChangeBatch", `[${problems.join(", ")}]`);
    },
  };
}

/** What Route 53 would refuse a batch for. Pure. */
export function problemsOf(existing: RecordSet[], changes: Change[], healthChecks: ReadonlySet<string>): string[] {
  const sets = new Map(existing.map((set) => [keyOf(set), set]));
  const problems: string[] = [];
  for (const { Action, ResourceRecordSet: set } of changes) {
    const key = keyOf(set);
    const label = `[name='${nameOf(set)}', type='${set.Type}'${set.SetIdentifier ? `, set identifier='${set.SetIdentifier}'` : ""}]`;
    if (Action === "CREATE" && sets.has(key)) problems.push(`Tried to create resource record set ${label} but it already exists`);
    if (Action === "DELETE" && !sets.has(key)) problems.push(`Tried to delete resource record set ${label} but it was not found`);
    if (Action !== "DELETE" && set.HealthCheckId !== undefined && !healthChecks.has(set.HealthCheckId)) {
      problems.push(`The specified health check ${set.HealthCheckId} of ${label} does not exist`);
    }
    if (Action === "DELETE") sets.delete(key);
    else sets.set(key, set);
  }
  const touched = new Set(changes.map(({ ResourceRecordSet: set }) => groupOf(set)));
  for (const group of touched) {
    const members = [...sets.values()].filter((set) => groupOf(set) === group);
    const policies = new Set(members.map(policyOf));
    if (policies.size > 1) problems.push(`RRSets of '${group}' mix routing policies: ${[...policies].sort().join(", ")}`);
    for (const role of ["PRIMARY", "SECONDARY"]) {
      if (members.filter((set) => set.Failover === role).length > 1)
        problems.push(`Two failover resource record sets of '${group}' are ${role}`);
    }
  }
  return problems;
}

const nameOf = ({ Name }: RecordSet): string => `${Name.toLowerCase().replace(/\.$/, "")}.`;
const groupOf = (set: RecordSet): string => `${nameOf(set)} ${set.Type}`;
const keyOf = (set: RecordSet): string => `${groupOf(set)} ${set.SetIdentifier ?? ""}`;

function policyOf(set: RecordSet): string {
  if (set.Failover !== undefined) return "failover";
  if (set.Weight !== undefined) return "weighted";
  if (set.Region !== undefined) return "latency";
  if (set.GeoLocation !== undefined) return "geolocation";
  return set.MultiValueAnswer === undefined ? "simple" : "multivalue";
}

function list<T>(value: T | T[] | undefined): T[] {
  // An empty element is read as an empty text.
  if (value === undefined || (value as unknown) === "") return [];
  return Array.isArray(value) ? value : [value];
}
