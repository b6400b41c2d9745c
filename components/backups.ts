import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { policyDocument } from "./policy-document";

export interface BackupsArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** Key of this site. */
  keyArn: pulumi.Input<string>;
  /** Days for which every recovery point here must be kept at least, and may be kept at most. */
  keepDays: { least: number; most: number };
  /** Sites whose recovery points may be copied here. They need not exist yet. @default none */
  copiesOf?: SiteNames[];
  /** AWS account: twelve digits. */
  account: string;
}

/**
 * Where a site's recovery points wait: a vault, locked in governance mode. Nobody deletes one of them before its time
 * unless they may take the lock away first, which no role of ours may.
 */
export class Backups extends pulumi.ComponentResource {
  readonly vault: pulumi.Output<string>;
  readonly vaultArn: pulumi.Output<string>;

  constructor(name: string, args: BackupsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Backups", name, {}, opts);
    const { names, keyArn, keepDays, copiesOf = [] } = args;
    const parent = { parent: this };

    const vault = new aws.backup.Vault(`${name}-vault`, { name: names.vault, kmsKeyArn: keyArn }, parent);
    new aws.backup.VaultLockConfiguration(
      `${name}-lock`,
      { backupVaultName: vault.name, minRetentionDays: keepDays.least, maxRetentionDays: keepDays.most },
      // A vault has one lock, and every change of it is a replacement: the old one's deletion must not take the new one away.
      { ...parent, deleteBeforeReplace: true },
    );
    if (copiesOf.length > 0) {
      new aws.backup.VaultPolicy(
        `${name}-policy`,
        {
          backupVaultName: vault.name,
          policy: policyDocument([
            {
              Sid: "Copies",
              Effect: "Allow",
              // The account, and not the roles themselves: a policy may not name a role that does not exist.
              Principal: { AWS: `arn:aws:iam::${args.account}:root` },
              Action: "backup:CopyIntoBackupVault",
              Resource: "*",
              Condition: { ArnEquals: { "aws:PrincipalArn": copiesOf.map((site) => site.backupRoleArn) } },
            },
          ]),
        },
        parent,
      );
    }

    this.vault = vault.name;
    this.vaultArn = vault.arn;
    this.registerOutputs({ vault: this.vault, vaultArn: this.vaultArn });
  }
}
