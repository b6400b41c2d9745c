import { BackupClient, DescribeBackupVaultCommand, TagResourceCommand, type Lifecycle } from "@aws-sdk/client-backup";
import { url, type World } from "../world";
import { BackupFault } from "./fault";

export interface Vault {
  region: string;
  name: string;
  arn: string;
  /** Key that copies are encrypted with here. */
  keyArn?: string;
  /** Whether nobody may delete what is in it. */
  locked: boolean;
  /** Days that what comes in must be kept at least, and may be kept at most. */
  minDays?: number;
  maxDays?: number;
}

/** The vaults that moto records, read from it directly: these calls are not counted as the product's. */
export class Vaults {
  private readonly clients = new Map<string, BackupClient>();

  constructor(private readonly world: Pick<World, "moto">) {}

  async find(region: string, name: string): Promise<Vault | undefined> {
    try {
      const found = await this.client(region).send(new DescribeBackupVaultCommand({ BackupVaultName: name }));
      return {
        region,
        name,
        arn: found.BackupVaultArn ?? "",
        locked: found.Locked ?? false,
        ...(found.EncryptionKeyArn === undefined ? {} : { keyArn: found.EncryptionKeyArn }),
        ...(found.MinRetentionDays === undefined ? {} : { minDays: found.MinRetentionDays }),
        ...(found.MaxRetentionDays === undefined ? {} : { maxDays: found.MaxRetentionDays }),
      };
    } catch (error) {
      if ((error as Error).name === "ResourceNotFoundException") return undefined;
      throw error;
    }
  }

  /** @throws BackupFault where there is none */
  async need(region: string, name: string): Promise<Vault> {
    const vault = await this.find(region, name);
    if (!vault) throw new BackupFault("ResourceNotFoundException", `Backup vault ${name} does not exist in ${region}.`);
    return vault;
  }

  /** moto keeps the tags of everything. */
  async tag(region: string, arn: string, tags: Record<string, string>): Promise<void> {
    await this.client(region).send(new TagResourceCommand({ ResourceArn: arn, Tags: tags }));
  }

  close(): void {
    for (const client of this.clients.values()) client.destroy();
    this.clients.clear();
  }

  private client(region: string): BackupClient {
    const known = this.clients.get(region);
    if (known) return known;
    const made = new BackupClient({
      region,
      endpoint: url(this.world.moto),
      credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
      maxAttempts: 1,
    });
    this.clients.set(region, made);
    return made;
  }
}

/** Why a locked vault does not take what is kept for so long; `undefined` where it does. Pure. */
export function lockRefusal({ name, minDays, maxDays }: Vault, { DeleteAfterDays: days }: Lifecycle = {}): string | undefined {
  const forever = days === undefined || days < 0;
  if (minDays !== undefined && !forever && days < minDays) {
    return `The vault lock of ${name} takes what is kept for ${minDays} days or more, not for ${days}.`;
  }
  if (maxDays !== undefined && (forever || days > maxDays)) {
    return `The vault lock of ${name} takes what is kept for ${maxDays} days or less, not ${forever ? "for ever" : `for ${days}`}.`;
  }
  return undefined;
}

/** @throws BackupFault for what is no ARN of a vault */
export function parseVaultArn(arn: string): { region: string; name: string } {
  const [, region, name] = /^arn:aws:backup:([a-z0-9-]+):\d{12}:backup-vault:([\w-]+)$/.exec(arn) ?? [];
  if (region === undefined || name === undefined)
    throw new BackupFault("InvalidParameterValueException", `${arn} is no ARN of a backup vault.`);
  return { region, name };
}
