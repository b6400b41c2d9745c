import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { PrivateBucket } from "./private-bucket";

export interface AuditArgs {
  /** Name of the trail. */
  trail: string;
  /** Bucket of the trail. */
  bucket: string;
  /** Region that the trail belongs to; it records all of them. */
  region: string;
  /** AWS account: twelve digits. */
  account: string;
  /** Days that nobody can delete a record for. @default 365 */
  lockDays?: number;
}

/** Who called what in every region, with digests that show a record changed or gone, in a bucket that locks them. */
export class Audit extends pulumi.ComponentResource {
  readonly trailArn: pulumi.Output<string>;

  constructor(name: string, args: AuditArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:edge:Audit", name, {}, opts);
    const { region, account, lockDays = 365 } = args;
    const arn = `arn:aws:s3:::${args.bucket}`;
    const cloudtrail = {
      Effect: "Allow" as const,
      Principal: { Service: "cloudtrail.amazonaws.com" },
    };
    const source = { "aws:SourceArn": `arn:aws:cloudtrail:${region}:${account}:trail/${args.trail}` };

    const records = new PrivateBucket(
      `${name}-records`,
      {
        bucket: args.bucket,
        lockDays,
        // CloudTrail's own connection is not ours to set.
        onlyTls13: false,
        statements: [
          { Sid: "TrailLooks", ...cloudtrail, Action: "s3:GetBucketAcl", Resource: arn, Condition: { StringEquals: source } },
          {
            Sid: "TrailWrites",
            ...cloudtrail,
            Action: "s3:PutObject",
            Resource: `${arn}/AWSLogs/${account}/*`,
            Condition: { StringEquals: { ...source, "s3:x-amz-acl": "bucket-owner-full-control" } },
          },
        ],
      },
      { parent: this },
    );
    const trail = new aws.cloudtrail.Trail(
      `${name}-trail`,
      {
        name: args.trail,
        s3BucketName: args.bucket,
        isMultiRegionTrail: true,
        includeGlobalServiceEvents: true,
        enableLogFileValidation: true,
      },
      // CloudTrail tries to write before it accepts the bucket: its policy must be there.
      { parent: this, dependsOn: [records] },
    );
    this.trailArn = trail.arn;
    this.registerOutputs({ trailArn: this.trailArn });
  }
}
