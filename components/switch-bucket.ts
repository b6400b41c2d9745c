import * as pulumi from "@pulumi/pulumi";
import { TAKEOVER_KEY, type SiteNames } from "../topology/names";
import { PrivateBucket } from "./private-bucket";
import { ROUTE53_HEALTH_CHECKERS } from "./route53-ranges";

export interface SwitchBucketArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** IPv4 ranges of those who may see whether the switch is on. @default Route 53's health checkers */
  readers?: readonly string[];
}

/**
 * The bucket that holds a site's takeover switch and nothing else. Health checkers read the one key without an account,
 * so the objects are encrypted with S3's own key. A policy bound to fixed ranges does not count as public: the block on
 * public access stays whole.
 */
export class SwitchBucket extends pulumi.ComponentResource {
  readonly bucket: pulumi.Output<string>;

  constructor(name: string, args: SwitchBucketArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:SwitchBucket", name, {}, opts);
    const { names, readers = ROUTE53_HEALTH_CHECKERS } = args;
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
            Resource: `arn:aws:s3:::${names.switchBucket}/${TAKEOVER_KEY}`,
            Condition: { IpAddress: { "aws:SourceIp": [...readers] } },
          },
        ],
      },
      { parent: this },
    ).bucket;
    this.registerOutputs({ bucket: this.bucket });
  }
}
