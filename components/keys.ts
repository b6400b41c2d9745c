import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";

export interface KeysArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** AWS account that owns the key: twelve digits. */
  account: string;
  /** Days between a deletion and its effect, 7 to 30. @default 30 */
  deletionWindowDays?: number;
}

/**
 * The site's own key, for its database, buckets, topics and vault. Each site has one of its own: data that is copied to
 * a site is encrypted anew there, so that losing a region, or a key, loses no other region's data.
 */
export class Keys extends pulumi.ComponentResource {
  readonly keyArn: pulumi.Output<string>;
  readonly aliasArn: pulumi.Output<string>;

  constructor(name: string, args: KeysArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Keys", name, {}, opts);
    const { names, account, deletionWindowDays = 30 } = args;

    const key = new aws.kms.Key(
      `${name}-key`,
      {
        description: `Data of ${names.prefix}`,
        enableKeyRotation: true,
        deletionWindowInDays: deletionWindowDays,
        policy: JSON.stringify(keyPolicy(account)),
      },
      { parent: this },
    );
    const alias = new aws.kms.Alias(`${name}-alias`, { name: names.keyAlias, targetKeyId: key.keyId }, { parent: this });

    this.keyArn = key.arn;
    this.aliasArn = alias.arn;
    this.registerOutputs({ keyArn: this.keyArn, aliasArn: this.aliasArn });
  }
}

/** The account's IAM decides who uses the key; alarms may use it to publish to an encrypted topic. */
function keyPolicy(account: string): object {
  return {
    Version: "2012-10-17",
    Statement: [
      { Sid: "Account", Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "kms:*", Resource: "*" },
      {
        Sid: "Alarms",
        Effect: "Allow",
        Principal: { Service: "cloudwatch.amazonaws.com" },
        Action: ["kms:Decrypt", "kms:GenerateDataKey*"],
        Resource: "*",
        Condition: { StringEquals: { "aws:SourceAccount": account } },
      },
    ],
  };
}
