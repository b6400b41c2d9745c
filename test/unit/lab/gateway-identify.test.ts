import { describe, expect, it } from "vitest";
import { awsError, throttled } from "../../../lab/gateway/errors";
import { askerOf, identify, isRead, type Incoming } from "../../../lab/gateway/identify";

const scope = (region: string, service: string): string =>
  `AWS4-HMAC-SHA256 Credential=lab/20261123/${region}/${service}/aws4_request, SignedHeaders=host, Signature=abc`;

function incoming(method: string, url: string, headers: Record<string, string> = {}, body = ""): Incoming {
  return { method, url, headers: { host: "127.40.0.2:4566", ...headers }, body: Buffer.from(body), remoteAddress: "127.0.0.1" };
}

describe("who asks", () => {
  const asker = (method: string, path: string, agent: string, service = "s3") =>
    askerOf(identify(incoming(method, path, { authorization: scope("eu-north-1", service), "user-agent": agent })));
  const guard = "aws-sdk-js/3.1173.0 ua/2.1 os/linux api/s3#3.1173.0 changeover-guard";

  it("is a guard that reads a switch, a health checker, or anybody", () => {
    expect(asker("GET", "/the-switch/takeover?x-id=GetObject", guard)).toBe("guard");
    expect(asker("GET", "/the-switch/takeover", "Amazon-Route53-Health-Check-Service (ref 1)")).toBe("probe");
    expect(asker("GET", "/the-switch/takeover", "aws-cli/2")).toBe("client");
  });

  it("is one of AWS's own services where the lab plays one", () => {
    expect(asker("POST", "/", "aws-sdk-js/3.1169.0 AWS-Backup", "rds")).toBe("service");
  });

  it("is no guard for anything but reading a switch", () => {
    expect(asker("PUT", "/the-switch/takeover", guard)).toBe("client");
    expect(asker("GET", "/the-switch/other", guard)).toBe("client");
    expect(asker("GET", "/the-switch", guard)).toBe("client");
  });
});

