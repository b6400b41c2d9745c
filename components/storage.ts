import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { ArchiveClass } from "../topology/archive";
import type { SiteNames } from "../topology/names";
import { REPLICATION_TIME } from "../topology/replication";
import { PrivateBucket } from "./private-bucket";
import { ReplicationRole } from "./replication-role";

/** A site that objects are copied to. */
export interface CopyTarget {
  names: SiteNames;
  /** Whether the copies are to keep the time that S3 promises for a price: `REPLICATION_TIME`. */
  timeControlled: boolean;
}

/** A cold site, whose archives the objects are copied to. */
export interface ArchiveTarget extends CopyTarget {
  /** Class that copies are put in at once. @default that of the original; they move later, by age */
  storageClass?: ArchiveClass;
}

export interface StorageArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** The service's buckets, by short name. */
  buckets: string[];
  /** The other warm sites: any of them may be copied to some day. */
  otherSites: SiteNames[];
  /** The site that this one copies its objects to now. @default none: a standby, or an active site that is not protected yet */
  copyTo?: CopyTarget;
  /** Cold sites. What is written here is copied there in every role: what is written at a standby are copies, and S3 copies no copies. */
  archives: ArchiveTarget[];
  /** Days that nobody can delete a version for. */
  lockDays: number;
  /** Key of this site. */
  keyArn: pulumi.Input<string>;
  /** AWS account: twelve digits. */
  account: string;
}

/** The service's buckets at one site, their copying to another one while this site is active, and to the archives always. */
export class Storage extends pulumi.ComponentResource {
  /** Physical names by short name. */
  readonly buckets: Record<string, pulumi.Output<string>>;

  constructor(name: string, args: StorageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Storage", name, {}, opts);
    const { names, copyTo, archives, keyArn, lockDays } = args;
    const parent = { parent: this };

    const role = new ReplicationRole(
      `${name}-replication`,
      {
        names,
        standbys: args.otherSites,
        archives: archives.map((archive) => archive.names),
        buckets: args.buckets,
        keyArn,
        account: args.account,
      },
      parent,
    );
    this.buckets = Object.fromEntries(
      args.buckets.map((short) => {
        const { bucket } = new PrivateBucket(`${name}-${short}`, { bucket: names.bucket(short), keyArn, lockDays }, parent);
        const rules = [
          ...(copyTo ? [copyRule(copyTo, copyTo.names.bucketArn(short), 0)] : []),
          ...archives.map((archive, i) => copyRule(archive, archive.names.archiveArn(short), 1 + i)),
        ];
        if (rules.length > 0) {
          new aws.s3.BucketReplicationConfig(`${name}-${short}-copies`, { bucket, role: role.arn, rules }, parent);
        }
        return [short, bucket];
      }),
    );
    this.registerOutputs({ buckets: this.buckets });
  }
}

/**
 * Everything, deletions as markers, encrypted with the other site's key; named by derivation, never looked up.
 * @param priority of its own in the bucket's configuration; it decides nothing between rules to different buckets
 */
function copyRule(target: ArchiveTarget, bucket: string, priority: number): aws.types.input.s3.BucketReplicationConfigRule {
  const { names, timeControlled, storageClass } = target;
  const minutes = REPLICATION_TIME / 60_000;
  return {
    id: names.copyRule,
    status: "Enabled",
    priority,
    filter: { prefix: "" },
    deleteMarkerReplication: { status: "Enabled" },
    sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: "Enabled" } },
    destination: {
      bucket,
      encryptionConfiguration: { replicaKmsKeyId: names.keyAliasArn },
      ...(storageClass !== undefined && { storageClass }),
      ...(timeControlled && {
        replicationTime: { status: "Enabled", time: { minutes } },
        metrics: { status: "Enabled", eventThreshold: { minutes } },
      }),
    },
  };
}
