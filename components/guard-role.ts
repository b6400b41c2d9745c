import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { TAKEOVER_KEY, type SiteNames } from "../topology/names";
import { policyDocument } from "./policy-document";

export interface GuardRoleArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** Every other site. */
  others: SiteNames[];
}

/**
 * What a site's guard may do in AWS: see whether a takeover switch is on, and turn the site's own one off. It is given to the pods by EKS Pod
 * Identity, an association of the cluster with the service account `guard`.
 */
export class GuardRole extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: GuardRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:GuardRole", name, {}, opts);
    const { names, others } = args;
    const role = new aws.iam.Role(
      `${name}-role`,
      {
        name: names.guardRole,
        description: `Lets the guard of ${names.prefix} see the takeover switches, and turn its own off`,
        assumeRolePolicy: policyDocument([
          {
            Sid: "PodIdentity",
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
          },
        ]),
      },
      { parent: this },
    );
    const arn = (site: SiteNames): string => `arn:aws:s3:::${site.switchBucket}`;
    const all = [names, ...others];
    new aws.iam.RolePolicy(
      `${name}-policy`,
      {
        name: "guard",
        role: role.name,
        policy: policyDocument([
          { Sid: "ReadSwitches", Effect: "Allow", Action: "s3:GetObject", Resource: all.map((site) => `${arn(site)}/${TAKEOVER_KEY}`) },
          // Without it S3 does not tell a switch that is off from one that may not be read.
          { Sid: "KnowWhetherTheyAreOff", Effect: "Allow", Action: "s3:ListBucket", Resource: all.map(arn) },
          // The bucket has versions, and none is deleted by this.
          { Sid: "TurnOwnOff", Effect: "Allow", Action: "s3:DeleteObject", Resource: `${arn(names)}/${TAKEOVER_KEY}` },
        ]),
      },
      { parent: this },
    );
    this.arn = role.arn;
    this.registerOutputs({ arn: this.arn });
  }
}
