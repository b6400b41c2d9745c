import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Quota } from "../topology/schema";

export interface QuotasArgs {
  /** By a name of your own. */
  quotas: Record<string, Quota>;
}

/**
 * What AWS has to allow in the site's region, asked for long before it is needed: a standby that may not have what the
 * active site has cannot take its place, and an increase takes AWS hours to days. The account's increases are never taken
 * back: destroying this changes nothing in AWS.
 */
export class Quotas extends pulumi.ComponentResource {
  constructor(name: string, { quotas }: QuotasArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Quotas", name, {}, opts);
    for (const [short, { service, code, value }] of Object.entries(quotas)) {
      new aws.servicequotas.ServiceQuota(`${name}-${short}`, { serviceCode: service, quotaCode: code, value }, { parent: this });
    }
    this.registerOutputs();
  }
}
