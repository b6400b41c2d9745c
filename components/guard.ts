import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { DATABASE_ADMIN, DATABASE_APP } from "../topology/names";
import type { Epoch, Role } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import { checksum } from "./checksum";
import { ADDRESS, hardenedContainer, hardenedPod } from "./hardened";
import { DATABASE_PORT } from "./network";
import type { DatabaseAccess } from "./workloads";

/** Another site, as the guard has to know it. */
export interface GuardedSite {
  site: SiteName;
  region: string;
  /** Its switch bucket. */
  bucket: string;
}

export interface GuardArgs {
  /** Namespace of the site's workloads. */
  namespace: pulumi.Input<string>;
  /** Name of the whole system; a label. */
  partOf: string;
  site: SiteName;
  role: Role;
  epoch: Epoch;
  /** Image pinned by digest. */
  image: string;
  /** Between two looks, in milliseconds. */
  intervalMs: number;
  /** How long the services may log in after a look, in milliseconds. */
  leaseMs: number;
  /** Until when an operator's word stands that this site is active, ISO 8601. @default nobody gave it */
  confirmedUntil?: string;
  /** The site's database, with the password of its administrator. */
  database: DatabaseAccess;
  /** Where the site's own takeover switch is. */
  ownSwitch: Pick<GuardedSite, "region" | "bucket">;
  others: GuardedSite[];
  /** IPv4 range of the site, where its database is. */
  cidr: string;
}

/** Where EKS Pod Identity hands out credentials on each node. EKS user guide, 'EKS Pod Identity Agent'. */
const POD_IDENTITY = ["169.254.170.23/32", "fd00:ec2::23/128"];

/**
 * What shuts the site's database when another site has become active: two pods in every role, beside the services and
 * before them. Nothing waits for it, because at a fenced site it is unready, as it should be.
 */
export class Guard extends pulumi.ComponentResource {
  constructor(name: string, args: GuardArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Guard", name, {}, opts);
    const { namespace, database } = args;
    const parent = { parent: this };
    const selector = { "app.kubernetes.io/name": "guard" };
    const metadata = { name: "guard", namespace, labels: { ...selector, "app.kubernetes.io/part-of": args.partOf } };

    const environment = {
      SITE: args.site,
      ROLE: args.role,
      EPOCH: String(args.epoch),
      SWITCH_REGION: args.ownSwitch.region,
      SWITCH_BUCKET: args.ownSwitch.bucket,
      SITES: JSON.stringify(args.others),
      INTERVAL_MS: String(args.intervalMs),
      LEASE_MS: String(args.leaseMs),
      CONFIRMED_UNTIL: args.confirmedUntil ?? "",
      DATABASE_HOST: database.host,
      DATABASE_PORT: pulumi.output(database.port).apply(String),
      DATABASE_NAME: database.name,
      DATABASE_USER: DATABASE_ADMIN,
      DATABASE_CA: database.ca ?? "",
      APP_ROLE: DATABASE_APP,
    };
    const secrets = { DATABASE_ADMIN_PASSWORD: database.password };
    const configMap = new kubernetes.core.v1.ConfigMap(`${name}-config`, { metadata, data: environment }, parent);
    const secret = new kubernetes.core.v1.Secret(`${name}-secret`, { metadata, type: "Opaque", stringData: secrets }, parent);
    const account = new kubernetes.core.v1.ServiceAccount(`${name}-account`, { metadata, automountServiceAccountToken: false }, parent);
    new kubernetes.networking.v1.NetworkPolicy(
      `${name}-ports`,
      { metadata, spec: { podSelector: { matchLabels: selector }, ...allowed(args.cidr) } },
      parent,
    );
    new kubernetes.policy.v1.PodDisruptionBudget(
      `${name}-budget`,
      { metadata, spec: { maxUnavailable: 1, selector: { matchLabels: selector } } },
      parent,
    );
    new kubernetes.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata: { ...metadata, annotations: { "pulumi.com/patchForce": "true", "pulumi.com/skipAwait": "true" } },
        spec: {
          // One that looks while the other one is moved to another node.
          replicas: 2,
          revisionHistoryLimit: 3,
          selector: { matchLabels: selector },
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "100%", maxUnavailable: 0 } },
          template: {
            metadata: {
              // Without the label of the services, whose network policy is not the guard's.
              labels: selector,
              annotations: { "changeover/config-checksum": checksum(environment), "changeover/secret-checksum": checksum(secrets) },
            },
            spec: {
              ...hardenedPod(account.metadata.name, selector),
              terminationGracePeriodSeconds: 5,
              containers: [
                {
                  name: "guard",
                  image: args.image,
                  ...hardenedContainer(1),
                  envFrom: [{ configMapRef: { name: configMap.metadata.name } }, { secretRef: { name: secret.metadata.name } }],
                  env: [...ADDRESS, { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
                  resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { cpu: "500m", memory: "96Mi" } },
                },
              ],
            },
          },
        },
      },
      parent,
    );
    this.registerOutputs();
  }
}

/** Out to the switches, to whoever hands out the credentials for them, to the database and to DNS; nothing in. */
function allowed(cidr: string): Omit<kubernetes.types.input.networking.v1.NetworkPolicySpec, "podSelector"> {
  return {
    policyTypes: ["Ingress", "Egress"],
    egress: [
      { ports: [{ protocol: "TCP", port: 443 }] },
      { to: POD_IDENTITY.map((agent) => ({ ipBlock: { cidr: agent } })), ports: [{ protocol: "TCP", port: 80 }] },
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
