import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { SERVICE_PORT } from "./network";
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
      serviceAccountName: around.serviceAccount,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 10,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
      // Rather two pods in one zone than none: a lost zone is no reason to stay down.
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "topology.kubernetes.io/zone",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: selector },
        },
      ],
      containers: [
        {
          name: "service",
          image: plan.image,
          ports: [{ name: "http", containerPort: SERVICE_PORT }],
          envFrom: [{ configMapRef: { name: around.configMap } }, { secretRef: { name: around.secret } }],
          env: [
            { name: "SERVICE", value: plan.name },
            { name: "SERVICE_PATH", value: plan.path },
            { name: "PORT", value: String(SERVICE_PORT) },
            { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          ],
          readinessProbe: { httpGet: { path: "/ready", port: "http" }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 3 },
          // The port alone: a pod that is started again because its database is away would not bring the database back.
          livenessProbe: { tcpSocket: { port: "http" }, periodSeconds: 10, timeoutSeconds: 2, failureThreshold: 3 },
          resources: {
            requests: { cpu: plan.cpu.request, memory: plan.memory },
            limits: { cpu: plan.cpu.limit, memory: plan.memory },
          },
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
}
