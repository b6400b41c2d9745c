import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { policyDocument, type Statement } from "./policy-document";

export interface PrivateBucketArgs {
  /** Physical name. */
  bucket: string;
  /** ARN of the key that objects are encrypted with. @default S3's own key, which readers without an account need */
  keyArn?: pulumi.Input<string>;
  /** Refuse TLS below 1.3. @default true; false for readers that do not know it yet, as Route 53's health checkers */
  onlyTls13?: boolean;
  /** Days that no version can be deleted for, by anybody. The bucket is created for it. @default versions can be deleted */
  lockDays?: number;
  /** What the bucket's policy allows beside the account's own IAM. @default nothing */
  statements?: Statement[];
}

/** A bucket as every one here is: versioned, encrypted, closed to the public, reached over TLS only. */
export class PrivateBucket extends pulumi.ComponentResource {
  /** Physical name; known once versions are kept, so that what replicates from or to it comes after. */
  readonly bucket: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: PrivateBucketArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:PrivateBucket", name, {}, opts);
    const { keyArn, lockDays } = args;
    const parent = { parent: this };

    const bucket = new aws.s3.Bucket(
      `${name}-bucket`,
      { bucket: args.bucket, ...(lockDays !== undefined && { objectLockEnabled: true }) },
      parent,
    );
    const versioning = new aws.s3.BucketVersioning(
      `${name}-versions`,
      { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } },
      parent,
    );
    new aws.s3.BucketServerSideEncryptionConfiguration(
      `${name}-encryption`,
      {
        bucket: bucket.bucket,
        rules: [
          keyArn === undefined
            ? { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }
            : { applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: keyArn }, bucketKeyEnabled: true },
        ],
      },
      parent,
    );
    const block = new aws.s3.BucketPublicAccessBlock(
      `${name}-access`,
      { bucket: bucket.bucket, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
      parent,
    );
    // After the block: a policy that would open the bucket is then refused, not live for a moment.
    new aws.s3.BucketPolicy(
      `${name}-policy`,
      {
        bucket: bucket.bucket,
        policy: policyDocument([...onlyOverTls(args.bucket, args.onlyTls13 ?? true), ...(args.statements ?? [])]),
      },
      { parent: this, dependsOn: [block] },
    );
    if (lockDays !== undefined) {
      new aws.s3.BucketObjectLockConfiguration(
        `${name}-lock`,
        { bucket: bucket.bucket, rule: { defaultRetention: { mode: "COMPLIANCE", days: lockDays } } },
        { parent: this, dependsOn: [versioning] },
      );
    }

    this.bucket = versioning.bucket;
    this.arn = bucket.arn;
    this.registerOutputs({ bucket: this.bucket, arn: this.arn });
  }
}

function onlyOverTls(bucket: string, only13: boolean): Statement[] {
  const everything = { Principal: "*" as const, Action: "s3:*", Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`] };
  const statements: Statement[] = [
    { Sid: "NoPlainHttp", Effect: "Deny", ...everything, Condition: { Bool: { "aws:SecureTransport": "false" } } },
  ];
  if (only13) {
    statements.push({ Sid: "NoOldTls", Effect: "Deny", ...everything, Condition: { NumericLessThan: { "s3:TlsVersion": "1.3" } } });
  }
  return statements;
}
