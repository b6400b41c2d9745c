import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { TAKEOVER_KEY, takeoverContent } from "../topology/names";
import type { Activation } from "../topology/roles";

export interface TakeoverSwitchArgs {
  /** The site's switch bucket. */
  bucket: pulumi.Input<string>;
  /** What the switch says, for people and guards that read it; health checks only see that it is there. */
  activation: Activation;
  /** What must serve before any traffic comes. */
  after: pulumi.Resource[];
}

/**
 * The switch itself, an object. While it exists, the sites before this one in the chain count as unhealthy in DNS, so
 * making it is what moves the traffic: one write in the surviving region.
 */
export class TakeoverSwitch extends pulumi.ComponentResource {
  readonly key: pulumi.Output<string>;

  constructor(name: string, args: TakeoverSwitchArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:TakeoverSwitch", name, {}, opts);
    const object = new aws.s3.BucketObjectv2(
      `${name}-object`,
      {
        bucket: args.bucket,
        key: TAKEOVER_KEY,
        content: takeoverContent(args.activation),
        contentType: "application/json",
        cacheControl: "no-store",
      },
      { parent: this, dependsOn: args.after },
    );
    this.key = object.key;
    this.registerOutputs({ key: this.key });
  }
}
