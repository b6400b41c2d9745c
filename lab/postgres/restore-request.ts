import type { Archive } from "./archive";
import type { AutomatedBackup } from "./automated-backups";

/** Which automated backup of a region a `RestoreDBInstanceToPointInTime` names; `undefined`: none that is there. */
export function backupToRestore(kept: AutomatedBackup[], parameters: Record<string, string>): AutomatedBackup | undefined {
  const { SourceDBInstanceIdentifier: id, SourceDbiResourceId: resourceId, SourceDBInstanceAutomatedBackupsArn: arn } = parameters;
  if (arn !== undefined) return kept.find((backup) => backup.arn === arn);
  if (resourceId !== undefined) return kept.find((backup) => backup.resourceId === resourceId && backup.origin !== "replicated");
  // By its identifier an instance is found only while it is there.
  return kept.find((backup) => backup.instance.id === id?.toLowerCase() && backup.origin === "own");
}

/** The moment it asks for, ms since the epoch; `undefined`: none, or the latest of a window that is not there yet. */
export function restoreTimeOf(archive: Archive, parameters: Record<string, string>): number | undefined {
  if (parameters.UseLatestRestorableTime === "true") return archive.window?.latest;
  const time = Date.parse(parameters.RestoreTime ?? "");
  return Number.isNaN(time) ? undefined : time;
}
