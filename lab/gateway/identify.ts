import { parseXML } from "@aws-sdk/xml-builder";
import { GUARD_AGENT } from "../../guard/agent";
import { TAKEOVER_KEY } from "../../topology/names";
import { restAction } from "./rest-actions";
import { s3Action, s3Host } from "./s3-actions";
import type { AwsRequest, Protocol } from "./mend";

/** What came in, before it is understood. */
export interface Incoming {
  method: string;
  /** As on the request line: path and query. */
  url: string;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: Buffer;
  remoteAddress: string;
}

/** Header by which a client of the lab says whose address it stands for: everything in the lab comes from loopback. */
export const SOURCE_HEADER = "x-changeover-lab-source";

/** In 15.177.0.0/18, one of the ranges that Route 53 publishes for its health checkers. */
const HEALTH_CHECKER_ADDRESS = "15.177.2.1";

/** User agent of Route 53's health checkers, also in the lab. */
export const HEALTH_CHECKER_AGENT = "Amazon-Route53-Health-Check-Service";

/** In the user agent of the lab's AWS Backup, which asks RDS. */
export const BACKUP_AGENT = "AWS-Backup";

/**
 * Who asks, as far as it matters for the counts. A guard is one that reads a takeover switch; whatever else it asked for
 * would be anybody's request. A service is one of AWS's own.
 */
export function askerOf({ service, action, parameters, headers }: AwsRequest): "probe" | "guard" | "service" | "client" {
  const agent = headers["user-agent"] ?? "";
  if (agent.startsWith(HEALTH_CHECKER_AGENT)) return "probe";
  if (agent.includes(BACKUP_AGENT)) return "service";
  const readsSwitch = service === "s3" && action === "GetObject" && parameters["key"] === TAKEOVER_KEY;
  return readsSwitch && agent.includes(GUARD_AGENT) ? "guard" : "client";
}

const GLOBAL_REGION = "us-east-1";

/**
 * Services whose control plane is in us-east-1 alone, for all the world. By service, not by signature: an SDK that is given an endpoint
 * signs for its own region.
 */
const GLOBAL_SERVICES = new Set(["iam", "route53", "cloudfront", "organizations", "budgets", "ce", "health"]);

export function isGlobal(service: string): boolean {
  return GLOBAL_SERVICES.has(service);
}

interface Scope {
  region: string;
  service: string;
}

/** Credential scope of a SigV4 signature, in the header or of a presigned URL. */
export function scopeOf(headers: Record<string, string>, query: URLSearchParams): Scope | undefined {
  const credential = /Credential=([^,\s]+)/.exec(headers["authorization"] ?? "")?.[1] ?? query.get("X-Amz-Credential") ?? "";
  const parts = credential.split("/");
  const [region, service] = parts.slice(-3, -1);
  return parts.length >= 5 && region && service ? { region, service: service.toLowerCase() } : undefined;
}

/**
 * Region, service, action and parameters of a request.
 * @param listener region of the endpoint that it came in by; `undefined` for the router
 */
export function identify(incoming: Incoming, listener?: string): AwsRequest {
  const { method, headers, body } = incoming;
  const url = new URL(incoming.url, "http://lab");
  const scope = scopeOf(headers, url.searchParams);
  const host = s3Host(headers["host"] ?? "");
  // Without a signature it is an anonymous read of S3, or one of the few unsigned calls of STS, which have an action.
  const unsigned = host === undefined && formOf(headers, body)?.has("Action") ? "sts" : "s3";
  const service = scope?.service ?? unsigned;
  const base = {
    region: isGlobal(service) ? GLOBAL_REGION : (scope?.region ?? host?.region ?? listener ?? GLOBAL_REGION),
    service,
    method,
    headers,
    body,
    signed: scope !== undefined,
    sourceAddress: sourceOf(incoming),
  };
  if (service === "s3") return { ...base, ...s3(method, url, headers, body, host?.bucket) };
  return { ...base, path: url.pathname + url.search, ...other(service, method, url, headers, body) };
}

