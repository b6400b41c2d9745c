import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { INTEGRITY_METRIC, RESTORED_TAG } from "../topology/names";
import { policyDocument, type Statement } from "./policy-document";

export interface AccessArgs {
  /** Name of the operators' role. */
  role: string;
  /** AWS account whose people may take the role on: twelve digits. */
  account: string;
  /** Begins the names of the service's databases, and of its roles: `samia-tarot-production`. */
  prefix: string;
  /** Buckets of the archives, by ARN. @default none */
  archives?: string[];
  /** Buckets of the service's objects, by ARN: they are held against each other, and one that lacks something has it copied. */
  data: string[];
  /** Longest session, in seconds, from the second factor on. IAM allows no role less than 3600. @default 3600 */
  sessionSeconds?: number;
}

/** The role in which an operator, or a driver on an operator's behalf, moves the service: with a second factor, for an hour. */
export class Access extends pulumi.ComponentResource {
  readonly roleArn: pulumi.Output<string>;

  constructor(name: string, args: AccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:edge:Access", name, {}, opts);
    const { account, sessionSeconds = 3600 } = args;
    const role = new aws.iam.Role(
      `${name}-operator`,
      {
        name: args.role,
        description: "Moves the service between its sites",
        maxSessionDuration: sessionSeconds,
        assumeRolePolicy: policyDocument([
          {
            Sid: "SecondFactor",
            Effect: "Allow",
            Principal: { AWS: `arn:aws:iam::${account}:root` },
            Action: "sts:AssumeRole",
            Condition: {
              Bool: { "aws:MultiFactorAuthPresent": "true" },
              NumericLessThan: { "aws:MultiFactorAuthAge": String(sessionSeconds) },
            },
          },
        ]),
      },
      { parent: this },
    );
    new aws.iam.RolePolicy(
      `${name}-operator-policy`,
      { name: "changeover", role: role.name, policy: policyDocument(changeover(args)) },
      { parent: this },
    );
    this.roleArn = role.arn;
    this.registerOutputs({ roleArn: this.roleArn });
  }
}

/** A version of an object, with what belongs to it. */
const READ_OBJECTS = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"];

/** See everything that the stacks hold, change what a changeover changes. Never the locks of the evidence or the vaults, nor DNS. */
function changeover({ account, prefix, archives = [], data }: AccessArgs): Statement[] {
  const objects = (buckets: string[]): string[] => buckets.map((arn) => `${arn}/*`);
  return [
    {
      Sid: "See",
      Effect: "Allow",
      Action: [
        "backup:Describe*",
        "backup:Get*",
        "backup:List*",
        "cloudwatch:Describe*",
        "cloudwatch:GetMetricData",
        "ec2:Describe*",
        "elasticloadbalancing:Describe*",
        "iam:GetRole*",
        "iam:List*",
        "kms:Describe*",
        "kms:GetKey*",
        "kms:List*",
        "rds:Describe*",
        "rds:List*",
        "route53:Get*",
        "route53:List*",
        "s3:GetBucket*",
        "s3:GetEncryptionConfiguration",
        "s3:GetReplicationConfiguration",
        "s3:ListBucket*",
        "sns:GetTopicAttributes",
        "sns:List*",
      ],
      Resource: "*",
    },
    {
      Sid: "Database",
      Effect: "Allow",
      Action: [
        "rds:PromoteReadReplica",
        "rds:CreateDBInstanceReadReplica",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
        "rds:ModifyDBInstance",
        "rds:CreateDBSnapshot",
        "rds:AddTagsToResource",
      ],
      Resource: [
        `arn:aws:rds:*:${account}:db:${prefix}-*`,
        `arn:aws:rds:*:${account}:snapshot:${prefix}-*`,
        // AWS Backup gives its snapshots names without the service's.
        `arn:aws:rds:*:${account}:snapshot:awsbackup:*`,
        `arn:aws:rds:*:${account}:subgrp:*`,
        `arn:aws:rds:*:${account}:pg:*`,
        `arn:aws:rds:*:${account}:og:*`,
      ],
    },
    {
      Sid: "RestoredDatabase",
      Effect: "Allow",
      // One that was made to be looked at, or is given up before a stack took it over.
      Action: "rds:DeleteDBInstance",
      Resource: `arn:aws:rds:*:${account}:db:${prefix}-*`,
      Condition: { StringEquals: { [`aws:ResourceTag/${RESTORED_TAG.key}`]: RESTORED_TAG.value } },
    },
    {
      Sid: "Objects",
      Effect: "Allow",
      Action: ["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject"],
      Resource: [`arn:aws:s3:::${prefix}-${account}-*-switch/*`, `arn:aws:s3:::${prefix}-${account}-*-control/*`],
    },
    ...(archives.length > 0
      ? [
          {
            Sid: "Retrieve",
            Effect: "Allow" as const,
            Action: ["s3:RestoreObject", ...READ_OBJECTS],
            Resource: objects(archives),
          },
        ]
      : []),
    ...(data.length > 0
      ? [
          {
            Sid: "Copy",
            Effect: "Allow" as const,
            Action: [...READ_OBJECTS, "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            Resource: objects(data),
          },
        ]
      : []),
    {
      Sid: "Keys",
      Effect: "Allow",
      Action: ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"],
      Resource: `arn:aws:kms:*:${account}:key/*`,
      Condition: { "ForAnyValue:StringLike": { "kms:ResourceAliases": `alias/${prefix}-*` } },
    },
    {
      Sid: "Looks",
      Effect: "Allow",
      Action: "cloudwatch:PutMetricData",
      // IAM knows no narrower resource for it.
      Resource: "*",
      Condition: { StringEquals: { "cloudwatch:namespace": INTEGRITY_METRIC.namespace } },
    },
    { Sid: "Copies", Effect: "Allow", Action: "s3:PutReplicationConfiguration", Resource: `arn:aws:s3:::${prefix}-${account}-*` },
    {
      Sid: "BackupPlans",
      Effect: "Allow",
      Action: [
        "backup:CreateBackupPlan",
        "backup:UpdateBackupPlan",
        "backup:DeleteBackupPlan",
        "backup:CreateBackupSelection",
        "backup:DeleteBackupSelection",
        "backup:TagResource",
        "backup:UntagResource",
      ],
      // AWS names a plan by a number of its own.
      Resource: `arn:aws:backup:*:${account}:backup-plan:*`,
    },
    {
      Sid: "CopyingRoles",
      Effect: "Allow",
      Action: "iam:PassRole",
      Resource: ["replication", "backup"].map((role) => `arn:aws:iam::${account}:role/${prefix}-*-${role}`),
    },
  ];
}
