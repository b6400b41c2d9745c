import type { AwsRequest } from "../../../lab/gateway/mend";

/** A signed POST as the gateway understood it. */
export function awsRequest(what: Pick<AwsRequest, "region" | "service" | "action" | "protocol" | "parameters">): AwsRequest {
  return { ...what, method: "POST", path: "/", headers: {}, body: Buffer.alloc(0), signed: true, sourceAddress: "127.0.0.1" };
}
