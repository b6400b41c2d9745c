import { randomUUID } from "node:crypto";
import type { BackupJob, RecoveryPointCreator, StartBackupJobInput } from "@aws-sdk/client-backup";
import { ACCOUNT } from "../account";
import { BackupFault, given } from "./fault";
import { newPoint, snapshotOf, type RecoveryPoint } from "./recovery-points";
import { restoreMetadata } from "./restore-metadata";
import { fill, refuseByLock, type Service } from "./service";

/**
 * Begins to take a snapshot of a DB instance. It is encrypted with the instance's key, not the vault's: AWS Backup does not encrypt RDS by itself.
 * @param createdBy the plan's rule that wants it; default: none, it is made on demand
 * @param then what to do with the recovery point once it is complete
 * @throws BackupFault for what is no DB instance or no vault of the region
 */
export async function startBackup(
  service: Service,
  region: string,
  input: StartBackupJobInput,
  createdBy?: RecoveryPointCreator,
  then: (point: RecoveryPoint, jobId: string) => void = () => undefined,
): Promise<BackupJob> {
  const { rds, vaults, runner, backups } = service;
  const resource = given(input.ResourceArn, "ResourceArn");
  const vault = await vaults.need(region, given(input.BackupVaultName, "BackupVaultName"));
  const [, home, id] = /^arn:aws:rds:([a-z0-9-]+):\d{12}:db:(.+)$/.exec(resource) ?? [];
  if (id === undefined || home !== region) {
    throw new BackupFault("InvalidParameterValueException", `${resource} is no DB instance of ${region}; the lab backs up nothing else.`);
  }
  const instance = await rds.instance(region, id);
  if (!instance) throw new BackupFault("ResourceNotFoundException", `There is no DB instance ${id} in ${region}.`);
  const jobId = randomUUID();
  const point = newPoint(`arn:aws:rds:${region}:${ACCOUNT}:snapshot:awsbackup:job-${jobId}`, vault, {
    resource,
    created: new Date(),
    restoreMetadata: restoreMetadata(instance),
    keyArn: instance.KmsKeyId,
    lifecycle: input.Lifecycle,
    role: input.IamRoleArn,
    createdBy,
  });
  const job: BackupJob = {
    AccountId: ACCOUNT,
    BackupJobId: jobId,
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    ResourceArn: resource,
    ResourceName: id,
    ResourceType: "RDS",
    RecoveryPointArn: point.RecoveryPointArn,
    RecoveryPointLifecycle: input.Lifecycle,
    EncryptionKeyArn: point.EncryptionKeyArn,
    IsEncrypted: point.IsEncrypted,
    IamRoleArn: input.IamRoleArn,
    CreationDate: point.CreationDate,
    InitiationDate: point.CreationDate,
    State: "RUNNING",
    PercentDone: "0.0",
    IsParent: false,
    CreatedBy: createdBy,
  };
  backups.add(region, jobId, job);
  const work = async (): Promise<void> => {
    refuseByLock(vault, input.Lifecycle);
    await fill(service, point, [region], () => rds.takeSnapshot(region, id, snapshotOf(point)));
    job.BackupSizeInBytes = point.BackupSizeInBytes;
    job.PercentDone = "100.0";
    then(point, jobId);
  };
  runner.run(job, `backup of ${id} in ${region}`, work, (state) => (job.State = state));
  return job;
}
