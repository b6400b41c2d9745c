import * as pulumi from "@pulumi/pulumi";
import { TAKEOVER_KEY, type SiteNames } from "../topology/names";
import { PrivateBucket } from "./private-bucket";
import { ROUTE53_HEALTH_CHECKERS } from "./route53-ranges";

export interface SwitchBucketArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** AWS account: twelve digits. */
  account: string;
  /** IPv4 ranges of those who may see whether the switch is on. @default Route 53's health checkers */
  readers?: readonly string[];
  /** ARNs of the IAM roles of the other sites' guards. They need not exist yet. @default none */
  guards?: readonly string[];
}

/**
 * The bucket that holds a site's takeover switch and nothing else. Health checkers read the one key without an account,
 * so the objects are encrypted with S3's own key. A policy bound to fixed ranges does not count as public: the block on
 * public access stays whole. The other sites' guards read the same key in their own name.
 */
export class SwitchBucket extends pulumi.ComponentResource {
  readonly bucket: pulumi.Output<string>;

  constructor(name: string, args: SwitchBucketArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:SwitchBucket", name, {}, opts);
    const { names, readers = ROUTE53_HEALTH_CHECKERS, guards = [] } = args;
    const bucket = `arn:aws:s3:::${names.switchBucket}`;
    const key = `${bucket}/${TAKEOVER_KEY}`;
    this.bucket = new PrivateBucket(
      name,
      {
        bucket: names.switchBucket,
        // Route 53's checkers are documented to speak TLS up to 1.2.
        onlyTls13: false,
        statements: [
          {
            Sid: "HealthCheckers",
            Effect: "Allow",
            Principal: "*",
            Action: "s3:GetObject",
            Resource: key,
            Condition: { IpAddress: { "aws:SourceIp": [...readers] } },
          },
          // S3 refuses a policy that names a role which does not exist; one that names the account and asks for the role
          // can be there before the other site is.
          ...(guards.length > 0
            ? [
                {
                  Sid: "Guards",
                  Effect: "Allow" as const,
                  Principal: { AWS: `arn:aws:iam::${args.account}:root` },
                  // Whoever may not list is not told that the switch is off.
                  Action: ["s3:GetObject", "s3:ListBucket"],
                  Resource: [key, bucket],
                  Condition: { ArnEquals: { "aws:PrincipalArn": [...guards] } },
                },
              ]
            : []),
        ],
      },
      { parent: this },
    ).bucket;
    this.registerOutputs({ bucket: this.bucket });
  }
}
