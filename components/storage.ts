import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { PrivateBucket } from "./private-bucket";
import { ReplicationRole } from "./replication-role";

export interface StorageArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** The service's buckets, by short name. */
  buckets: string[];
  /** The other warm sites: any of them may be copied to some day. */
  otherSites: SiteNames[];
  /** The site that this one copies its objects to now. @default none: a standby, or an active site that is not protected yet */
  copyTo?: SiteNames;
  /** Key of this site. */
  keyArn: pulumi.Input<string>;
  /** AWS account: twelve digits. */
  account: string;
}

/** S3's promise for replication time control: 15 minutes for 99.9% of the objects, with metrics and events past it. */
const REPLICATION_MINUTES = 15;

/** The service's buckets at one site, and their copying to another one while this site is active. */
export class Storage extends pulumi.ComponentResource {
  /** Physical names by short name. */
  readonly buckets: Record<string, pulumi.Output<string>>;

  constructor(name: string, args: StorageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Storage", name, {}, opts);
    const { names, copyTo, keyArn } = args;
    const parent = { parent: this };

    const role = new ReplicationRole(
      `${name}-replication`,
      { names, destinations: args.otherSites, buckets: args.buckets, keyArn, account: args.account },
      parent,
    );
    this.buckets = Object.fromEntries(
      args.buckets.map((short) => {
        const { bucket } = new PrivateBucket(`${name}-${short}`, { bucket: names.bucket(short), keyArn }, parent);
        if (copyTo) {
          new aws.s3.BucketReplicationConfig(
            `${name}-${short}-copies`,
            { bucket, role: role.arn, rules: [copyRule(copyTo, short)] },
            parent,
          );
        }
        return [short, bucket];
      }),
    );
    this.registerOutputs({ buckets: this.buckets });
  }
}

/** Everything, deletions as markers, encrypted with the other site's key; named by derivation, never looked up. */
function copyRule(site: SiteNames, bucket: string): aws.types.input.s3.BucketReplicationConfigRule {
  return {
    id: `to-${site.prefix}`,
    status: "Enabled",
    priority: 0,
    filter: { prefix: "" },
    deleteMarkerReplication: { status: "Enabled" },
    sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: "Enabled" } },
    destination: {
      bucket: site.bucketArn(bucket),
      encryptionConfiguration: { replicaKmsKeyId: site.keyAliasArn },
      replicationTime: { status: "Enabled", time: { minutes: REPLICATION_MINUTES } },
      metrics: { status: "Enabled", eventThreshold: { minutes: REPLICATION_MINUTES } },
    },
  };
}
