import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { PrivateBucket } from "./private-bucket";

/** Short name of the bucket that holds the archive. */
export const ARCHIVE = "archive";

export interface BackupsArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** Key of this site. */
  keyArn: pulumi.Input<string>;
  /** Age in whole days at which an object moves to Glacier. */
  archiveAfterDays: number;
}

/** Where copies wait at a site that runs nothing: a vault for recovery points, and a bucket whose objects move to Glacier. */
export class Backups extends pulumi.ComponentResource {
  readonly vaultArn: pulumi.Output<string>;
  readonly archive: pulumi.Output<string>;

  constructor(name: string, args: BackupsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Backups", name, {}, opts);
    const { names, keyArn, archiveAfterDays } = args;
    const parent = { parent: this };

    const vault = new aws.backup.Vault(`${name}-vault`, { name: names.vault, kmsKeyArn: keyArn }, parent);
    const archive = new PrivateBucket(`${name}-archive`, { bucket: names.bucket(ARCHIVE), keyArn }, parent);
    new aws.s3.BucketLifecycleConfiguration(
      `${name}-archive-age`,
      {
        bucket: archive.bucket,
        rules: [
          {
            id: "glacier",
            status: "Enabled",
            filter: { prefix: "" },
            transitions: [{ days: archiveAfterDays, storageClass: "GLACIER" }],
          },
        ],
      },
      parent,
    );

    this.vaultArn = vault.arn;
    this.archive = archive.bucket;
    this.registerOutputs({ vaultArn: this.vaultArn, archive: this.archive });
  }
}
