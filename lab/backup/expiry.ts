import { regionOf, snapshotOf, type RecoveryPoint } from "./recovery-points";
import type { Service } from "./service";

/**
 * What is to go: what is past its time; and of what one rule of a plan put into one vault, all but the newest `keep`. Schedules come round
 * faster in the lab than days go by, and disks are not endless. Pure.
 */
export function due(points: RecoveryPoint[], now: Date, keep: number): RecoveryPoint[] {
  const counts = new Map<string, number>();
  return points
    .filter(({ Status }) => Status === "COMPLETED")
    .sort((a, b) => b.CreationDate.getTime() - a.CreationDate.getTime())
    .filter(({ BackupVaultArn, CreatedBy, CalculatedLifecycle }) => {
      if (CalculatedLifecycle?.DeleteAt && CalculatedLifecycle.DeleteAt <= now) return true;
      if (CreatedBy?.BackupRuleId === undefined) return false;
      const key = `${BackupVaultArn} ${CreatedBy.BackupRuleId}`;
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return count > keep;
    });
}

/** Deletes a recovery point with its snapshot. It stays where that fails. */
export async function deletePoint({ rds, points }: Pick<Service, "rds" | "points">, point: RecoveryPoint): Promise<void> {
  point.Status = "DELETING";
  try {
    await rds.deleteSnapshot(regionOf(point.RecoveryPointArn), snapshotOf(point));
    points.remove(point);
  } catch (error) {
    point.Status = "COMPLETED";
    throw error;
  }
}
