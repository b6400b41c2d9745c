import type * as aws from "@pulumi/aws";
import { CreateDBSnapshotCommand, DeleteDBSnapshotCommand, DescribeDBSnapshotsCommand, type DBSnapshot } from "@aws-sdk/client-rds";
import { setTimeout as sleep } from "node:timers/promises";
import { isNamed, present, unlessGone, type Aws, type AwsKind } from "./aws";
import { rds, retag } from "./rds-client";
import { tagList } from "./tags";

const POLL_MS = 100;
const CREATE_TIMEOUT_MS = 20 * 60_000;

export const snapshot: AwsKind<aws.rds.SnapshotArgs, aws.rds.SnapshotState> = {
  inputs: {
    dbInstanceIdentifier: { required: true, replace: true },
    dbSnapshotIdentifier: { required: true, replace: true },
    tags: {},
  },
  outputs: [
    "allocatedStorage",
    "availabilityZone",
    "dbSnapshotArn",
    "encrypted",
    "engine",
    "engineVersion",
    "iops",
    "kmsKeyId",
    "licenseModel",
    "optionGroupName",
    "port",
    "snapshotType",
    "sourceDbSnapshotIdentifier",
    "sourceRegion",
    "status",
    "storageType",
    "vpcId",
  ],
  async create(aws, inputs, request) {
    const id = present(inputs.dbSnapshotIdentifier, "dbSnapshotIdentifier");
    await rds(aws).send(
      new CreateDBSnapshotCommand({
        DBInstanceIdentifier: inputs.dbInstanceIdentifier,
        DBSnapshotIdentifier: id,
        Tags: tagList(inputs.tagsAll),
      }),
    );
    request.exists(id, inputs);
    const deadline = Date.now() + (request.timeoutMs ?? CREATE_TIMEOUT_MS);
    for (;;) {
      const found = await describe(aws, id);
      if (found?.Status === "available") return { id, outputs: state(found) };
      if (found?.Status === "failed" || Date.now() > deadline) {
        throw new Error(`RDS DB Snapshot (${id}) is ${found?.Status ?? "not there"}, not available`);
      }
      await sleep(POLL_MS, undefined, { signal: request.signal });
    }
  },
  async update(aws, _id, olds, news) {
    await retag(aws, olds.dbSnapshotArn, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => rds(aws).send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: id })), GONE);
  },
  async read(aws, id, inputs) {
    const found = await describe(aws, id);
    if (found === undefined) return undefined;
    const { DBInstanceIdentifier: dbInstanceIdentifier, DBSnapshotIdentifier: dbSnapshotIdentifier } = found;
    return { outputs: state(found), inputs: { ...inputs, dbInstanceIdentifier, dbSnapshotIdentifier } };
  },
};

const GONE = /^DBSnapshotNotFound/;

async function describe(aws: Aws, id: string): Promise<DBSnapshot | undefined> {
  try {
    return (await rds(aws).send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: id }))).DBSnapshots?.[0];
  } catch (error) {
    if (isNamed(error, GONE)) return undefined;
    throw error;
  }
}

function state(found: DBSnapshot): Record<string, unknown> {
  const all = {
    dbInstanceIdentifier: found.DBInstanceIdentifier,
    dbSnapshotIdentifier: found.DBSnapshotIdentifier,
    dbSnapshotArn: found.DBSnapshotArn,
    allocatedStorage: found.AllocatedStorage,
    availabilityZone: found.AvailabilityZone,
    encrypted: found.Encrypted,
    engine: found.Engine,
    engineVersion: found.EngineVersion,
    iops: found.Iops,
    kmsKeyId: found.KmsKeyId,
    licenseModel: found.LicenseModel,
    optionGroupName: found.OptionGroupName,
    port: found.Port,
    snapshotType: found.SnapshotType,
    sourceDbSnapshotIdentifier: found.SourceDBSnapshotIdentifier,
    sourceRegion: found.SourceRegion,
    status: found.Status,
    storageType: found.StorageType,
    vpcId: found.VpcId,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
