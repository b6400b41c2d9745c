import type { BackupJob, CopyJob, Lifecycle, RestoreJobsListMember } from "@aws-sdk/client-backup";
import type { DBSnapshot } from "@aws-sdk/client-rds";
import type { Plans } from "./plans";
import type { Rds } from "./rds";
import type { RecoveryPoint, RecoveryPoints } from "./recovery-points";
import type { Roles } from "./roles";
import type { Runner } from "./runner";
import { lockRefusal, type Vault, type Vaults } from "./vaults";

/** The jobs of one kind, as AWS Backup tells of them, by region and id. Kept as long as the lab is up. */
export class Records<T extends object> {
  private readonly known = new Map<string, { region: string; job: T }>();

  add(region: string, id: string, job: T): void {
    this.known.set(id, { region, job });
  }

  in(region: string): T[] {
    return [...this.known.values()].filter((each) => each.region === region).map(({ job }) => job);
  }

  find(region: string, id: string): T | undefined {
    const found = this.known.get(id);
    return found?.region === region ? found.job : undefined;
  }
}

/** AWS Backup in the lab: what its jobs and its API share. */
export interface Service {
  rds: Rds;
  roles: Roles;
  vaults: Vaults;
  plans: Plans;
  points: RecoveryPoints;
  runner: Runner;
  /** Access policies by ARN of the vault. */
  policies: Map<string, string>;
  backups: Records<BackupJob>;
  copies: Records<CopyJob>;
  restores: Records<RestoreJobsListMember>;
}

/** RDS tells the size of what it keeps in GiB. */
export const GIB = 2 ** 30;

/** Has a new point's snapshot made. A point is there from the beginning; one whose snapshot fails is not any more. */
export async function fill(
  { points, runner }: Service,
  point: RecoveryPoint,
  regions: string[],
  make: () => Promise<DBSnapshot>,
): Promise<void> {
  points.add(point);
  try {
    const { AllocatedStorage = 0 } = await runner.through(regions, make);
    point.BackupSizeInBytes = AllocatedStorage * GIB;
    point.CompletionDate = new Date();
    point.Status = "COMPLETED";
  } catch (error) {
    points.remove(point);
    throw error;
  }
}

/** @throws Error where the vault's lock does not take what is kept for so long */
export function refuseByLock(vault: Vault, lifecycle: Lifecycle | undefined): void {
  const refusal = vault.locked ? lockRefusal(vault, lifecycle) : undefined;
  if (refusal !== undefined) throw new Error(refusal);
}
