import { HOUR } from "../topology/duration";

/**
 * When AWS Backup takes snapshots: on the hour, at the same hours each day, UTC.
 * @param intervalMs whole hours that divide a day
 */
export function backupSchedule(intervalMs: number): string {
  const hours = intervalMs / HOUR;
  if (!Number.isInteger(hours) || 24 % hours !== 0) throw new RangeError(`${intervalMs} ms is no interval that comes round each day`);
  return `cron(0 ${hours === 1 ? "*" : hours === 24 ? "0" : `0/${hours}`} * * ? *)`;
}
