import type { BackupClient } from "@aws-sdk/client-backup";
import { backupIn } from "./backup-client";

/** A snapshot that AWS Backup took or copied, and that is whole. */
export interface RecoveryPoint {
  arn: string;
  /** Identifier of the snapshot that it is, for RDS. */
  snapshot: string;
  /** When the data was backed up, also of a copy. */
  at: Date;
  /** Of the key that it is encrypted with; `undefined`: it is not encrypted. */
  keyArn: string | undefined;
}

/** What AWS Backup keeps in one region. */
export class RecoveryPoints {
  private client: Promise<BackupClient> | undefined;

  constructor(private readonly region: string) {}

  /**
   * What a vault has of one database, the newest first.
   * @param resourceArn of the database @throws where AWS Backup does not answer
   */
  async in(vault: string, resourceArn: string): Promise<RecoveryPoint[]> {
    const { paginateListRecoveryPointsByBackupVault } = await import("@aws-sdk/client-backup");
    const client = await this.backup();
    const found: RecoveryPoint[] = [];
    for await (const page of paginateListRecoveryPointsByBackupVault({ client }, { BackupVaultName: vault, ByResourceArn: resourceArn })) {
      for (const { RecoveryPointArn: arn = "", CreationDate: at, EncryptionKeyArn: keyArn, Status } of page.RecoveryPoints ?? []) {
        if (Status === "COMPLETED" && at) found.push({ arn, snapshot: arn.split(":").slice(6).join(":"), at, keyArn });
      }
    }
    return found.sort((a, b) => b.at.getTime() - a.at.getTime());
  }

  /**
   * Why the newest copy from this region to a vault failed, where none has succeeded since.
   * @param vaultArn of the vault that is copied to
   */
  async failedCopy(vaultArn: string, resourceArn: string): Promise<string | undefined> {
    const { ListCopyJobsCommand } = await import("@aws-sdk/client-backup");
    const command = new ListCopyJobsCommand({ ByResourceArn: resourceArn, ByDestinationVaultArn: vaultArn, MaxResults: 100 });
    const { CopyJobs = [] } = await (await this.backup()).send(command);
    const [newest] = CopyJobs.filter(({ State }) => State === "COMPLETED" || State === "FAILED").sort(
      (a, b) => (b.CreationDate?.getTime() ?? 0) - (a.CreationDate?.getTime() ?? 0),
    );
    return newest?.State === "FAILED" ? (newest.StatusMessage ?? "AWS Backup does not say why") : undefined;
  }

  close(): void {
    void this.client?.then((client) => {
      client.destroy();
    });
    this.client = undefined;
  }

  private backup(): Promise<BackupClient> {
    return (this.client ??= backupIn(this.region));
  }
}
