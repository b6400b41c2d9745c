import type * as aws from "@pulumi/aws";
import {
  CopyDBSnapshotCommand,
  CreateDBSnapshotCommand,
  DeleteDBSnapshotCommand,
  DescribeDBSnapshotsCommand,
  type DBSnapshot,
} from "@aws-sdk/client-rds";
import { setTimeout as sleep } from "node:timers/promises";
import type { Request } from "../base";
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
    return { id, outputs: state(await available(aws, id, request)) };
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

/** A copy in the provider's own region, whole when it is there. */
export const snapshotCopy: AwsKind<aws.rds.SnapshotCopyArgs, aws.rds.SnapshotCopyState> = {
  inputs: {
    sourceDbSnapshotIdentifier: { required: true, replace: true },
    targetDbSnapshotIdentifier: { required: true, replace: true },
    kmsKeyId: { replace: true },
    copyTags: { replace: true },
    destinationRegion: { replace: true },
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
    "licenseModel",
    "optionGroupName",
    "port",
    "snapshotType",
    "sourceRegion",
    "storageType",
    "vpcId",
  ],
  async create(aws, inputs, request) {
    const id = present(inputs.targetDbSnapshotIdentifier, "targetDbSnapshotIdentifier");
    await rds(aws).send(
      new CopyDBSnapshotCommand({
        SourceDBSnapshotIdentifier: inputs.sourceDbSnapshotIdentifier,
        TargetDBSnapshotIdentifier: id,
        KmsKeyId: inputs.kmsKeyId,
        CopyTags: inputs.copyTags,
        Tags: tagList(inputs.tagsAll),
      }),
    );
    request.exists(id, inputs);
    return { id, outputs: { ...copyState(await available(aws, id, request)), ...inputs } };
  },
  async update(aws, _id, olds, news) {
    await retag(aws, olds.dbSnapshotArn, olds, news);
    return {};
  },
  delete: (aws, id, outputs, request) => snapshot.delete(aws, id, outputs, request),
  async read(aws, id, inputs) {
    const found = await describe(aws, id);
    if (found === undefined) return undefined;
    // Whoever imports it has named no source.
    const known = Object.assign({ sourceDbSnapshotIdentifier: found.SourceDBSnapshotIdentifier }, inputs, {
      targetDbSnapshotIdentifier: id,
    });
    return { outputs: { ...copyState(found), ...known }, inputs: known };
  },
};

const GONE = /^DBSnapshotNotFound/;

async function available(aws: Aws, id: string, request: Request): Promise<DBSnapshot> {
  const deadline = Date.now() + (request.timeoutMs ?? CREATE_TIMEOUT_MS);
  for (;;) {
    const found = await describe(aws, id);
    if (found?.Status === "available") return found;
    if (found?.Status === "failed" || Date.now() > deadline) {
      throw new Error(`RDS DB Snapshot (${id}) is ${found?.Status ?? "not there"}, not available`);
    }
    await sleep(POLL_MS, undefined, { signal: request.signal });
  }
}

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

/** A copy has its own name for its identifier, and does not tell its instance and status. */
function copyState(found: DBSnapshot): Record<string, unknown> {
  const { dbSnapshotIdentifier, dbInstanceIdentifier: _instance, status: _status, ...rest } = state(found);
  return { ...rest, targetDbSnapshotIdentifier: dbSnapshotIdentifier };
}
