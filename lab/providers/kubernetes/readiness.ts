import { titleOf, type Condition, type KubernetesObject } from "./object";

/** When is an object as its spec wants it, and what is missing if it is not. Pure. */

/** Why to go on waiting; `undefined`: it is ready. */
export type Unready = string | undefined;

/**
 * A rollout is over when the controller has seen this generation, all pods are of it and available, and none of an older one is left.
 * A progress deadline that has passed does not end the wait: the condition may still be the one of the rollout before.
 */
export function deploymentUnready(deployment: KubernetesObject): Unready {
  const wanted = numberAt(deployment.spec, "replicas", 1);
  const status = deployment.status;
  const title = titleOf(deployment);
  if (numberAt(status, "observedGeneration") < (deployment.metadata.generation ?? 0)) {
    return `${title}: the deployment controller has not seen the change yet`;
  }
  const updated = numberAt(status, "updatedReplicas");
  const ready = numberAt(status, "readyReplicas");
  const available = numberAt(status, "availableReplicas");
  const total = numberAt(status, "replicas");
  if (updated === wanted && total === wanted && ready === wanted && available === wanted) return undefined;
  // The status does not tell new from old among those that are ready.
  const parts = [`${ready} of ${wanted} ready${total > updated ? ", old ones included" : ""}`];
  if (updated < wanted) parts.push(`${updated} of ${wanted} new`);
  if (total > updated) parts.push(`${total - updated} old left`);
  if (available < ready) parts.push(`${available} available`);
  if (conditions(status).some(({ type, reason }) => type === "Progressing" && reason === "ProgressDeadlineExceeded")) {
    parts.push("progress deadline exceeded");
  }
  return `${title}: ${parts.join(", ")}`;
}

/** A namespace takes objects once it is active. */
export function namespaceUnready(namespace: KubernetesObject): Unready {
  const phase = namespace.status?.phase;
  return phase === "Active" ? undefined : `${titleOf(namespace)} is ${typeof phase === "string" ? phase : "without a phase"}`;
}

/**
 * Whether the service has somebody to send to. One that selects no pod at all is not waited for: its Deployment may well come after it in
 * the same update. (The official provider waits ten minutes for it, and fails.)
 */
export function serviceUnready(service: KubernetesObject, pods: KubernetesObject[], slices: KubernetesObject[]): Unready {
  if (pods.length === 0) return undefined;
  const ready = slices.some((slice) =>
    ((slice.endpoints ?? []) as { conditions?: { ready?: boolean } }[]).some((endpoint) => endpoint.conditions?.ready === true),
  );
  return ready ? undefined : `${titleOf(service)}: none of ${pods.length} pods is a ready endpoint`;
}

/** Whether the official provider would look for the service's endpoints. */
export function hasEndpoints(service: KubernetesObject): boolean {
  const spec = service.spec ?? {};
  return spec.type !== "ExternalName" && spec.clusterIP !== "None" && Object.keys(spec.selector ?? {}).length > 0;
}

interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount?: number;
  state?: { waiting?: { reason?: string; message?: string }; terminated?: { reason?: string; exitCode?: number } };
}

/** One line on why a pod is not ready; `undefined` when it is. */
export function podTrouble(pod: KubernetesObject): string | undefined {
  const all = conditions(pod.status);
  const ready = all.find(({ type }) => type === "Ready");
  if (ready?.status === "True") return undefined;
  const name = pod.metadata.name;
  if (pod.metadata.deletionTimestamp !== undefined) return `${name}: terminating`;
  for (const container of (pod.status?.containerStatuses ?? []) as ContainerStatus[]) {
    if (container.ready) continue;
    const { waiting, terminated } = container.state ?? {};
    const restarts = (container.restartCount ?? 0) > 0 ? `, ${container.restartCount} restarts` : "";
    if (waiting !== undefined)
      return `${name}: container ${container.name} ${words(waiting.reason ?? "waiting", waiting.message)}${restarts}`;
    if (terminated !== undefined) return `${name}: container ${container.name} ended with ${terminated.exitCode ?? "?"}${restarts}`;
    return `${name}: container ${container.name} runs, but is not ready${restarts}`;
  }
  const phase = typeof pod.status?.phase === "string" ? pod.status.phase : "Pending";
  const cause = all.find(({ type, status }) => type === "PodScheduled" && status === "False") ?? ready;
  return `${name}: ${words(cause?.reason ?? phase, cause?.message)}`;
}

function words(reason: string, message: string | undefined): string {
  return message === undefined || message === "" ? reason : `${reason} (${message})`;
}

export function conditions(status: Record<string, unknown> | undefined): Condition[] {
  return (status?.conditions ?? []) as Condition[];
}

function numberAt(from: Record<string, unknown> | undefined, name: string, missing = 0): number {
  const value = from?.[name];
  return typeof value === "number" ? value : missing;
}

/** A label selector as the API takes it in a query. */
export function selectorText(selector: {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}): string {
  return [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
      switch (operator) {
        case "Exists":
          return key;
        case "DoesNotExist":
          return `!${key}`;
        default:
          return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
      }
    }),
  ].join(",");
}
