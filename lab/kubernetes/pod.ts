import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { ApiError } from "./api";
import { Container, type PodHost } from "./container";
import { notPlayed, type Placement } from "./environment";
import { podStatus, type WireCondition, type WirePodStatus } from "./status";

export const NODE = "lab";

const RETRY_MS = 200;

/** One pod from its binding to its deletion: scheduler, kubelet and container runtime in one. */
export class Pod {
  private readonly containers: Container[];
  private readonly startTime: string;
  private readonly placement: Placement;
  private conditions: WireCondition[];
  private dirty = false;
  private writing: Promise<void> | undefined;
  private terminating: Promise<void> | undefined;
  /** Shortest time that it was given to end. */
  private graceSeconds = Infinity;
  private discarded = false;

  constructor(
    private readonly host: PodHost,
    private readonly pod: V1Pod,
    podIP: string,
    hostIP: string,
  ) {
    this.placement = { podIP, hostIP, nodeName: NODE };
    const { containers = [] } = pod.spec ?? {};
    // A pod that has run before comes back after an outage, or under a new runner: that is a restart.
    const statuses = pod.status?.containerStatuses ?? [];
    this.containers = containers.map((spec, i) => {
      const before = statuses.find((status) => status.name === spec.name);
      const restarts = before === undefined ? 0 : before.restartCount + (before.started === true ? 1 : 0);
      const processName = `${host.region}-pod-${this.name}${i === 0 ? "" : `-${spec.name}`}`;
      return new Container(host, pod, spec, this.placement, processName, restarts, () => {
        this.changed();
      });
    });
    this.startTime = textOf(pod.status?.startTime) ?? new Date().toISOString();
    this.conditions = (pod.status?.conditions ?? []) as unknown as WireCondition[];
  }

  private get name(): string {
    return this.pod.metadata?.name ?? "";
  }

  private get path(): string {
    return `/api/v1/namespaces/${this.pod.metadata?.namespace ?? ""}/pods/${this.name}`;
  }

  /** Binds it and runs it. The process comes up while the binding is under way: both are ours to decide. */
  start(): void {
    if (this.pod.spec?.nodeName === undefined) void this.insist("bind", () => this.bind());
    const reason = notPlayed(this.pod);
    if (reason !== undefined) {
      void this.insist("refuse", () =>
        this.host.api.patch(`${this.path}/status`, { status: { phase: "Failed", reason: "NotPlayed", message: reason } }),
      );
      return;
    }
    // What an earlier run wrote may say ready, and some time may pass before it is this container's turn to start.
    if (this.pod.status?.containerStatuses !== undefined) this.changed();
    for (const container of this.containers) void container.run();
  }

  /** The object has a deletion time: stop the processes in its grace period, then let the object go. A shorter one later counts. */
  terminate(graceSeconds: number): void {
    this.terminating ??= this.finish(graceSeconds);
    if (graceSeconds >= this.graceSeconds) return;
    if (this.graceSeconds < Infinity) for (const container of this.containers) container.hurry(graceSeconds * 1_000);
    this.graceSeconds = graceSeconds;
  }

  private async finish(graceSeconds: number): Promise<void> {
    await Promise.all(this.containers.map((container) => container.stop(graceSeconds * 1_000)));
    await this.insist("delete", () =>
      this.host.api.delete(this.path, { gracePeriodSeconds: 0, preconditions: { uid: this.pod.metadata?.uid } }),
    );
    this.discarded = true;
  }

  /** The object is gone, or the region is: processes end now and nothing more is written. */
  async kill(): Promise<void> {
    this.discarded = true;
    await Promise.all(this.containers.map((container) => container.kill()));
  }

  /** The lab goes down: processes end in order, the object stays. */
  async leave(graceMs: number): Promise<void> {
    this.discarded = true;
    await Promise.all(this.containers.map((container) => container.stop(graceMs)));
  }

  signal(signal: NodeJS.Signals): void {
    for (const container of this.containers) container.signal(signal);
  }

  private bind(): Promise<unknown> {
    return this.host.api.create(`${this.path}/binding`, {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: this.name, uid: this.pod.metadata?.uid },
      target: { apiVersion: "v1", kind: "Node", name: NODE },
    });
  }

  private changed(): void {
    this.dirty = true;
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
    });
  }

  /** One write at a time, and always the latest state: what changed twice meanwhile is written once. */
  private async write(): Promise<void> {
    // Lets changes of the same turn come together.
    await Promise.resolve();
    while (this.dirty && !this.discarded) {
      this.dirty = false;
      const status = this.status();
      this.conditions = status.conditions ?? [];
      await this.insist("status", () => this.host.api.patch(`${this.path}/status`, { metadata: { uid: this.pod.metadata?.uid }, status }));
    }
  }

  private status(): WirePodStatus {
    return podStatus({
      pod: this.pod,
      podIP: this.placement.podIP,
      hostIP: this.placement.hostIP,
      startTime: this.startTime,
      containers: this.containers.map((container) => container.view()),
      before: this.conditions,
      now: new Date().toISOString(),
    });
  }

  /** Tries until it succeeds, the object turns out to be gone or another one, or nobody wants it any more. */
  private async insist(what: string, call: () => Promise<unknown>): Promise<void> {
    while (!this.discarded) {
      if (!this.host.frozen()) {
        try {
          await call();
          return;
        } catch (error) {
          // Gone, another pod of this name, or bound already.
          if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return;
          if (error instanceof ApiError) this.host.lab.log(`kubernetes ${this.host.region}`, `${what} ${this.name}: ${error.message}`);
        }
      }
      await sleep(RETRY_MS);
    }
  }
}

function textOf(time: unknown): string | undefined {
  return typeof time === "string" ? time : undefined;
}
