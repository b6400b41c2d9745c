import { backupToRestore, restoreTimeOf } from "../../postgres/restore-request";
import { parseSnapshotIdentifier } from "../../postgres/snapshots";
import type { RdsPlane } from "../../postgres/plane";
import type { InstanceRecord } from "../../postgres/records";
import { awsError } from "../errors";
import type { AwsRequest, AwsResponse } from "../mend";
import { keyProblem } from "./keys";
import { withParameters } from "./requests";

/**
 * A restored instance is a new one to moto, with the settings that Amazon RDS takes from the source, and with what the request says. moto's
 * own restores would copy the replica link, groups and zones, and know no source that is gone or in another region.
 */

export async function restoreFromSnapshot(plane: RdsPlane, request: AwsRequest): Promise<AwsRequest | AwsResponse | undefined> {
  const { region, parameters } = request;
  const from = parseSnapshotIdentifier(region, parameters.DBSnapshotIdentifier ?? "");
  const snapshot = from.region === region ? plane.snapshotOf(region, from.id) : undefined;
  if (!snapshot) return awsError(request, 404, "DBSnapshotNotFound", `DBSnapshot ${from.id} not found in ${region}.`);
  if (snapshot.state !== "available") {
    const why = `DB snapshot ${from.id} is not in the available state; it is ${snapshot.state}.`;
    return awsError(request, 400, "InvalidDBSnapshotState", why);
  }
  const refusal = await keyProblem(plane, request, snapshot.kmsKeyId);
  return refusal ?? asNew(request, parameters.DBInstanceIdentifier, snapshot.record, snapshot.kmsKeyId);
}

export async function restoreToTime(plane: RdsPlane, request: AwsRequest): Promise<AwsRequest | AwsResponse | undefined> {
  const { region, parameters } = request;
  const {
    TargetDBInstanceIdentifier: target,
    SourceDBInstanceIdentifier: id,
    UseLatestRestorableTime: latest,
    RestoreTime: time,
  } = parameters;
  if ((latest === "true") === (time !== undefined)) {
    return awsError(
      request,
      400,
      "InvalidParameterCombination",
      "Either RestoreTime or UseLatestRestorableTime must be given, and not both.",
    );
  }
  const backup = backupToRestore(plane.automatedBackupsOf(region), parameters);
  if (!backup) {
    const record = id === undefined ? undefined : await plane.recordOf(region, id.toLowerCase());
    if (id === undefined) {
      const named = parameters.SourceDBInstanceAutomatedBackupsArn ?? parameters.SourceDbiResourceId ?? "";
      return awsError(request, 404, "DBInstanceAutomatedBackupNotFound", `DB instance automated backup ${named} not found in ${region}.`);
    }
    if (!record) return awsError(request, 404, "DBInstanceNotFound", `DBInstance ${id} not found.`);
    const why = `Point-in-time restore is not enabled for DB instance ${id}: its backup retention period is 0.`;
    return awsError(request, 400, "PointInTimeRestoreNotEnabled", why);
  }
  const { archive, instance, record } = backup;
  const { window } = archive;
  if (!window || !record) {
    return awsError(
      request,
      400,
      "InvalidRestoreFault",
      `DB instance ${instance.id} has no restorable time yet: its first backup is not complete.`,
    );
  }
  const at = restoreTimeOf(archive, parameters);
  if (at === undefined)
    return awsError(request, 400, "InvalidParameterValue", `RestoreTime ${time ?? ""} is no time; it may be one of ISO 8601, in UTC.`);
  if (at < window.earliest || at > window.latest) {
    const why =
      `The specified restore time ${shown(at)} is not within the restore window of ${instance.id}: ` +
      `the earliest restorable time is ${shown(window.earliest)}, the latest restorable time is ${shown(window.latest)}.`;
    return awsError(request, 400, "InvalidParameterValue", why);
  }
  const kmsKeyId = backup.kmsKeyId ?? (instance.region === region ? record.KmsKeyId : undefined);
  return (await keyProblem(plane, request, kmsKeyId)) ?? asNew(request, target, record, kmsKeyId);
}

/** moto's answer, as the answer to what was asked. */
export function renameAnswer({ action }: Pick<AwsRequest, "action">, xml: string): string {
  return action.startsWith("RestoreDBInstance") ? xml.replace(/(<\/?)CreateDBInstance(Response|Result)\b/g, `$1${action}$2`) : xml;
}

/** Parameters of the restores that `CreateDBInstance` does not have. */
const ONLY_OF_RESTORES =
  /^(Action|(Source|Target)DB\w+|DBSnapshotIdentifier|SourceDbiResourceId|RestoreTime|UseLatestRestorableTime|KmsKeyId)$/;

function asNew(request: AwsRequest, id: string | undefined, record: InstanceRecord, kmsKeyId: string | undefined): AwsRequest {
  const kept = {
    DBInstanceClass: record.DBInstanceClass,
    EngineVersion: record.EngineVersion,
    AllocatedStorage: record.AllocatedStorage,
    StorageType: record.StorageType,
    Iops: record.Iops,
    MasterUsername: record.MasterUsername,
    DBName: record.DBName,
    Port: record.Endpoint?.Port,
    LicenseModel: record.LicenseModel,
    AutoMinorVersionUpgrade: record.AutoMinorVersionUpgrade,
    CopyTagsToSnapshot: record.CopyTagsToSnapshot,
    BackupRetentionPeriod: record.BackupRetentionPeriod,
    PreferredBackupWindow: record.PreferredBackupWindow,
    PreferredMaintenanceWindow: record.PreferredMaintenanceWindow,
  };
  return withParameters(request, {
    ...Object.fromEntries(Object.entries(kept).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))),
    ...Object.fromEntries(Object.entries(request.parameters).filter(([name]) => !ONLY_OF_RESTORES.test(name))),
    Action: "CreateDBInstance",
    DBInstanceIdentifier: id ?? "",
    Engine: "postgres",
    ...(kmsKeyId === undefined ? {} : { StorageEncrypted: "true", KmsKeyId: kmsKeyId }),
  });
}

function shown(ms: number): string {
  return new Date(ms).toISOString();
}
