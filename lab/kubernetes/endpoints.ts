import type { V1Pod, V1Service, V1ServicePort } from "@kubernetes/client-node";

/** A pod behind a service. */
export interface Member {
  pod: V1Pod;
  ip: string;
  ready: boolean;
  terminating: boolean;
}

/** The pods that a service selects and that have an address. A service without a selector has none. */
export function membersOf(service: V1Service, pods: V1Pod[]): Member[] {
  const selector = Object.entries(service.spec?.selector ?? {});
  if (selector.length === 0) return [];
  const members: Member[] = [];
  for (const pod of pods) {
    const ip = pod.status?.podIP;
    if (pod.metadata?.namespace !== service.metadata?.namespace || ip === undefined) continue;
    if (!selector.every(([key, value]) => pod.metadata?.labels?.[key] === value)) continue;
    if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") continue;
    const terminating = pod.metadata?.deletionTimestamp !== undefined;
    const ready = !terminating && pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
    members.push({ pod, ip, ready, terminating });
  }
  return members;
}

/** The number that a service's port has in this pod. `undefined` where the pod has no port of that name. */
export function targetPort({ targetPort: target, port }: V1ServicePort, pod: V1Pod): number | undefined {
  if (target === undefined) return port;
  if (typeof target === "number") return target;
  for (const { ports = [] } of pod.spec?.containers ?? []) {
    const found = ports.find(({ name }) => name === target);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}
