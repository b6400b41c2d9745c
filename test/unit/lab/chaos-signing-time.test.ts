import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { KMSClient, ListKeysCommand } from "@aws-sdk/client-kms";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clockOptions } from "../../../lab/chaos/clock";
import { createGateway, type Gateway } from "../../../lab/gateway";
import { createMoto } from "../../../lab/moto";
import type { LabPart } from "../../../lab/part";
import { url } from "../../../lab/world";
import { testLab, type TestLab } from "./context";

const MINUTE = 60_000;
let lab: TestLab;
let moto: LabPart;
let gateway: Gateway;

beforeAll(async () => {
  lab = await testLab(160);
  moto = createMoto(lab);
  gateway = createGateway(lab, []);
  await moto.start();
  await gateway.start();
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  await moto.stop();
  await lab.dispose();
});

/** A client whose clock is off by so much, and that does not ask twice. */
const options = (systemClockOffset: number) => ({
  region: "eu-west-1",
  endpoint: url(lab.world.aws),
  credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
  systemClockOffset,
  maxAttempts: 1,
});

const ask: Record<string, (off: number) => Promise<unknown>> = {
  rds: (off) => new RDSClient(options(off)).send(new DescribeDBInstancesCommand({})),
  ec2: (off) => new EC2Client(options(off)).send(new DescribeVpcsCommand({})),
  kms: (off) => new KMSClient(options(off)).send(new ListKeysCommand({})),
  s3: (off) => new S3Client(options(off)).send(new ListBucketsCommand({})),
};

it.each([
  ["rds", 5, "SignatureDoesNotMatch"],
  ["ec2", 5, "RequestExpired"],
  ["kms", 5, "InvalidSignatureException"],
  ["s3", 15, "RequestTimeTooSkewed"],
])("%s refuses what is signed more than %i minutes off", async (service, minutes, name) => {
  for (const sign of [1, -1]) {
    const near = await ask[service]!(sign * (minutes * MINUTE - 5_000)).then(() => "answered");
    const far = await ask[service]!(sign * (minutes * MINUTE + 5_000)).catch((error: unknown) => (error as Error).name);
    expect([near, far]).toEqual(["answered", name]);
  }
});

it("programs with a shifted clock correct themselves by the answer", async () => {
  const program = `
    const { DescribeDBInstancesCommand, RDSClient } = require("@aws-sdk/client-rds");
    const { ListBucketsCommand, S3Client } = require("@aws-sdk/client-s3");
    const options = { region: "eu-west-1", endpoint: ${JSON.stringify(url(lab.world.aws))}, credentials: { accessKeyId: "lab", secretAccessKey: "lab" } };
    const attempts = ({ $metadata }) => $metadata.attempts;
    Promise.all([
      new RDSClient(options).send(new DescribeDBInstancesCommand({})).then(attempts),
      new S3Client(options).send(new ListBucketsCommand({})).then(attempts),
    ]).then((all) => process.stdout.write(JSON.stringify(all)), (error) => process.stdout.write(error.name));`;
  for (const shiftMs of [60 * MINUTE, -60 * MINUTE]) {
    const env = { ...process.env, NODE_OPTIONS: clockOptions(undefined, shiftMs) };
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", program], { env });
    expect(stdout).toBe("[2,2]");
  }
});
