/** How a service writes its requests and errors. */
export type Protocol = "query" | "ec2" | "json" | "cbor" | "s3" | "rest-xml" | "rest-json";

/** A request to AWS as the gateway understood it. */
export interface AwsRequest {
  /** Region that it is signed for, or that its host names; us-east-1 for services that have their control plane there only (`iam`, `route53`). */
  region: string;
  /** Signing name: `rds`, `s3`, `route53`, `elasticloadbalancing`, ... */
  service: string;
  /** API action (`DescribeDBInstances`, `PutObject`); `METHOD /path` where the gateway does not know the service's paths. */
  action: string;
  protocol: Protocol;
  /** Query and form parameters, top-level JSON members, and what the path names (`bucket`, `key`, `id`, `member` of it); `objects` for `DeleteObjects`. */
  parameters: Record<string, string>;
  method: string;
  /** Path and query as moto gets them: buckets are in the path, never in the host. */
  path: string;
  /** Lower-case names; each value as it came. */
  headers: Record<string, string>;
  body: Buffer;
  /** Whether it carries a signature or is presigned. The lab does not verify signatures. */
  signed: boolean;
  /** Address of the client; for health checkers, an address of the ranges that Route 53 publishes. */
  sourceAddress: string;
}

export interface AwsResponse {
  status: number;
  /** Lower-case names. `content-length` is set by the gateway, except in answers to HEAD. */
  headers: Record<string, string | string[]>;
  body: Buffer;
}

/**
 * Corrects what moto does for one service. `request` runs before moto: it may answer by itself, hand on another
 * request, or return `undefined` to leave it. `response` runs after moto or after a mend that answered, is given the request as
 * the client sent it, and may replace the answer. Mends run in the order given. What they throw is answered as 500, and logged.
 */
export interface Mend {
  /** Signing name, or `*` for all. */
  service: string;
  request?(request: AwsRequest): Promise<AwsResponse | AwsRequest | undefined>;
  response?(request: AwsRequest, response: AwsResponse): Promise<AwsResponse | undefined>;
}

export function isResponse(value: AwsRequest | AwsResponse): value is AwsResponse {
  return "status" in value;
}
