import { describe, expect, it } from "vitest";
import type { AwsRequest, AwsResponse } from "../../../lab/gateway/mend";
import { decide, isPublic, parsePolicy, type Access } from "../../../lab/gateway/mends/policy";
import { serviceQuotas } from "../../../lab/gateway/mends/quotas";
import { problemsOf, type Change } from "../../../lab/gateway/mends/records";

import { awsRequest } from "./aws-request";

const ROOT = "arn:aws:iam::123456789012:root";

function policy(...statements: object[]): ReturnType<typeof parsePolicy> {
  return parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements }));
}

const allowChecker = {
  Effect: "Allow",
  Principal: "*",
  Action: "s3:GetObject",
  Resource: "arn:aws:s3:::b/takeover",
  Condition: { IpAddress: { "aws:SourceIp": ["15.177.0.0/18", "2600:1f14::/32"] } },
};
const denyPlain = {
  Effect: "Deny",
  Principal: "*",
  Action: "s3:*",
  Resource: "*",
  Condition: { Bool: { "aws:SecureTransport": "false" } },
};

function access(changes: Partial<Access> = {}): Access {
  return {
    action: "s3:GetObject",
    resource: "arn:aws:s3:::b/takeover",
    context: { "aws:securetransport": "true", "aws:sourceip": "15.177.2.1", "s3:x-amz-server-side-encryption": null },
    ...changes,
  };
}

describe("bucket policies", () => {
  it("allow by address, action and resource", () => {
    const document = policy(allowChecker, denyPlain);
    expect(decide(document, access())).toBe("allowed");
    expect(decide(document, access({ context: { "aws:sourceip": "127.0.0.1" } }))).toBe("neutral");
    expect(decide(document, access({ context: { "aws:sourceip": "2600:1f14::5" } }))).toBe("allowed");
    expect(decide(document, access({ action: "s3:PutObject" }))).toBe("neutral");
    expect(decide(document, access({ resource: "arn:aws:s3:::b/takeover2" }))).toBe("neutral");
  });

  it("deny before they allow", () => {
    expect(decide(policy(allowChecker, { ...denyPlain, Condition: undefined }), access())).toBe("denied");
    expect(decide(policy(denyPlain), access({ context: { "aws:securetransport": "false" } }))).toBe("denied");
  });

  it("leave alone whom they do not name", () => {
    const deny = (who: object | string): object => ({ Effect: "Deny", Principal: who, Action: "s3:*", Resource: "*" });
    expect(decide(policy(deny({ AWS: "arn:aws:iam::123456789012:role/stolen" })), access({ caller: ROOT }))).toBe("neutral");
    expect(decide(policy(deny({ AWS: "123456789012" })), access({ caller: ROOT }))).toBe("denied");
    expect(decide(policy(deny({ AWS: ROOT })), access())).toBe("neutral");
  });

  it("see that a header is absent, and skip what cannot be known", () => {
    const deny = (condition: object): object => ({ Effect: "Deny", Principal: "*", Action: "s3:*", Resource: "*", Condition: condition });
    expect(decide(policy(deny({ StringNotEquals: { "s3:x-amz-server-side-encryption": "aws:kms" } })), access())).toBe("denied");
    expect(decide(policy(deny({ Null: { "s3:x-amz-server-side-encryption": true } })), access())).toBe("denied");
    expect(decide(policy(deny({ StringNotEquals: { "aws:SourceVpce": "vpce-1" } })), access())).toBe("neutral");
  });

  it("are public unless they fix who or from where", () => {
    const open = { ...allowChecker, Condition: undefined };
    const from = (range: string): object => ({ ...allowChecker, Condition: { IpAddress: { "aws:SourceIp": range } } });
    expect(isPublic(policy(open))).toBe(true);
    expect(isPublic(policy({ ...open, Principal: { AWS: "*" } }))).toBe(true);
    expect(isPublic(policy(allowChecker))).toBe(false);
    expect(isPublic(policy(from("0.0.0.0/1")))).toBe(true);
    expect(isPublic(policy(from("10.0.0.0/8")))).toBe(false);
    expect(isPublic(policy({ ...open, Principal: { AWS: ROOT } }))).toBe(false);
    expect(isPublic(policy({ ...open, Condition: { StringEquals: { "aws:SourceVpce": "vpce-1" } } }))).toBe(false);
    expect(isPublic(policy({ ...open, Condition: { StringLike: { "aws:SourceVpce": "vpce-*" } } }))).toBe(true);
    expect(isPublic(policy(denyPlain))).toBe(false);
  });

  it("are refused when they lack a part", () => {
    expect(() => policy({ Effect: "Allow", Action: "s3:*", Resource: "*" })).toThrow("Principal");
    expect(() => parsePolicy("{")).toThrow(SyntaxError);
  });
});

