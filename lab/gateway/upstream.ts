import { Pool } from "undici";
import { url, type Endpoint } from "../world";
import type { AwsRequest, AwsResponse } from "./mend";

/** Headers that belong to one connection, not to the message (RFC 9110, 7.6.1); lengths are set anew. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "host",
  "content-length",
]);

/** moto does not verify signatures, but it takes service and region from one. */
const authorization = ({ region, service }: AwsRequest): string =>
  `AWS4-HMAC-SHA256 Credential=lab/20200101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`;

/** Connections to moto, kept alive. */
export class Upstream {
  private readonly pool: Pool;

  constructor(endpoint: Endpoint) {
    this.pool = new Pool(url(endpoint), { connections: 32, bodyTimeout: 60_000, headersTimeout: 60_000 });
  }

  async send(request: AwsRequest): Promise<AwsResponse> {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers)) if (!HOP_BY_HOP.has(name)) headers[name] = value;
    // Who may read anonymously was decided before; moto would only look at object ACLs.
    if (!request.signed && request.service === "s3") headers["authorization"] = authorization(request);
    const hasBody = request.body.length > 0 || request.method === "PUT" || request.method === "POST";
    const response = await this.pool.request({
      method: request.method,
      path: request.path,
      headers,
      body: hasBody ? request.body : null,
    });
    const kept: AwsResponse["headers"] = {};
    for (const [name, value] of Object.entries(response.headers)) {
      const keep = name === "content-length" ? request.method === "HEAD" : !HOP_BY_HOP.has(name);
      if (keep && value !== undefined) kept[name] = value;
    }
    return { status: response.statusCode, headers: kept, body: Buffer.from(await response.body.arrayBuffer()) };
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }
}
