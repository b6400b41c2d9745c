import {
  CreateTargetGroupCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateHealthCheckCommand, GetHealthCheckStatusCommand, Route53Client } from "@aws-sdk/client-route-53";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { CreateVpcCommand, DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { ListRolesCommand, IAMClient } from "@aws-sdk/client-iam";
import { DescribeDBInstancesCommand, RDSClient, StartDBInstanceAutomatedBackupsReplicationCommand } from "@aws-sdk/client-rds";
import { Agent, request } from "undici";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createGateway, type Gateway } from "../../../lab/gateway";
import { healthStatus } from "../../../lab/gateway/mends/health-status";
import { targetHealth } from "../../../lab/gateway/mends/target-health";
import { createMoto } from "../../../lab/moto";
import type { AwsChange, LabPart } from "../../../lab/part";
import { url } from "../../../lab/world";
import { testLab, type TestLab } from "./context";

let lab: TestLab;
let moto: LabPart;
let gateway: Gateway;
const changes: AwsChange[] = [];
/** Health check that the mends know. */
let checkId = "";

const options = (
  region: string,
): { region: string; endpoint: string; credentials: { accessKeyId: string; secretAccessKey: string }; maxAttempts: number } => ({
  region,
  endpoint: url(lab.world.aws),
  credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
  maxAttempts: 1,
});

beforeAll(async () => {
  lab = await testLab(100);
  lab.events.on("aws", (change) => changes.push(change));
  moto = createMoto(lab);
  gateway = createGateway(lab, [
    targetHealth(() => [
      { address: "127.20.50.1", port: 8080, state: "unhealthy", reason: "Target.Timeout", description: "slow & <late>" },
    ]),
    healthStatus(() => [{ id: checkId, status: "unhealthy", lastReason: "HTTP 503" }]),
  ]);
  await moto.start();
  await gateway.start();
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  await moto.stop();
  await lab.dispose();
});

afterEach(async () => {
  for (const region of ["eu-north-1", "eu-west-1", "us-east-1"]) {
    await gateway.heal?.(region);
    gateway.setFault(region, undefined);
  }
});

describe("regions", () => {
  it("are told apart by the router, and changes are announced", async () => {
    await new EC2Client(options("eu-west-1")).send(new CreateVpcCommand({ CidrBlock: "10.20.0.0/16" }));
    expect(changes.at(-1)).toMatchObject({
      region: "eu-west-1",
      service: "ec2",
      action: "CreateVpc",
      parameters: { CidrBlock: "10.20.0.0/16" },
    });
    const count = changes.length;
    const here = async (region: string): Promise<boolean> => {
      const { Vpcs } = await new EC2Client(options(region)).send(new DescribeVpcsCommand({}));
      return (Vpcs ?? []).some((vpc) => vpc.CidrBlock === "10.20.0.0/16");
    };
    expect(await here("eu-west-1")).toBe(true);
    expect(await here("eu-north-1")).toBe(false);
    expect(changes).toHaveLength(count);
  });

  it("refuse what is signed for another at their own endpoint", async () => {
    const client = new EC2Client({ ...options("eu-north-1"), endpoint: url(lab.world.region("eu-west-1").aws) });
    await expect(client.send(new DescribeVpcsCommand({}))).rejects.toThrow("Credential should be scoped to a valid region");
    await expect(
      new IAMClient({ ...options("us-east-1"), endpoint: url(lab.world.region("eu-west-1").aws) }).send(new ListRolesCommand({})),
    ).resolves.toBeDefined();
  });

  it("serve their own buckets only", async () => {
    await new S3Client(options("eu-north-1")).send(
      new CreateBucketCommand({ Bucket: "north", CreateBucketConfiguration: { LocationConstraint: "eu-north-1" } }),
    );
    await expect(new S3Client(options("eu-north-1")).send(new HeadBucketCommand({ Bucket: "north" }))).resolves.toBeDefined();
    await expect(new S3Client(options("eu-west-1")).send(new GetObjectCommand({ Bucket: "north", Key: "k" }))).rejects.toMatchObject({
      name: "PermanentRedirect",
    });
  });
});

