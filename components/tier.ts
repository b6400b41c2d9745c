import * as pulumi from "@pulumi/pulumi";
import { known } from "./known";
import type { PodSurroundings } from "./pod";
import { Service } from "./service";
import type { ServicePlan } from "./workload-plan";

export interface TierArgs {
  /** Its number. */
  tier: number;
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
  readonly deployments: pulumi.Resource[] = [];

  constructor(
    private readonly prefix: string,
    private readonly args: TierArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("changeover:site:Tier", prefix, {}, opts);
    this.registerOutputs();
  }

  /** Makes one of its services; the tier above must have all of its own by then. */
  add(service: ServicePlan): Service {
    const { tier, namespace, partOf, around, targetGroupArns, after } = this.args;
    const made = new Service(
      `${this.prefix}-${service.name}`,
      {
        plan: service,
        tier,
        namespace,
        partOf,
        around,
        targetGroupArn: known(targetGroupArns, service.name),
        after: after?.deployments ?? [],
      },
      { parent: this },
    );
    this.deployments.push(made.deployment);
    return made;
  }
}
