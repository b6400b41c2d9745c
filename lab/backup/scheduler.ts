import { startBackup } from "./backup-job";
import { startCopy } from "./copy-job";
import { comesRound } from "./cron";
import { deletePoint, due } from "./expiry";
import { creatorOf, type Schedule } from "./plans";
import { regionOf, type RecoveryPoint } from "./recovery-points";
import type { Service } from "./service";

/** How fast AWS Backup's time goes by in the lab, and what it keeps. */
export interface BackupPace {
  /** How long an hour of the schedules lasts, in ms. Days that something is kept stay days. */
  hourMs: number;
  /** How many recovery points of one rule are kept in one vault. */
  keep: number;
}

export const DEFAULT_PACE: BackupPace = { hourMs: 30_000, keep: 12 };

const MINUTE_MS = 60_000;
const MINUTES_AN_HOUR = 60;

/** Begins what the plans' schedules want, and removes what has been kept long enough. */
export class Scheduler {
  private timer: NodeJS.Timeout | undefined;
  private began = 0;
  /** Minutes of the schedules that have gone by. */
  private minute = 0;
  /** The last thing that was logged of a resource that could not be backed up. */
  private readonly troubles = new Map<string, string>();

  constructor(
    private readonly service: Service,
    private readonly pace: BackupPace,
    private readonly log: (message: string) => void,
  ) {}

  start(): void {
    this.began = Date.now();
    this.timer = setInterval(() => {
      this.tick();
    }, this.pace.hourMs / MINUTES_AN_HOUR);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    const now = Date.now();
    const until = Math.floor(((now - this.began) * MINUTES_AN_HOUR) / this.pace.hourMs);
    // Whatever was held up comes round once, however often it would have.
    const minutes = Array.from({ length: until - this.minute }, (_, i) => new Date(this.began + (this.minute + i + 1) * MINUTE_MS));
    this.minute = until;
    for (const schedule of this.service.plans.schedules()) {
      if (minutes.some((minute) => comesRound(schedule.cron, minute))) this.begin(schedule);
    }
    for (const point of due(this.service.points.all, new Date(now), this.pace.keep)) this.remove(point);
  }

  private begin(schedule: Schedule): void {
    const { plan } = schedule;
    if (this.service.runner.lost([plan.region]) !== undefined) return;
    plan.lastRun = new Date();
    for (const { document } of plan.selections.values()) {
      const left = new Set(document.NotResources);
      for (const resource of document.Resources ?? []) {
        if (left.has(resource)) continue;
        this.backUp(schedule, resource, document.IamRoleArn ?? "").then(
          () => this.troubles.delete(resource),
          (error: unknown) => {
            this.note(resource, (error as Error).message);
          },
        );
      }
    }
  }

  private async backUp(schedule: Schedule, resource: string, role: string): Promise<void> {
    const { plan, rule } = schedule;
    const { region } = plan;
    const { rds, backups } = this.service;
    if (backups.in(region).some((job) => job.ResourceArn === resource && job.State === "RUNNING"))
      throw new Error("the backup before goes on");
    const instance = await rds.instance(region, resource.split(":").at(-1) ?? "");
    if (instance?.DBInstanceStatus !== "available") throw new Error(`it is ${instance?.DBInstanceStatus ?? "not there"}`);
    const createdBy = creatorOf(schedule);
    const input = { BackupVaultName: rule.TargetBackupVaultName, ResourceArn: resource, IamRoleArn: role, Lifecycle: rule.Lifecycle };
    await startBackup(this.service, region, input, createdBy, (point, backupJobId) => {
      for (const { DestinationBackupVaultArn, Lifecycle } of rule.CopyActions ?? []) {
        const copy = {
          RecoveryPointArn: point.RecoveryPointArn,
          SourceBackupVaultName: point.BackupVaultName,
          DestinationBackupVaultArn,
          IamRoleArn: role,
          Lifecycle,
        };
        startCopy(this.service, region, copy, { rule: createdBy, backupJobId }).catch((error: unknown) => {
          this.note(resource, (error as Error).message);
        });
      }
    });
  }

  private remove(point: RecoveryPoint): void {
    const region = regionOf(point.RecoveryPointArn);
    const { runner, copies } = this.service;
    if (runner.lost([region]) !== undefined) return;
    if (copies.in(region).some((job) => job.SourceRecoveryPointArn === point.RecoveryPointArn && job.State === "RUNNING")) return;
    deletePoint(this.service, point).catch((error: unknown) => {
      this.note(point.RecoveryPointArn, (error as Error).message);
    });
  }

  /** Says once what goes on. */
  private note(about: string, message: string): void {
    if (this.troubles.get(about) !== message) this.log(`${about}: ${message}`);
    this.troubles.set(about, message);
  }
}
