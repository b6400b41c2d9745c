import { setTimeout as sleep } from "node:timers/promises";
import type { V1Container, V1Pod, V1Probe } from "@kubernetes/client-node";
import type { LabContext } from "../part";
import type { LabProcess } from "../processes";
import { SERVICE_NODE_ARGUMENTS } from "../service/build";
import { aborted, pause } from "./abort";
import type { KubernetesApi } from "./api";
import { ConfigError, expand, resolveEnvironment, type Placement, type Sources } from "./environment";
import { afterProbe, beginProbe, probeSettings, untilNextProbe, type ProbeKind } from "./probe";
import { attemptProbe } from "./probe-request";
import { identityOf, programOf, type Programs } from "./programs";
import { RestartDelay, startsAgain } from "./restart";
import type { Slots } from "./slots";
import type { ContainerView, WireContainerState } from "./status";

/** What the pods of a region share. */
export interface PodHost {
  lab: LabContext;
  region: string;
  api: KubernetesApi;
  /** Run for containers that name no command of their own. */
  programs: Programs;
  sources(namespace: string): Sources;
  /** Bounds how many processes come up at once. */
  starts: Slots;
  /** The region is blackholed: nothing that is observed counts. */
  frozen(): boolean;
}

/** Exit code that a shell gives a process which SIGKILL ended. */
const KILLED = 137;
const CONFIG_RETRY_MS = 1_000;
/** A process that answers nobody holds its place among the starting ones no longer than this. */
const LONGEST_START_MS = 1_000;

/** One container of a pod: a process that is started, probed and started again. */
export class Container {
  private state: WireContainerState = { waiting: { reason: "ContainerCreating" } };
  private lastState: WireContainerState = {};
  private ready = false;
  private started = false;
  private process: LabProcess | undefined;
  private readonly stopped = new AbortController();

  /** @param changed the view is not what it was */
  constructor(
    private readonly host: PodHost,
    private readonly pod: V1Pod,
    private readonly spec: V1Container,
    private readonly placement: Placement,
    private readonly processName: string,
    private restartCount: number,
    private readonly changed: () => void,
  ) {}

  view(): ContainerView {
    const { state, lastState, ready, started, restartCount } = this;
    return { name: this.spec.name, image: this.spec.image ?? "", state, lastState, ready, started, restartCount, pid: this.process?.pid };
  }

  /** Runs until the container is over for good: stopped, or ended under a policy that does not start it again. */
  async run(): Promise<void> {
    const delay = new RestartDelay();
    const { signal } = this.stopped;
    while (!aborted(signal)) {
      const free = await this.host.starts.take();
      const begun = Date.now();
      const process = await this.launch().finally(() => setTimeout(free, LONGEST_START_MS).unref());
      if (process === undefined) {
        free();
        await pause(CONFIG_RETRY_MS, signal);
        continue;
      }
      const probing = new AbortController();
      const probes = this.probe(process, probing.signal, free);
      const { code, signal: endSignal } = await process.ended;
      free();
      probing.abort();
      await probes;
      this.ended(process, code ?? KILLED, endSignal, begun);
      if (aborted(signal) || !startsAgain(this.pod.spec?.restartPolicy, code ?? KILLED)) return;
      this.restartCount += 1;
      this.lastState = this.state;
      const waitMs = delay.next(Date.now() - begun);
      if (waitMs > 0) {
        this.become({ waiting: { reason: "CrashLoopBackOff", message: `back-off ${waitMs}ms restarting container ${this.spec.name}` } });
        await pause(waitMs, signal);
      }
    }
  }

  /** Stops it in Kubernetes' way: preStop sleep, SIGTERM, SIGKILL when the time is over. */
  async stop(graceMs: number): Promise<void> {
    const sleepMs = Math.min(graceMs, (this.spec.lifecycle?.preStop?.sleep?.seconds ?? 0) * 1_000);
    if (sleepMs > 0 && this.process !== undefined) await sleep(sleepMs, undefined, { signal: this.stopped.signal }).catch(() => undefined);
    this.stopped.abort();
    await this.process?.end(graceMs - sleepMs);
  }

  /** While it is being stopped: what is left of it by then is killed. */
  hurry(graceMs: number): void {
    setTimeout(() => void this.kill(), graceMs).unref();
  }

  /** Gone at once, and nothing is told to anyone. */
  async kill(): Promise<void> {
    this.stopped.abort();
    this.process?.signal("SIGKILL");
    await this.process?.ended;
  }

  /** SIGSTOP and SIGCONT of a blackhole. */
  signal(signal: NodeJS.Signals): void {
    this.process?.signal(signal);
  }

