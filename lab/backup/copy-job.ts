import { randomUUID } from "node:crypto";
import type { CopyJob, RecoveryPointCreator, StartCopyJobInput } from "@aws-sdk/client-backup";
import { ACCOUNT } from "../account";
import { BackupFault, given } from "./fault";
import { newPoint, snapshotOf } from "./recovery-points";
import { fill, refuseByLock, type Service } from "./service";
import { parseVaultArn } from "./vaults";

/**
 * Begins to copy a recovery point to another vault, encrypted anew with the key of that vault. None begins while one of the two
 * regions is lost; one that an outage breaks off goes on after it.
 * @param by the plan's rule that wants it and the backup job before it; default: none, it is made on demand
 * @throws BackupFault for what is no complete recovery point of the region, or no vault
 */
export async function startCopy(
  service: Service,
  region: string,
  input: StartCopyJobInput,
  by: { rule?: RecoveryPointCreator; backupJobId?: string } = {},
): Promise<CopyJob> {
  const { rds, vaults, points, runner, copies } = service;
  const from = await vaults.need(region, given(input.SourceBackupVaultName, "SourceBackupVaultName"));
  const source = points.need(region, given(input.RecoveryPointArn, "RecoveryPointArn"), from.name);
  if (source.Status !== "COMPLETED") {
    throw new BackupFault(
      "InvalidRequestException",
      `${source.RecoveryPointArn} is ${source.Status}; only what is COMPLETED can be copied.`,
    );
  }
  const to = parseVaultArn(given(input.DestinationBackupVaultArn, "DestinationBackupVaultArn"));
  const jobId = randomUUID();
  const lifecycle = input.Lifecycle ?? source.Lifecycle;
  const job: CopyJob = {
    AccountId: ACCOUNT,
    CopyJobId: jobId,
    SourceBackupVaultArn: from.arn,
    SourceRecoveryPointArn: source.RecoveryPointArn,
    DestinationBackupVaultArn: input.DestinationBackupVaultArn,
    DestinationRecoveryPointLifecycle: lifecycle,
    ResourceArn: source.ResourceArn,
    ResourceName: source.ResourceName,
    ResourceType: "RDS",
    IamRoleArn: input.IamRoleArn,
    CreationDate: new Date(),
    State: "RUNNING",
    IsParent: false,
    CreatedBy: by.rule,
    CreatedByBackupJobId: by.backupJobId,
  };
  copies.add(region, jobId, job);
  const work = async (): Promise<void> => {
    const regions = [region, to.region];
    const lost = runner.lost(regions);
    if (lost !== undefined) throw new Error(`AWS Backup in ${lost} does not answer.`);
    const vault = await vaults.need(to.region, to.name);
    refuseByLock(vault, lifecycle);
    const keyArn = source.IsEncrypted === true ? vault.keyArn : undefined;
    const point = newPoint(`arn:aws:rds:${to.region}:${ACCOUNT}:snapshot:awsbackup:copyjob-${jobId}`, vault, {
      resource: source.ResourceArn,
      // Of the data, not of the copy.
      created: source.CreationDate,
      restoreMetadata: source.restoreMetadata,
      sourceVault: from.arn,
      keyArn,
      lifecycle,
      role: input.IamRoleArn,
      createdBy: by.rule,
    });
    job.DestinationRecoveryPointArn = point.RecoveryPointArn;
    job.DestinationEncryptionKeyArn = keyArn;
    await fill(service, point, regions, () => rds.copySnapshot(to.region, source.RecoveryPointArn, snapshotOf(point), keyArn));
    job.BackupSizeInBytes = point.BackupSizeInBytes;
  };
  runner.run(job, `copy of ${source.RecoveryPointArn} to ${to.region}`, work, (state) => (job.State = state));
  return job;
}
