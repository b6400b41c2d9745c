import { randomUUID } from "node:crypto";
import type { AwsRequest, AwsResponse } from "./mend";

/** An error as the service would write it, so that each SDK reads code and message. */
export function awsError(request: Pick<AwsRequest, "protocol" | "method">, status: number, code: string, message: string): AwsResponse {
  const id = randomUUID();
  const response = (type: string, body: string | Buffer, headers: Record<string, string> = {}): AwsResponse => ({
    status,
    headers: { "content-type": type, "x-amzn-requestid": id, "x-amz-request-id": id, ...headers },
    // An answer to HEAD has no body; SDKs take the code from the status.
    body: request.method === "HEAD" ? Buffer.alloc(0) : Buffer.from(body),
  });
  const detail = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>`;
  switch (request.protocol) {
    case "query":
    case "rest-xml": {
      const type = status < 500 ? "Sender" : "Receiver";
      return response(
        "text/xml",
        `<ErrorResponse><Error><Type>${type}</Type>${detail}</Error><RequestId>${id}</RequestId></ErrorResponse>`,
      );
    }
    case "ec2":
      return response("text/xml", `<Response><Errors><Error>${detail}</Error></Errors><RequestID>${id}</RequestID></Response>`);
    case "s3":
      return response("application/xml", `<Error>${detail}<RequestId>${id}</RequestId><HostId>lab</HostId></Error>`);
    case "json":
      return response("application/x-amz-json-1.1", JSON.stringify({ __type: code, message }), { "x-amzn-errortype": code });
    case "rest-json":
      return response("application/json", JSON.stringify({ message, code }), { "x-amzn-errortype": code });
    case "cbor":
      return response("application/cbor", cborMap({ __type: code, message }), { "smithy-protocol": "rpc-v2-cbor" });
  }
}

/** What a service answers to a client that asks too often. */
export function throttled(request: AwsRequest): AwsResponse {
  if (request.protocol === "s3") return awsError(request, 503, "SlowDown", "Please reduce your request rate.");
  if (request.protocol === "ec2") return awsError(request, 503, "RequestLimitExceeded", "Request limit exceeded.");
  const code = request.protocol === "query" || request.protocol === "rest-xml" ? "Throttling" : "ThrottlingException";
  return awsError(request, 400, code, "Rate exceeded");
}

export function internalError(request: AwsRequest, message = "We encountered an internal error. Please try again."): AwsResponse {
  return awsError(request, 500, request.protocol === "s3" || request.protocol === "ec2" ? "InternalError" : "InternalFailure", message);
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** CBOR (RFC 8949) of a map of fewer than 24 short strings, which is all that an error needs. */
function cborMap(entries: Record<string, string>): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([0x79, bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  const pairs = Object.entries(entries);
  return Buffer.concat([Buffer.from([0xa0 | pairs.length]), ...pairs.flatMap(([key, value]) => [text(key), text(value)])]);
}
