import type { CalculatedLifecycle, Lifecycle, RecoveryPointByBackupVault, RecoveryPointCreator } from "@aws-sdk/client-backup";
import { BackupFault } from "./fault";
import type { Vault } from "./vaults";

const DAY_MS = 86_400_000;

/** What AWS Backup tells of a recovery point, and what it is restored with. */
export interface RecoveryPoint extends RecoveryPointByBackupVault {
  RecoveryPointArn: string;
  BackupVaultName: string;
  BackupVaultArn: string;
  ResourceArn: string;
  Status: "CREATING" | "COMPLETED" | "DELETING";
  CreationDate: Date;
  /** Settings of the instance when it was backed up, by name. */
  restoreMetadata: Record<string, string>;
}

/** The recovery points of all vaults. Each is a DB snapshot of its region. */
export class RecoveryPoints {
  private readonly known = new Map<string, RecoveryPoint>();

  add(point: RecoveryPoint): void {
    this.known.set(point.RecoveryPointArn, point);
  }

  remove({ RecoveryPointArn }: RecoveryPoint): void {
    this.known.delete(RecoveryPointArn);
  }

  get all(): RecoveryPoint[] {
    return [...this.known.values()];
  }

  /** Newest first. */
  in(vaultArn: string): RecoveryPoint[] {
    return this.all
      .filter((point) => point.BackupVaultArn === vaultArn)
      .sort((a, b) => b.CreationDate.getTime() - a.CreationDate.getTime());
  }

  /** @throws BackupFault where there is none of a vault's region, or of the vault where that is told */
  need(region: string, arn: string, vault?: string): RecoveryPoint {
    const point = this.known.get(arn);
    if (point && regionOf(arn) === region && (vault === undefined || point.BackupVaultName === vault)) return point;
    throw new BackupFault("ResourceNotFoundException", `There is no recovery point ${arn} in ${vault ?? region}.`);
  }
}

export function regionOf(arn: string): string {
  return arn.split(":")[3] ?? "";
}

/** A recovery point whose snapshot is still to be made. */
export function newPoint(
  arn: string,
  vault: Vault,
  about: {
    /** ARN of what is backed up. */
    resource: string;
    /** When it was backed up. */
    created: Date;
    restoreMetadata: Record<string, string>;
    /** ARN of the vault that it is a copy from. */
    sourceVault?: string;
    /** `undefined`: it is not encrypted. */
    keyArn: string | undefined;
    lifecycle: Lifecycle | undefined;
    role: string | undefined;
    createdBy: RecoveryPointCreator | undefined;
  },
): RecoveryPoint {
  return {
    RecoveryPointArn: arn,
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    SourceBackupVaultArn: about.sourceVault,
    ResourceArn: about.resource,
    ResourceName: about.resource.split(":").at(-1),
    ResourceType: "RDS",
    CreatedBy: about.createdBy,
    IamRoleArn: about.role,
    Status: "CREATING",
    CreationDate: about.created,
    InitiationDate: new Date(),
    Lifecycle: about.lifecycle,
    CalculatedLifecycle: calculated(about.lifecycle, about.created),
    EncryptionKeyArn: about.keyArn,
    IsEncrypted: about.keyArn !== undefined,
    IsParent: false,
    VaultType: "BACKUP_VAULT",
    restoreMetadata: about.restoreMetadata,
  };
}

/** Identifier of the DB snapshot that a recovery point is. */
export function snapshotOf({ RecoveryPointArn }: RecoveryPoint): string {
  return RecoveryPointArn.split(":").slice(6).join(":");
}

/** Times follow from when the data was backed up, also those of a copy. Pure. */
export function calculated(lifecycle: Lifecycle | undefined, created: Date): CalculatedLifecycle {
  const days = lifecycle?.DeleteAfterDays;
  return days === undefined || days < 0 ? {} : { DeleteAt: new Date(created.getTime() + days * DAY_MS) };
}
