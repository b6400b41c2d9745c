import type { V1ContainerState, V1ContainerStatus, V1Pod, V1PodCondition, V1PodStatus } from "@kubernetes/client-node";

/** Kubernetes objects as they travel: times are text. */
type Wire<T> = T extends Date ? string : T extends (infer E)[] ? Wire<E>[] : T extends object ? { [K in keyof T]: Wire<T[K]> } : T;

export type WirePodStatus = Wire<V1PodStatus>;
export type WireCondition = Wire<V1PodCondition>;
export type WireContainerState = Wire<V1ContainerState>;

/** One container as the pod runner sees it. */
export interface ContainerView {
  name: string;
  image: string;
  state: WireContainerState;
  lastState: WireContainerState;
  ready: boolean;
  started: boolean;
  restartCount: number;
  pid: number | undefined;
}

export interface PodView {
  pod: V1Pod;
  podIP: string;
  hostIP: string;
  startTime: string;
  containers: ContainerView[];
  /** Conditions as they were last, for the times of their transitions. */
  before: WireCondition[];
  now: string;
}

/** The whole status of a pod, as the kubelet would write it. */
export function podStatus({ pod, podIP, hostIP, startTime, containers, before, now }: PodView): WirePodStatus {
  const ready = containers.every((container) => container.ready);
  const phase = phaseOf(pod.spec?.restartPolicy, containers);
  const condition = (type: string, holds: boolean): WireCondition => {
    const status = holds ? "True" : "False";
    const last = before.find((c) => c.type === type && c.status === status);
    return { type, status, lastTransitionTime: last?.lastTransitionTime ?? now, ...(holds ? {} : { reason: "ContainersNotReady" }) };
  };
  return {
    phase,
    startTime,
    hostIP,
    hostIPs: [{ ip: hostIP }],
    podIP,
    podIPs: [{ ip: podIP }],
    conditions: [
      condition("PodScheduled", true),
      condition("Initialized", true),
      condition("ContainersReady", ready),
      condition("Ready", ready),
    ],
    containerStatuses: containers.map(containerStatus),
  };
}

function containerStatus(view: ContainerView): Wire<V1ContainerStatus> {
  const { name, image, state, lastState, ready, started, restartCount, pid } = view;
  return {
    name,
    image,
    imageID: image,
    state,
    lastState,
    ready,
    started,
    restartCount,
    ...(pid === undefined ? {} : { containerID: `process://${pid}` }),
  };
}

function phaseOf(policy: string | undefined, containers: ContainerView[]): string {
  const over = containers.every(({ state }) => state.terminated !== undefined);
  if (over && policy !== "Always" && policy !== undefined) {
    return containers.every(({ state }) => state.terminated?.exitCode === 0) ? "Succeeded" : "Failed";
  }
  return containers.some(({ state, restartCount }) => state.running !== undefined || restartCount > 0) ? "Running" : "Pending";
}
