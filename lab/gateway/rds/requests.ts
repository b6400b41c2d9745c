import { awsError } from "../errors";
import type { AwsRequest, AwsResponse } from "../mend";

/** The same request with other parameters. */
export function withParameters(request: AwsRequest, parameters: Record<string, string>): AwsRequest {
  const body = Buffer.from(new URLSearchParams(parameters).toString());
  return { ...request, parameters, body, headers: { ...request.headers, "content-length": String(body.length) } };
}

export function instanceNotFound(request: AwsRequest, id: string): AwsResponse {
  return awsError(request, 404, "DBInstanceNotFound", `DBInstance ${id} not found.`);
}

/** An answer of the lab's own. @param result what is in `<...Result>`, as XML */
export function answer({ action }: AwsRequest, result: string): AwsResponse {
  const body = `<${action}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><${action}Result>${result}</${action}Result></${action}Response>`;
  return { status: 200, headers: { "content-type": "text/xml" }, body: Buffer.from(body) };
}
