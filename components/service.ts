import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { podTemplate, type PodSurroundings } from "./pod";
import type { ServicePlan } from "./workload-plan";

export interface ServiceArgs {
  plan: ServicePlan;
  /** Recovery tier, a label of everything the service has. */
  tier: number;
  namespace: pulumi.Input<string>;
  /** Name of the whole system that the service is part of; a label. */
  partOf: string;
  /** Objects that every pod of the service uses. */
  around: PodSurroundings;
  /** Target group that the service's ready pods are put into. */
  targetGroupArn: pulumi.Input<string>;
  /** Deployments that must be rolled out before this one's starts to. */
  after: pulumi.Resource[];
}

/** One service at one site: its pods, their name inside the cluster, their bounds, and their way to the load balancer. */
export class Service extends pulumi.ComponentResource {
  readonly deployment: kubernetes.apps.v1.Deployment;

  constructor(
    private readonly name: string,
    private readonly args: ServiceArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("changeover:site:Service", name, {}, opts);
    const { plan } = args;
    const { metadata, selector } = this;

    this.deployment = new kubernetes.apps.v1.Deployment(
      `${name}-deployment`,
      {
        // The autoscaler owns the replicas between updates; in an update the role's count wins, and no conflict with
        // another field manager may stop a failover.
        metadata: { ...metadata, annotations: { "pulumi.com/patchForce": "true" } },
        spec: {
          replicas: plan.replicas,
          revisionHistoryLimit: 3,
          progressDeadlineSeconds: 300,
          minReadySeconds: 0,
          selector: { matchLabels: selector },
          // All new pods at once beside the old ones: half the time of a roll in steps, and never fewer that serve.
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "100%", maxUnavailable: 0 } },
          template: podTemplate(plan, metadata.labels, selector, args.around),
        },
      },
      { parent: this, dependsOn: args.after },
    );
    this.registerOutputs();
  }

  /** Makes all else of it, which no pod waits for. */
  surround(): pulumi.Resource[] {
    const { name, metadata, selector } = this;
    const { plan, targetGroupArn } = this.args;
    const parent = { parent: this };
    const service = new kubernetes.core.v1.Service(
      `${name}-service`,
      {
        // The service is headed for the load balancer, which counts the pods itself: no need to wait for ready ones.
        metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
        spec: { type: "ClusterIP", selector, ports: [{ name: "http", port: 80, targetPort: "http" }] },
      },
      parent,
    );
    const budget = new kubernetes.policy.v1.PodDisruptionBudget(
      `${name}-budget`,
      { metadata, spec: { maxUnavailable: 1, selector: { matchLabels: selector } } },
      parent,
    );
    const autoscaler = new kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
      `${name}-autoscaler`,
      {
        metadata,
        spec: {
          scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: plan.name },
          minReplicas: plan.autoscale.min,
          maxReplicas: plan.autoscale.max,
          metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } }],
        },
      },
      parent,
    );
    const targets = new kubernetes.apiextensions.CustomResource(
      `${name}-targets`,
      {
        apiVersion: "elbv2.k8s.aws/v1beta1",
        kind: "TargetGroupBinding",
        metadata,
        spec: { serviceRef: { name: service.metadata.name, port: 80 }, targetGroupARN: targetGroupArn, targetType: "ip" },
      },
      parent,
    );
    return [service, budget, autoscaler, targets];
  }

  private get selector() {
    return { "app.kubernetes.io/name": this.args.plan.name };
  }

  private get metadata() {
    const { plan, namespace, partOf, tier } = this.args;
    return {
      name: plan.name,
      namespace,
      labels: { ...this.selector, "app.kubernetes.io/part-of": partOf, "changeover/tier": String(tier) },
    };
  }
}
