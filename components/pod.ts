import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { ADDRESS, hardenedContainer, hardenedPod } from "./hardened";
import type { ServicePlan } from "./workload-plan";

/** Objects that every pod of the service uses. */
export interface PodSurroundings {
  serviceAccount: pulumi.Input<string>;
  /** Config map and secret whose entries are the pods' environment. */
  configMap: pulumi.Input<string>;
  secret: pulumi.Input<string>;
  /** Digest of the config map's and the secret's content: a change of either rolls the pods. */
  configChecksum: pulumi.Input<string>;
  secretChecksum: pulumi.Input<string>;
}

/** How long a pod serves on after its end was asked for, in seconds: until the load balancer has let go of it. */
const LINGER_S = 5;

/** Template of a service's pods: unprivileged, read-only, spread over the zones, ready within a second of being able to serve. */
export function podTemplate(
  plan: ServicePlan,
  labels: Record<string, string>,
  selector: Record<string, string>,
  around: PodSurroundings,
): kubernetes.types.input.core.v1.PodTemplateSpec {
  return {
    metadata: {
      labels,
      annotations: { "changeover/config-checksum": around.configChecksum, "changeover/secret-checksum": around.secretChecksum },
    },
    spec: {
      ...hardenedPod(around.serviceAccount, selector),
      terminationGracePeriodSeconds: LINGER_S + 10,
      containers: [
        {
          name: "service",
          image: plan.image,
          ...hardenedContainer(3),
          lifecycle: { preStop: { sleep: { seconds: LINGER_S } } },
          envFrom: [{ configMapRef: { name: around.configMap } }, { secretRef: { name: around.secret } }],
          env: [{ name: "SERVICE", value: plan.name }, { name: "SERVICE_PATH", value: plan.path }, ...ADDRESS],
          resources: {
            requests: { cpu: plan.cpu.request, memory: plan.memory },
            limits: { cpu: plan.cpu.limit, memory: plan.memory },
          },
        },
      ],
    },
  };
}
