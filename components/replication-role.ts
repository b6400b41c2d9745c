import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { policyDocument, type Statement } from "./policy-document";

export interface ReplicationRoleArgs {
  /** Physical names of the site that copies from. */
  names: SiteNames;
  /** Every site whose buckets this one may copy to, whether it does now or not. */
  standbys: SiteNames[];
  /** Every site whose archives it copies to. */
  archives: SiteNames[];
  /** The service's buckets, by short name. */
  buckets: string[];
  /** Key of this site. */
  keyArn: pulumi.Input<string>;
  /** AWS account: twelve digits. */
  account: string;
}

/**
 * The role by which S3 copies a site's objects to another site. It exists at every warm site, whatever its role: IAM is
 * changed in one region only, and that one may be the region that is lost.
 */
export class ReplicationRole extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: ReplicationRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:ReplicationRole", name, {}, opts);
    const { names, account } = args;

    const role = new aws.iam.Role(
      `${name}-role`,
      {
        name: names.replicationRole,
        description: `Copies the objects of ${names.prefix} to the other sites`,
        assumeRolePolicy: policyDocument([
          {
            Sid: "S3",
            Effect: "Allow",
            Principal: { Service: "s3.amazonaws.com" },
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
        name: "replication",
        role: role.name,
        policy: pulumi.output(args.keyArn).apply((keyArn) => policyDocument(copyStatements(args, keyArn))),
      },
      { parent: this },
    );

    // By way of the policy: a rule that is set before its role may copy would fail its first objects.
    this.arn = pulumi.all([role.arn, policy.id]).apply(([arn]) => arn);
    this.registerOutputs({ arn: this.arn });
  }
}

function copyStatements({ names, standbys, archives, buckets, account }: ReplicationRoleArgs, keyArn: string): Statement[] {
  const sources = buckets.map((bucket) => names.bucketArn(bucket));
  const destinations = buckets.flatMap((bucket) => [
    ...standbys.map((site) => site.bucketArn(bucket)),
    ...archives.map((site) => site.archiveArn(bucket)),
  ]);
  return [
    { Sid: "ReadRules", Effect: "Allow", Action: ["s3:GetReplicationConfiguration", "s3:ListBucket"], Resource: sources },
    {
      Sid: "ReadObjects",
      Effect: "Allow",
      Action: [
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionTagging",
        // A copy keeps its original's lock.
        "s3:GetObjectRetention",
        "s3:GetObjectLegalHold",
      ],
      Resource: sources.map((arn) => `${arn}/*`),
    },
    {
      Sid: "WriteCopies",
      Effect: "Allow",
      Action: ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
      Resource: destinations.map((arn) => `${arn}/*`),
    },
    { Sid: "Decrypt", Effect: "Allow", Action: "kms:Decrypt", Resource: keyArn },
    // The other sites' keys are known here by their alias alone; IAM takes keys, so the alias stands in a condition.
    ...[...standbys, ...archives].map((site): Statement => ({
      Sid: `EncryptIn${site.region.replace(/-/g, "")}`,
      Effect: "Allow",
      Action: ["kms:Encrypt", "kms:GenerateDataKey"],
      Resource: `arn:aws:kms:${site.region}:${account}:key/*`,
      Condition: { "ForAnyValue:StringEquals": { "kms:ResourceAliases": [site.keyAlias] } },
    })),
  ];
}
