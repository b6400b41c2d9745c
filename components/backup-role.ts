import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { policyDocument, type Statement } from "./policy-document";

export interface BackupRoleArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** Sites that recovery points are copied to. */
  copyTo: SiteNames[];
  /** Key of this site. */
  keyArn: pulumi.Input<string>;
  /** AWS account: twelve digits. */
  account: string;
}

/**
 * The role in which AWS Backup takes snapshots of a site's database, copies them to other sites, and deletes both when their time is over.
 * It exists at every site, whatever its role: IAM is changed in one region only, and that one may be the region that is lost.
 */
export class BackupRole extends pulumi.ComponentResource {
  /** Known once the role may do what it is for. */
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: BackupRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:BackupRole", name, {}, opts);
    const { names, account } = args;
    const role = new aws.iam.Role(
      `${name}-role`,
      {
        name: names.backupRole,
        description: `Takes snapshots of the database of ${names.prefix} and copies them to other sites`,
        assumeRolePolicy: policyDocument([
          {
            Sid: "Backup",
            Effect: "Allow",
            Principal: { Service: "backup.amazonaws.com" },
            Action: "sts:AssumeRole",
            Condition: { StringEquals: { "aws:SourceAccount": account } },
          },
        ]),
      },
      { parent: this },
    );
    const policy = new aws.iam.RolePolicy(
      `${name}-policy`,
      {
        name: "backup",
        role: role.name,
        policy: pulumi.output(args.keyArn).apply((keyArn) => policyDocument(statements(args, keyArn))),
      },
      { parent: this },
    );
    this.arn = pulumi.all([role.arn, policy.id]).apply(([arn]) => arn);
    this.registerOutputs({ arn: this.arn });
  }
}

/** The part that concerns RDS of the managed policy AWSBackupServiceRolePolicyForBackup, for this site's database and vaults alone. */
function statements({ names, copyTo, account }: BackupRoleArgs, keyArn: string): Statement[] {
  const snapshots = [names, ...copyTo].map((site) => `arn:aws:rds:${site.region}:${account}:snapshot:awsbackup:*`);
  return [
    // A selection is refused for a role that may not look for its resources.
    { Sid: "Find", Effect: "Allow", Action: "tag:GetResources", Resource: "*" },
    {
      Sid: "See",
      Effect: "Allow",
      Action: ["rds:DescribeDBInstances", "rds:DescribeDBSnapshots", "rds:ListTagsForResource"],
      Resource: [names.databaseArns, ...snapshots],
    },
    {
      Sid: "Snapshots",
      Effect: "Allow",
      Action: ["rds:CreateDBSnapshot", "rds:CopyDBSnapshot", "rds:DeleteDBSnapshot", "rds:AddTagsToResource"],
      Resource: [names.databaseArns, ...snapshots],
    },
    {
      Sid: "Vaults",
      Effect: "Allow",
      Action: ["backup:DescribeBackupVault", "backup:CopyIntoBackupVault"],
      Resource: [names, ...copyTo].map((site) => site.vaultArn),
    },
    { Sid: "Decrypt", Effect: "Allow", Action: ["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey"], Resource: keyArn },
    {
      Sid: "DecryptByRds",
      Effect: "Allow",
      Action: "kms:CreateGrant",
      Resource: keyArn,
      Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
    },
    // The other sites' keys are known here by their alias alone; IAM takes keys, so the alias stands in a condition.
    ...copyTo.flatMap((site): Statement[] => {
      const key = {
        Resource: `arn:aws:kms:${site.region}:${account}:key/*`,
        Condition: { "ForAnyValue:StringEquals": { "kms:ResourceAliases": [site.keyAlias] } },
      };
      const region = site.region.replace(/-/g, "");
      return [
        { Sid: `EncryptIn${region}`, Effect: "Allow", Action: ["kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"], ...key },
        {
          Sid: `EncryptByRdsIn${region}`,
          Effect: "Allow",
          Action: "kms:CreateGrant",
          Resource: key.Resource,
          Condition: { ...key.Condition, Bool: { "kms:GrantIsForAWSResource": "true" } },
        },
      ];
    }),
  ];
}
