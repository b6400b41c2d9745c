import { randomUUID } from "node:crypto";
import type { RestoreJobsListMember, StartRestoreJobInput } from "@aws-sdk/client-backup";
import { ACCOUNT } from "../account";
import { BackupFault, given } from "./fault";
import { snapshotOf } from "./recovery-points";
import { restoreRequest } from "./restore-metadata";
import type { Service } from "./service";

/**
 * Begins to restore a recovery point into a new DB instance of its region.
 * @throws BackupFault for what is no complete recovery point of the region, or for settings that RDS does not take
 */
export function startRestore(
  { rds, points, runner, restores }: Service,
  region: string,
  input: StartRestoreJobInput,
): RestoreJobsListMember {
  const point = points.need(region, given(input.RecoveryPointArn, "RecoveryPointArn"));
  if (point.Status !== "COMPLETED") {
    throw new BackupFault(
      "InvalidRequestException",
      `${point.RecoveryPointArn} is ${point.Status}; only what is COMPLETED can be restored.`,
    );
  }
  const request = restoreRequest(snapshotOf(point), given(input.Metadata, "Metadata"));
  const jobId = randomUUID();
  const job: RestoreJobsListMember = {
    AccountId: ACCOUNT,
    RestoreJobId: jobId,
    RecoveryPointArn: point.RecoveryPointArn,
    RecoveryPointCreationDate: point.CreationDate,
    SourceResourceArn: point.ResourceArn,
    BackupVaultArn: point.BackupVaultArn,
    BackupSizeInBytes: point.BackupSizeInBytes,
    ResourceType: "RDS",
    IamRoleArn: input.IamRoleArn,
    CreationDate: new Date(),
    Status: "RUNNING",
    PercentDone: "0.0",
    IsParent: false,
  };
  restores.add(region, jobId, job);
  const work = async (): Promise<void> => {
    const { DBInstanceArn } = await runner.through([region], () => rds.restore(region, request));
    job.CreatedResourceArn = DBInstanceArn;
    job.PercentDone = "100.00";
    point.LastRestoreTime = new Date();
  };
  runner.run(job, `restore of ${point.RecoveryPointArn}`, work, (status) => (job.Status = status));
  return job;
}
