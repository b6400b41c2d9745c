import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { ArchiveClass } from "../topology/archive";
import type { SiteNames } from "../topology/names";
import { PrivateBucket } from "./private-bucket";

export interface ArchiveArgs {
  /** Physical names of the cold site. */
  names: SiteNames;
  /** The service's buckets, by short name. */
  buckets: string[];
  /** Key of this site. */
  keyArn: pulumi.Input<string>;
  /** Class that copies end in. */
  storageClass: ArchiveClass;
  /** Age in whole days at which they move there; with 0 the rules that make the copies put them there at once. */
  afterDays: number;
  /** Days that nobody can delete a version for. A copy keeps what is left of its original's. */
  lockDays: number;
}

/** Copies of the service's buckets at a cold site, one bucket each: versioned, locked, and in the end in an archive class. */
export class Archive extends pulumi.ComponentResource {
  /** Physical names by the short name of the service's bucket. */
  readonly buckets: Record<string, pulumi.Output<string>>;

  constructor(name: string, args: ArchiveArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Archive", name, {}, opts);
    const { names, keyArn, lockDays, storageClass, afterDays } = args;
    const parent = { parent: this };
    this.buckets = Object.fromEntries(
      args.buckets.map((short) => {
        const { bucket } = new PrivateBucket(`${name}-${short}`, { bucket: names.archive(short), keyArn, lockDays }, parent);
        if (afterDays > 0) {
          new aws.s3.BucketLifecycleConfiguration(
            `${name}-${short}-age`,
            {
              bucket,
              rules: [
                {
                  id: "archive",
                  status: "Enabled",
                  filter: { prefix: "" },
                  transitions: [{ days: afterDays, storageClass }],
                  // What was replaced or deleted is kept too, and is what a restore to an earlier moment needs.
                  noncurrentVersionTransitions: [{ noncurrentDays: afterDays, storageClass }],
                },
              ],
            },
            parent,
          );
        }
        return [short, bucket];
      }),
    );
    this.registerOutputs({ buckets: this.buckets });
  }
}
