import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { PrivateBucket } from "./private-bucket";

export interface ControlBucketArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** Key of this site. */
  keyArn: pulumi.Input<string>;
  /** Days that nobody can delete a journal or a piece of evidence for, the account's root included. @default 365 */
  lockDays?: number;
}

/** A site's private bucket for copies of the journal, exported facts and evidence: versioned and locked. */
export class ControlBucket extends pulumi.ComponentResource {
  readonly bucket: pulumi.Output<string>;

  constructor(name: string, args: ControlBucketArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:ControlBucket", name, {}, opts);
    const { names, keyArn, lockDays = 365 } = args;
    this.bucket = new PrivateBucket(name, { bucket: names.controlBucket, keyArn, lockDays }, { parent: this }).bucket;
    this.registerOutputs({ bucket: this.bucket });
  }
}
