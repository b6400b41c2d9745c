import type * as aws from "@pulumi/aws";
import {
  DescribeDBInstanceAutomatedBackupsCommand,
  StartDBInstanceAutomatedBackupsReplicationCommand,
  StopDBInstanceAutomatedBackupsReplicationCommand,
  type DBInstanceAutomatedBackup,
} from "@aws-sdk/client-rds";
import { setTimeout as sleep } from "node:timers/promises";
import { isNamed, present, unlessGone, type Aws, type AwsKind } from "./aws";
import { rds } from "./rds-client";

const POLL_MS = 100;
const CREATE_TIMEOUT_MS = 75 * 60_000;

/** In the provider's region: a copy of the automated backups that another region's instance makes, kept up to date. */
export const instanceAutomatedBackupsReplication: AwsKind<
  aws.rds.InstanceAutomatedBackupsReplicationArgs,
  aws.rds.InstanceAutomatedBackupsReplicationState
> = {
  inputs: {
    sourceDbInstanceArn: { required: true, replace: true },
    kmsKeyId: { replace: true, computed: true },
    retentionPeriod: { replace: true },
    preSignedUrl: { replace: true },
  },
  async create(aws, inputs, request) {
    const { DBInstanceAutomatedBackup: started } = await rds(aws).send(
      new StartDBInstanceAutomatedBackupsReplicationCommand({
        SourceDBInstanceArn: inputs.sourceDbInstanceArn,
        KmsKeyId: inputs.kmsKeyId,
        BackupRetentionPeriod: inputs.retentionPeriod ?? 7,
      }),
    );
    const arn = present(started?.DBInstanceAutomatedBackupsArn, "ARN of the replicated backup");
    request.exists(arn, inputs);
    const deadline = Date.now() + (request.timeoutMs ?? CREATE_TIMEOUT_MS);
    for (;;) {
      const found = await describe(aws, arn);
      // Its first base backup has been shipped by then.
      if (found?.Status === "replicating") return { id: arn, outputs: state(found) };
      if (Date.now() > deadline) {
        throw new Error(`RDS instance automated backup (${arn}) is ${found?.Status ?? "not there"}, not replicating`);
      }
      await sleep(POLL_MS, undefined, { signal: request.signal });
    }
  },
  async delete(aws, _id, outputs) {
    await unlessGone(
      () => rds(aws).send(new StopDBInstanceAutomatedBackupsReplicationCommand({ SourceDBInstanceArn: outputs.sourceDbInstanceArn })),
      GONE,
    );
  },
  async read(aws, id, inputs) {
    const found = await describe(aws, id);
    // A retained one is replicated no more.
    return found === undefined || found.Status === "retained" ? undefined : { outputs: state(found), inputs };
  },
};

const GONE = /^DB(Instance|InstanceAutomatedBackup)NotFound/;

async function describe(aws: Aws, arn: string): Promise<DBInstanceAutomatedBackup | undefined> {
  try {
    const found = await rds(aws).send(new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceAutomatedBackupsArn: arn }));
    return found.DBInstanceAutomatedBackups?.[0];
  } catch (error) {
    if (isNamed(error, GONE)) return undefined;
    throw error;
  }
}

function state(found: DBInstanceAutomatedBackup): Record<string, unknown> {
  return {
    sourceDbInstanceArn: found.DBInstanceArn,
    retentionPeriod: found.BackupRetentionPeriod,
    ...(found.KmsKeyId === undefined ? {} : { kmsKeyId: found.KmsKeyId }),
  };
}