describe("record changes", () => {
  const set = (id: string | undefined, changes: object = {}): Change["ResourceRecordSet"] => ({
    Name: "app.x.test.",
    Type: "A",
    ...(id === undefined ? {} : { SetIdentifier: id }),
    ...changes,
  });
  const change = (Action: string, ResourceRecordSet: Change["ResourceRecordSet"]): Change => ({ Action, ResourceRecordSet });
  const primary = set("a", { Failover: "PRIMARY", HealthCheckId: "h" });
  const checks = new Set(["h"]);

  it("pass when they are sound", () => {
    expect(problemsOf([primary], [change("CREATE", set("b", { Failover: "SECONDARY" }))], checks)).toEqual([]);
    expect(problemsOf([primary], [change("DELETE", primary), change("CREATE", set(undefined))], checks)).toEqual([]);
    expect(problemsOf([primary], [change("UPSERT", { ...primary, Name: "APP.x.test" })], checks)).toEqual([]);
  });

  it.each<[string, Change, string]>([
    ["a duplicate", change("CREATE", primary), "already exists"],
    ["a second primary", change("CREATE", set("b", { Failover: "PRIMARY" })), "are PRIMARY"],
    ["a mix of policies", change("CREATE", set("b", { Weight: "1" })), "mix routing policies"],
    ["an unknown health check", change("CREATE", set("b", { Failover: "SECONDARY", HealthCheckId: "?" })), "does not exist"],
    ["deleting what is not there", change("DELETE", set("z")), "was not found"],
  ])("are refused for %s", (_, bad, reason) => {
    expect(problemsOf([primary], [bad], checks).join()).toContain(reason);
  });
});

describe("service quotas", () => {
  const asked = (action: string, wanted?: number): AwsRequest =>
    awsRequest({
      region: "eu-west-1",
      service: "servicequotas",
      action,
      protocol: "json",
      parameters: { ServiceCode: "rds", QuotaCode: "L-7B6409FD", ...(wanted !== undefined && { DesiredValue: String(wanted) }) },
    });

  it("are what was asked for, by region, and are never lowered", async () => {
    const mend = serviceQuotas();
    const ask = async (action: string, wanted?: number, region = "eu-west-1") => {
      const answer = (await mend.request?.({ ...asked(action, wanted), region })) as AwsResponse;
      return [answer.status, JSON.parse(answer.body.toString()) as unknown];
    };
    expect(await ask("GetServiceQuota")).toMatchObject([200, { Quota: { Value: 1 } }]);
    expect(await ask("RequestServiceQuotaIncrease", 40)).toMatchObject([200, { RequestedQuota: { DesiredValue: 40, Status: "APPROVED" } }]);
    expect(await ask("RequestServiceQuotaIncrease", 40)).toMatchObject([400, { __type: "IllegalArgumentException" }]);
    expect(await ask("GetServiceQuota")).toMatchObject([200, { Quota: { Value: 40 } }]);
    expect(await ask("GetServiceQuota", undefined, "us-east-1")).toMatchObject([200, { Quota: { Value: 1 } }]);
    expect(await mend.request?.(asked("ListServices"))).toBeUndefined();
  });
});
