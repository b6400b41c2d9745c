import type * as kubernetes from "@pulumi/kubernetes";
import { SERVICE_PORT } from "./network";

type Pod = kubernetes.types.input.core.v1.PodSpec;
type Container = kubernetes.types.input.core.v1.Container;

/** What every pod's spec begins with. @param selector labels of the pods that are spread over the zones */
export function hardenedPod(serviceAccountName: Pod["serviceAccountName"], selector: Record<string, string>) {
  return {
    serviceAccountName,
    automountServiceAccountToken: false,
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
  } satisfies Omit<Pod, "containers">;
}

/** What every container has, beside its image, environment and resources. @param failureThreshold of its readiness, seconds */
export function hardenedContainer(failureThreshold: number) {
  return {
    ports: [{ name: "http", containerPort: SERVICE_PORT }],
    readinessProbe: { httpGet: { path: "/ready", port: "http" }, periodSeconds: 1, timeoutSeconds: 1, failureThreshold },
    // The port alone: what is started again because its database is away, or fenced, would not bring that back.
    livenessProbe: { tcpSocket: { port: "http" }, periodSeconds: 10, timeoutSeconds: 2, failureThreshold: 3 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
  } satisfies Omit<Container, "name">;
}

/** Where a container's program listens, for its environment. */
export const ADDRESS = [
  { name: "PORT", value: String(SERVICE_PORT) },
  { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
];