describe("identify", () => {
  it("reads the query protocol", () => {
    const request = identify(
      incoming(
        "POST",
        "/",
        { authorization: scope("eu-west-1", "rds"), "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
        "Action=PromoteReadReplica&DBInstanceIdentifier=db-1&Version=2014-10-31",
      ),
    );
    expect(request).toMatchObject({ region: "eu-west-1", service: "rds", action: "PromoteReadReplica", protocol: "query", signed: true });
    expect(request.parameters["DBInstanceIdentifier"]).toBe("db-1");
  });

  it("reads JSON", () => {
    const headers = { authorization: scope("eu-north-1", "kms"), "x-amz-target": "TrentService.DisableKey" };
    expect(identify(incoming("POST", "/", headers, '{"KeyId":"k","N":1}'))).toMatchObject({
      action: "DisableKey",
      protocol: "json",
      parameters: { KeyId: "k", N: "1" },
    });
  });

  it.each([
    ["GET", "/", {}, "ListBuckets", undefined, undefined],
    ["PUT", "/b", {}, "CreateBucket", "b", undefined],
    ["HEAD", "/b/", {}, "HeadBucket", "b", undefined],
    ["GET", "/b?list-type=2&prefix=x", {}, "ListObjectsV2", "b", undefined],
    ["PUT", "/b?replication", {}, "PutBucketReplication", "b", undefined],
    ["PUT", "/b/a%20b/c?x-id=PutObject", {}, "PutObject", "b", "a b/c"],
    ["PUT", "/b/k", { "x-amz-copy-source": "o/k" }, "CopyObject", "b", "k"],
    ["PUT", "/b/k?partNumber=1&uploadId=u", {}, "UploadPart", "b", "k"],
    ["POST", "/b/k?uploadId=u", {}, "CompleteMultipartUpload", "b", "k"],
    ["DELETE", "/b/k?versionId=v", {}, "DeleteObject", "b", "k"],
    ["GET", "/b/k?tagging", {}, "GetObjectTagging", "b", "k"],
  ])("names %s %s", (method, url, headers, action, bucket, key) => {
    const request = identify(incoming(method, url, { authorization: scope("eu-west-1", "s3"), ...headers }));
    expect(request).toMatchObject({ service: "s3", action });
    expect(request.parameters["bucket"]).toBe(bucket);
    expect(request.parameters["key"]).toBe(key);
  });

  it("moves a bucket from the host into the path, and takes the region from there", () => {
    const request = identify(incoming("GET", "/takeover?a=b", { host: "my.switch.s3.eu-west-1.amazonaws.com:443" }));
    expect(request).toMatchObject({ region: "eu-west-1", action: "GetObject", path: "/my.switch/takeover?a=b", signed: false });
  });

  it("takes the region of an unsigned request from its endpoint, else us-east-1", () => {
    expect(identify(incoming("GET", "/b/k"), "eu-north-1").region).toBe("eu-north-1");
    expect(identify(incoming("GET", "/b/k")).region).toBe("us-east-1");
  });

  it("knows a presigned URL", () => {
    const credential = encodeURIComponent("lab/20261123/eu-west-1/s3/aws4_request");
    expect(identify(incoming("GET", `/b/k?X-Amz-Credential=${credential}`))).toMatchObject({ region: "eu-west-1", signed: true });
  });

  it("puts the control planes of Route 53 and IAM into us-east-1, whatever they are signed for", () => {
    const path = "/2013-04-01/hostedzone/Z1/rrset/";
    expect(identify(incoming("POST", path, { authorization: scope("eu-west-1", "route53") }))).toMatchObject({
      region: "us-east-1",
      action: "ChangeResourceRecordSets",
      protocol: "rest-xml",
      parameters: { id: "Z1" },
    });
    const form = { authorization: scope("eu-west-1", "iam"), "content-type": "application/x-www-form-urlencoded" };
    expect(identify(incoming("POST", "/", form, "Action=ListRoles"), "eu-west-1").region).toBe("us-east-1");
  });

  it("gives health checkers an address of theirs, and others the one that they state", () => {
    expect(identify(incoming("GET", "/b/k", { "user-agent": "Amazon-Route53-Health-Check-Service (ref 1)" })).sourceAddress).toMatch(
      /^15\.177\./,
    );
    expect(identify(incoming("GET", "/b/k", { "x-changeover-lab-source": "198.51.100.7" })).sourceAddress).toBe("198.51.100.7");
    expect(identify(incoming("GET", "/b/k")).sourceAddress).toBe("127.0.0.1");
  });
});

it("tells reads from changes", () => {
  expect(["DescribeVpcs", "GetObject", "ListBuckets", "HeadObject", "GET /x", "Decrypt"].filter((action) => !isRead(action))).toEqual([]);
  expect(["CreateVpc", "PutObject", "PromoteReadReplica", "POST /x", "DisableKey", "SetAlarmState"].filter(isRead)).toEqual([]);
});

describe("errors", () => {
  it.each([
    ["query", "<Code>X</Code>"],
    ["ec2", "<Response><Errors><Error><Code>X</Code>"],
    ["s3", "<Error><Code>X</Code>"],
    ["json", '"__type":"X"'],
    ["rest-json", '"code":"X"'],
  ] as const)("are written in %s", (protocol, part) => {
    expect(awsError({ protocol, method: "POST" }, 400, "X", "because").body.toString()).toContain(part);
  });

  it("throttle each protocol in its own words", () => {
    const request = identify(incoming("GET", "/b/k"));
    expect(throttled(request)).toMatchObject({ status: 503 });
    expect(throttled({ ...request, protocol: "query" }).body.toString()).toContain("<Code>Throttling</Code>");
    expect(throttled({ ...request, protocol: "json" }).headers["x-amzn-errortype"]).toBe("ThrottlingException");
  });
});