describe("a lost region", () => {
  it("stopped: resets, still counts by action and caller, and leaves the others alone", async () => {
    const rds = new RDSClient({ ...options("eu-north-1"), customUserAgent: "driver/1" });
    await rds.send(new DescribeDBInstancesCommand({}));
    await gateway.outage?.("eu-north-1", "stop");
    await expect(rds.send(new DescribeDBInstancesCommand({}))).rejects.toMatchObject({ code: "ECONNRESET" });
    const direct = new RDSClient({ ...options("eu-north-1"), endpoint: url(lab.world.region("eu-north-1").aws) });
    await expect(direct.send(new DescribeDBInstancesCommand({}))).rejects.toMatchObject({ code: "ECONNRESET" });
    await expect(new RDSClient(options("eu-west-1")).send(new DescribeDBInstancesCommand({}))).resolves.toBeDefined();

    const { outage } = gateway.counts()["eu-north-1"] ?? {};
    expect(outage).toMatchObject({ mode: "stop", total: 2, byAction: { "rds:DescribeDBInstances": 2 } });
    expect(outage?.recent[0]?.userAgent).toContain("driver/1");
    expect(gateway.counts()["eu-west-1"]?.outage).toBeUndefined();

    await gateway.heal?.("eu-north-1");
    await expect(rds.send(new DescribeDBInstancesCommand({}))).resolves.toBeDefined();
    expect(gateway.counts()["eu-north-1"]?.outage?.total).toBe(2);
  });

  it("stopped: counts an upload that waits for leave to continue", async () => {
    await gateway.outage?.("eu-west-1", "stop");
    const s3 = new S3Client(options("eu-west-1"));
    await expect(s3.send(new PutObjectCommand({ Bucket: "b", Key: "k", Body: Buffer.alloc(3_000_000) }))).rejects.toBeDefined();
    expect(gateway.counts()["eu-west-1"]?.outage?.byAction).toEqual({ "s3:PutObject": 1 });
  });

  it("blackholed: hangs and counts; healed: what hung ends", async () => {
    await gateway.outage?.("eu-west-1", "blackhole");
    let settled: string | undefined;
    const call = new RDSClient(options("eu-west-1")).send(new DescribeDBInstancesCommand({})).then(
      () => (settled = "answered"),
      () => (settled = "reset"),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(settled).toBeUndefined();
    expect(gateway.counts()["eu-west-1"]?.outage).toMatchObject({ mode: "blackhole", total: 1 });
    await gateway.heal?.("eu-west-1");
    await call;
    expect(settled).toBe("reset");
  });

  it("takes the control planes of IAM and Route 53 with it when it is us-east-1", async () => {
    await gateway.outage?.("us-east-1", "stop");
    await expect(new IAMClient(options("eu-west-1")).send(new ListRolesCommand({}))).rejects.toMatchObject({ code: "ECONNRESET" });
  });
});

describe("faults", () => {
  it("slow, throttle and fail", async () => {
    const rds = new RDSClient(options("eu-west-1"));
    gateway.setFault("eu-west-1", { latencyMs: 300 });
    const start = performance.now();
    await rds.send(new DescribeDBInstancesCommand({}));
    expect(performance.now() - start).toBeGreaterThanOrEqual(299);
    gateway.setFault("eu-west-1", { throttleRate: 1 });
    await expect(rds.send(new DescribeDBInstancesCommand({}))).rejects.toMatchObject({ name: "Throttling" });
    gateway.setFault("eu-west-1", { errorRate: 1 });
    await expect(rds.send(new DescribeDBInstancesCommand({}))).rejects.toMatchObject({
      name: "InternalFailure",
      $metadata: { httpStatusCode: 500 },
    });
  });
});

it("names what moto does not implement, once", async () => {
  const before = gateway.counts()["eu-west-1"]?.total ?? 0;
  const call = new RDSClient({ ...options("eu-west-1"), maxAttempts: 3 }).send(
    new StartDBInstanceAutomatedBackupsReplicationCommand({ SourceDBInstanceArn: "arn:aws:rds:eu-north-1:123456789012:db:x" }),
  );
  await expect(call).rejects.toMatchObject({ name: "NotImplementedInLab", $metadata: { httpStatusCode: 400 } });
  await expect(call).rejects.toThrow("rds:StartDBInstanceAutomatedBackupsReplication");
  expect(gateway.counts()["eu-west-1"]?.total).toBe(before + 1);
});

it("answers with the health that the data planes found", async () => {
  const { VpcId = "" } = (await new EC2Client(options("eu-west-1")).send(new CreateVpcCommand({ CidrBlock: "10.21.0.0/16" }))).Vpc ?? {};
  const elb = new ElasticLoadBalancingV2Client(options("eu-west-1"));
  const { TargetGroups } = await elb.send(
    new CreateTargetGroupCommand({ Name: "t", Protocol: "HTTP", Port: 8080, TargetType: "ip", VpcId }),
  );
  const { TargetHealthDescriptions } = await elb.send(
    new DescribeTargetHealthCommand({ TargetGroupArn: TargetGroups?.[0]?.TargetGroupArn }),
  );
  expect(TargetHealthDescriptions).toMatchObject([
    {
      Target: { Id: "127.20.50.1", Port: 8080 },
      TargetHealth: { State: "unhealthy", Reason: "Target.Timeout", Description: "slow & <late>" },
    },
  ]);

  const route53 = new Route53Client(options("eu-west-1"));
  const created = await route53.send(
    new CreateHealthCheckCommand({
      CallerReference: "a",
      HealthCheckConfig: { Type: "HTTPS", FullyQualifiedDomainName: "x.test", ResourcePath: "/" },
    }),
  );
  checkId = created.HealthCheck?.Id ?? "";
  const { HealthCheckObservations } = await route53.send(new GetHealthCheckStatusCommand({ HealthCheckId: checkId }));
  expect(HealthCheckObservations?.map(({ StatusReport }) => StatusReport?.Status)).toEqual(["Failure: HTTP 503"]);
});

it("answers a health checker over TLS for the host of the bucket, as the bucket's policy says", async () => {
  const s3 = new S3Client(options("eu-west-1"));
  await s3.send(new CreateBucketCommand({ Bucket: "the-switch", CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } }));
  await s3.send(new PutObjectCommand({ Bucket: "the-switch", Key: "takeover", Body: "on" }));
  const policy = {
    Statement: [
      {
        Effect: "Allow",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: "arn:aws:s3:::the-switch/takeover",
        Condition: { IpAddress: { "aws:SourceIp": "15.177.0.0/18" } },
      },
      {
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: "arn:aws:s3:::the-switch/*",
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ],
  };
  await s3.send(new PutBucketPolicyCommand({ Bucket: "the-switch", Policy: JSON.stringify(policy) }));

  const { host, port } = lab.world.region("eu-west-1").awsTls;
  const name = "the-switch.s3.eu-west-1.amazonaws.com";
  const dispatcher = new Agent({ connect: { ca: lab.certificates.caCert, servername: name } });
  const status = async (path: string, agent: string): Promise<number> => {
    const { statusCode, body } = await request(`https://${host}:${port}${path}`, {
      dispatcher,
      headers: { host: name, "user-agent": agent },
    });
    await body.dump();
    return statusCode;
  };
  const checker = "Amazon-Route53-Health-Check-Service (ref 1)";
  const { probes = 0, total } = gateway.counts()["eu-west-1"] ?? {};
  expect(await status("/takeover", checker)).toBe(200);
  expect(await status("/other", checker)).toBe(403);
  expect(gateway.counts()["eu-west-1"]).toMatchObject({ probes: probes + 2, total });
  expect(await status("/takeover", "curl/8")).toBe(403);
  await expect(s3.send(new GetObjectCommand({ Bucket: "the-switch", Key: "takeover" }))).resolves.toBeDefined();
  await dispatcher.destroy();
});
