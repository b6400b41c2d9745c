import * as pulumi from "@pulumi/pulumi";
import { known } from "./known";
import type { PodSurroundings } from "./pod";
import { Service } from "./service";
import type { TierPlan } from "./workload-plan";

export interface TierArgs {
  plan: TierPlan;
  namespace: pulumi.Input<string>;
  /** Name of the whole system; a label. */
  partOf: string;
  around: PodSurroundings;
  /** ARN of each service's target group, by service. */
  targetGroupArns: Record<string, pulumi.Output<string>>;
  /** The tier that comes back first. @default none: the tier starts at once */
  after?: Tier;
}

/** What comes back together: the tier's services roll at the same time, and not before the tier above is ready. */
export class Tier extends pulumi.ComponentResource {
  /** Deployments of the tier; they are done when their pods are ready. */
  readonly deployments: pulumi.Resource[];

  constructor(name: string, args: TierArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Tier", name, {}, opts);
    const { plan, namespace, partOf, around, targetGroupArns, after } = args;
    this.deployments = plan.services.map(
      (service) =>
        new Service(
          `${name}-${service.name}`,
          {
            plan: service,
            tier: plan.tier,
            namespace,
            partOf,
            around,
            targetGroupArn: known(targetGroupArns, service.name),
            after: after?.deployments ?? [],
          },
          { parent: this },
        ).deployment,
    );
    this.registerOutputs();
  }
}