  private async launch(): Promise<LabProcess | undefined> {
    try {
      const env = {
        HOSTNAME: this.pod.metadata?.name ?? "",
        ...identityOf(this.pod.spec?.serviceAccountName, this.host.lab.world),
        ...(await resolveEnvironment(this.spec, this.pod, this.placement, this.host.sources(this.pod.metadata?.namespace ?? ""))),
      };
      if (aborted(this.stopped.signal)) return undefined;
      const { command, args } = this.commandLine(env);
      this.process = this.host.lab.processes.spawn({ name: this.processName, region: this.host.region, command, args, env });
      this.started = this.spec.startupProbe === undefined;
      this.ready = this.started && this.spec.readinessProbe === undefined;
      this.become({ running: { startedAt: new Date().toISOString() } });
      return this.process;
    } catch (error) {
      if (aborted(this.stopped.signal)) return undefined;
      const reason = error instanceof ConfigError ? "CreateContainerConfigError" : "CreateContainerError";
      this.become({ waiting: { reason, message: (error as Error).message } });
      return undefined;
    }
  }

  private commandLine(env: Record<string, string>): { command: string; args: string[] } {
    const args = (this.spec.args ?? []).map((text) => expand(text, env));
    const [command, ...rest] = (this.spec.command ?? []).map((text) => expand(text, env));
    if (command !== undefined) return { command, args: [...rest, ...args] };
    return { command: process.execPath, args: [...SERVICE_NODE_ARGUMENTS, programOf(this.spec.image, this.host.programs), ...args] };
  }

  private ended(process: LabProcess, exitCode: number, signal: NodeJS.Signals | null, begun: number): void {
    this.process = undefined;
    this.ready = false;
    this.started = false;
    this.become({
      terminated: {
        exitCode,
        reason: exitCode === 0 ? "Completed" : "Error",
        ...(signal === null ? {} : { message: `ended by ${signal}` }),
        containerID: `process://${process.pid}`,
        startedAt: new Date(begun).toISOString(),
        finishedAt: new Date().toISOString(),
      },
    });
  }

  /** Startup probe first; the others begin when it has passed. Resolves after `signal`. */
  private async probe(process: LabProcess, signal: AbortSignal, answered: () => void): Promise<void> {
    const { startupProbe, readinessProbe, livenessProbe } = this.spec;
    const fail = (kind: ProbeKind): void => {
      this.host.lab.log(`kubernetes ${this.host.region}`, `${this.processName}: ${kind} probe failed, container is restarted`);
      void process.end((this.pod.spec?.terminationGracePeriodSeconds ?? 30) * 1_000);
    };
    if (startupProbe !== undefined) {
      await this.watchProbe("startup", startupProbe, signal, answered, (passing) => {
        if (passing) {
          this.started = true;
          this.ready = readinessProbe === undefined;
          this.changed();
        } else fail("startup");
      });
    }
    if (aborted(signal)) return;
    await Promise.all([
      readinessProbe &&
        this.watchProbe("readiness", readinessProbe, signal, answered, (passing) => {
          this.ready = passing;
          this.changed();
        }),
      livenessProbe &&
        this.watchProbe("liveness", livenessProbe, signal, answered, (passing) => {
          if (!passing) fail("liveness");
        }),
    ]);
    if (readinessProbe === undefined && livenessProbe === undefined && startupProbe === undefined) answered();
  }

  /** Tries a probe again and again and tells when its answer turns. A startup probe is over once it has turned. */
  private async watchProbe(
    kind: ProbeKind,
    probe: V1Probe,
    signal: AbortSignal,
    answered: () => void,
    turned: (passing: boolean) => void,
  ): Promise<void> {
    const settings = probeSettings(kind, probe);
    const ports = this.spec.ports ?? [];
    await pause(settings.initialDelayMs, signal);
    let state = beginProbe(settings, performance.now());
    while (!aborted(signal)) {
      const attempt = this.host.frozen() ? undefined : await attemptProbe(probe, ports, this.placement.podIP, settings.timeoutMs);
      if (aborted(signal)) return;
      if (attempt !== undefined && !this.host.frozen()) {
        if (attempt !== "refused") answered();
        const before = state;
        state = afterProbe(settings, state, attempt === "success", performance.now());
        if (state.passing !== before.passing || state.exhausted) turned(state.passing);
        if (state.exhausted || (kind === "startup" && state.passing)) return;
      }
      await pause(untilNextProbe(settings, state, performance.now()), signal);
    }
  }

  private become(state: WireContainerState): void {
    this.state = state;
    this.changed();
  }
}