function sourceOf({ headers, remoteAddress }: Incoming): string {
  const stated = headers[SOURCE_HEADER];
  if (stated !== undefined) return stated;
  return (headers["user-agent"] ?? "").startsWith(HEALTH_CHECKER_AGENT) ? HEALTH_CHECKER_ADDRESS : remoteAddress;
}

type Identified = Pick<AwsRequest, "protocol" | "action" | "parameters">;

function s3(
  method: string,
  url: URL,
  headers: Record<string, string>,
  body: Buffer,
  virtualBucket: string | undefined,
): Identified & { path: string } {
  if (url.pathname.startsWith("/v20180820/")) {
    return {
      protocol: "s3",
      action: `${method} ${url.pathname}`,
      parameters: Object.fromEntries(url.searchParams),
      path: url.pathname + url.search,
    };
  }
  const pathname = virtualBucket === undefined ? url.pathname : `/${virtualBucket}${url.pathname}`;
  const [bucket = "", ...rest] = pathname.slice(1).split("/");
  const key = decode(rest.join("/"));
  const kind = bucket === "" ? "service" : key === "" ? "bucket" : "object";
  const action = s3Action(method, kind, url.searchParams, headers["x-amz-copy-source"] !== undefined);
  return {
    protocol: "s3",
    action,
    parameters: {
      ...Object.fromEntries(url.searchParams),
      ...(bucket === "" ? {} : { bucket }),
      ...(key === "" ? {} : { key }),
      ...(action === "DeleteObjects" ? { objects: JSON.stringify(objectsIn(body)) } : {}),
    },
    path: pathname + url.search,
  };
}

interface ObjectXml {
  Key: string;
  VersionId?: string;
}

/** What a `DeleteObjects` names. */
function objectsIn(body: Buffer): { key: string; versionId?: string }[] {
  try {
    const { Delete } = parseXML(body.toString("utf8")) as { Delete?: { Object?: ObjectXml | ObjectXml[] } };
    const objects = Delete?.Object ?? [];
    return (Array.isArray(objects) ? objects : [objects]).map(({ Key, VersionId }) => ({
      key: Key,
      ...(VersionId === undefined ? {} : { versionId: VersionId }),
    }));
  } catch {
    return [];
  }
}

function other(service: string, method: string, url: URL, headers: Record<string, string>, body: Buffer): Identified {
  const target = headers["x-amz-target"];
  if (target !== undefined) {
    return { protocol: "json", action: target.slice(target.lastIndexOf(".") + 1), parameters: jsonParameters(body) };
  }
  const rpc = /^\/service\/[^/]+\/operation\/([^/]+)$/.exec(url.pathname)?.[1];
  if (rpc !== undefined) return { protocol: "cbor", action: rpc, parameters: {} };
  const form = formOf(headers, body) ?? url.searchParams;
  const action = form.get("Action");
  if (action !== null) return { protocol: service === "ec2" ? "ec2" : "query", action, parameters: Object.fromEntries(form) };
  const rest = restAction(service, method, url.pathname);
  const protocol: Protocol = service === "route53" || service === "cloudfront" ? "rest-xml" : "rest-json";
  return {
    protocol,
    action: rest.action,
    parameters: {
      ...Object.fromEntries(url.searchParams),
      ...(protocol === "rest-json" ? jsonParameters(body) : {}),
      ...(rest.id === undefined ? {} : { id: rest.id }),
      ...(rest.member === undefined ? {} : { member: rest.member }),
    },
  };
}

function formOf(headers: Record<string, string>, body: Buffer): URLSearchParams | undefined {
  if (!(headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded")) return undefined;
  return new URLSearchParams(body.toString("utf8"));
}

/** Top-level members; what is not a string stays JSON. */
function jsonParameters(body: Buffer): Record<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    return {};
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, typeof member === "string" ? member : JSON.stringify(member)]),
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const READS =
  /^(Describe|Get|List|Head|Lookup|Search|Query|Scan|BatchGet|TestDNS|Simulate|Select|Assume|Encrypt|Decrypt|Verify|Sign|GenerateDataKey|GenerateMac|GenerateRandom|ReEncrypt|HEAD |OPTIONS )/i;

/** Whether it leaves what moto records as it was. */
export function isRead(action: string): boolean {
  return READS.test(action);
}
