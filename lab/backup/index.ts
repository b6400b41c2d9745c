import type { Mend } from "../gateway/mend";
import type { LabContext, LabPart } from "../part";
import { Outages } from "../postgres/outages";
import { backupMend } from "./api";
import { ownSnapshots } from "./own-snapshots";
import { Plans } from "./plans";
import { Rds } from "./rds";
import { RecoveryPoints } from "./recovery-points";
import { Roles } from "./roles";
import { Runner } from "./runner";
import { DEFAULT_PACE, Scheduler, type BackupPace } from "./scheduler";
import { Records, type Service } from "./service";
import { Vaults } from "./vaults";

export { DEFAULT_PACE, type BackupPace } from "./scheduler";

export interface Backup extends LabPart {
  /** What moto must be mended with for this; for the gateway. */
  mends: Mend[];
}

/**
 * AWS Backup of RDS, for real: recovery points are DB snapshots, copies are copies in the other region with the key of the vault there,
 * schedules come round. A region has its own; one that is lost begins nothing, and what it had begun goes on when it is back.
 * @param pace where it differs from the lab's
 */
export function createBackup(lab: LabContext, pace: Partial<BackupPace> = {}): Backup {
  const log = (message: string): void => {
    lab.log("backup", message);
  };
  const outages = new Outages();
  const runner = new Runner(outages, log);
  const service: Service = {
    rds: new Rds(lab.world, runner.stopped),
    roles: new Roles(lab.world),
    vaults: new Vaults(lab.world),
    plans: new Plans(),
    points: new RecoveryPoints(),
    runner,
    policies: new Map(),
    backups: new Records(),
    copies: new Records(),
    restores: new Records(),
  };
  const scheduler = new Scheduler(service, { ...DEFAULT_PACE, ...pace }, log);
  return {
    name: "backup",
    mends: [backupMend(service), ownSnapshots],
    async start() {
      scheduler.start();
      await Promise.resolve();
    },
    async stop() {
      scheduler.stop();
      await runner.stop();
      for (const part of [service.rds, service.roles, service.vaults]) part.close();
    },
    async outage(region, mode) {
      outages.begin(region, mode);
      await Promise.resolve();
    },
    async heal(region) {
      outages.end(region);
      await Promise.resolve();
    },
    status: () => ({
      recoveryPoints: service.points.all.map(({ BackupVaultArn, RecoveryPointArn, ResourceName, Status, CreationDate }) => ({
        vault: BackupVaultArn,
        arn: RecoveryPointArn,
        of: ResourceName,
        status: Status,
        at: CreationDate,
      })),
    }),
  };
}
