import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { DATABASE_APP } from "../topology/names";
import type { Epoch, Role } from "../topology/roles";
import { inBatches } from "./batches";
import { checksum } from "./checksum";
import { DATABASE_PORT, SERVICE_PORT } from "./network";
import { Tier } from "./tier";
import type { Service } from "./service";
import type { ServicePlan, TierPlan } from "./workload-plan";

/** Where the services find their database. */
export interface DatabaseAccess {
  host: pulumi.Input<string>;
  port: pulumi.Input<number>;
  /** Name of the database inside. */
  name: string;
  /** Password of the services' role. */
  password: pulumi.Input<string>;
  /** Certificate authorities of the server, as PEM text. @default "": the connection is encrypted, the server not verified */
  ca?: string;
}

export interface WorkloadsArgs {
  /** Kubernetes namespace, the same at every site. */
  namespace: string;
  site: string;
  role: Role;
  epoch: Epoch;
  /** `paused`: the services refuse to write, as in the last moments before a planned move. */
  writes: "open" | "paused";
  /** What runs, in recovery order. */
  tiers: TierPlan[];
  database: DatabaseAccess;
  /** IPv4 range of the site, where the load balancer and the database are. */
  cidr: string;
  /** ARN of each service's target group, by service. */
  targetGroupArns: Record<string, pulumi.Output<string>>;
  /** What is asked for after this is all but the pods of the first tier. @default nothing waits */
  podsFirst?: Promise<void>;
}

/**
 * All that the site's cluster runs. The same objects exist in either role: a failover changes the environment of the
 * pods and their number, tier by tier, and creates nothing.
 */
export class Workloads extends pulumi.ComponentResource {
  readonly namespace: pulumi.Output<string>;
  /** Tiers in recovery order. */
  readonly tiers: Tier[];
  /** Resolves when every service is made, if not ready. */
  readonly complete: Promise<void>;

  constructor(name: string, args: WorkloadsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Workloads", name, {}, opts);
    const { database } = args;
    const parent = { parent: this };
    const labels = { "app.kubernetes.io/part-of": args.namespace };

    const namespace = new kubernetes.core.v1.Namespace(
      `${name}-namespace`,
      { metadata: { name: args.namespace, labels: { ...labels, ...READY_IS_SERVED } } },
      parent,
    ).metadata.name;
    const metadata = (object: string) => ({ name: object, namespace, labels });

    const environment = {
      SITE: args.site,
      ROLE: args.role,
      EPOCH: String(args.epoch),
      WRITES: args.writes,
      DATABASE_HOST: database.host,
      DATABASE_PORT: pulumi.output(database.port).apply(String),
      DATABASE_NAME: database.name,
      DATABASE_USER: DATABASE_APP,
      DATABASE_CA: database.ca ?? "",
    };
    const secrets = { DATABASE_PASSWORD: database.password };
    const configMap = new kubernetes.core.v1.ConfigMap(`${name}-config`, { metadata: metadata("service"), data: environment }, parent);
    const secret = new kubernetes.core.v1.Secret(
      `${name}-secret`,
      { metadata: metadata("service"), type: "Opaque", stringData: secrets },
      parent,
    );
    const account = new kubernetes.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: metadata("service"), automountServiceAccountToken: false },
      parent,
    );
    new kubernetes.networking.v1.NetworkPolicy(
      `${name}-closed`,
      { metadata: metadata("closed"), spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } },
      parent,
    );
    new kubernetes.networking.v1.NetworkPolicy(
      `${name}-service-ports`,
      { metadata: metadata("service-ports"), spec: { podSelector: { matchLabels: labels }, ...allowed(args.cidr) } },
      parent,
    );

    const around = {
      serviceAccount: account.metadata.name,
      configMap: configMap.metadata.name,
      secret: secret.metadata.name,
      configChecksum: checksum(environment),
      secretChecksum: checksum(secrets),
    };
    this.tiers = [];
    const planned: Planned[] = [];
    for (const { tier, services } of args.tiers) {
      const after = this.tiers.at(-1);
      const made = new Tier(
        `${name}-tier-${tier}`,
        { tier, namespace, partOf: args.namespace, around, targetGroupArns: args.targetGroupArns, ...(after && { after }) },
        parent,
      );
      this.tiers.push(made);
      planned.push(...services.map((plan) => ({ plan, tier: made })));
    }
    this.complete = makeServices(planned, args.podsFirst);

    this.namespace = namespace;
    this.registerOutputs({ namespace });
  }
}

/**
 * A pod is ready once the load balancer has it as healthy, so a rollout takes no pod away before its successor is served
 * (AWS Load Balancer Controller, pod readiness gate). Pods that no target group is bound to are ready as ever.
 */
const READY_IS_SERVED = { "elbv2.k8s.aws/pod-readiness-gate-inject": "enabled" };

interface Planned {
  plan: ServicePlan;
  tier: Tier;
}

async function makeServices(planned: Planned[], podsFirst: Promise<void> | undefined): Promise<void> {
  const made = new Map<ServicePlan, Service>();
  const make = ({ tier, plan }: Planned): Service => {
    const service = made.get(plan) ?? tier.add(plan);
    made.set(plan, service);
    return service;
  };
  if (podsFirst) {
    for (const each of planned) if (each.tier === planned[0]?.tier) make(each);
    await podsFirst;
  }
  await inBatches(planned, (each) => make(each).surround());
}

/** In from the load balancer, out to the database and to DNS. */
function allowed(cidr: string): Omit<kubernetes.types.input.networking.v1.NetworkPolicySpec, "podSelector"> {
  return {
    policyTypes: ["Ingress", "Egress"],
    ingress: [{ from: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port: SERVICE_PORT }] }],
    egress: [
      { to: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port: DATABASE_PORT }] },
      {
        ports: [
          { protocol: "UDP", port: 53 },
          { protocol: "TCP", port: 53 },
        ],
      },
    ],
  };
}
