import type { V1Pod, V1Service } from "@kubernetes/client-node";
import type { LabContext, LabPart, OutageMode } from "../part";
import { url } from "../world";
import { KubernetesApi } from "./api";
import { ControlPlane, kubeconfigText } from "./control-plane";
import { Doorbell } from "./doorbell";
import { EndpointSlices } from "./endpoint-slices";
import { BINDINGS, installObjects } from "./objects";
import { PodRunner } from "./pods";
import type { Programs } from "./programs";
import { Store } from "./store";
import { TargetGroupBindings, type TargetGroupBinding } from "./target-group-binding";
import { Tripwire, waitingConnections } from "./tripwire";

export interface ClusterOptions {
  /** Files that `lab up` made: what containers without a command of their own run. */
  programs: Programs;
  /** It is started when somebody first calls it, as a cluster without nodes has nothing that runs. @default at once */
  asleep?: boolean;
}

export interface ClusterApi {
  /** Text of the administrator's kubeconfig, certificates inside. Known after `start`. */
  kubeconfig(): string;
  /** Resolves when the API server serves; rejects where its start failed. */
  ready(): Promise<void>;
  /** Connections that were tried to the API while the region was lost, over all outages. */
  connectionsDuringOutage(): number;
  podCount(): number;
}

const POD_STOP_MS = 1_500;

/**
 * A region's Kubernetes: a real API server with etcd and controllers, and in place of nodes a runner that starts each pod
 * as a process here. State is kept in the lab's folder; a cluster that starts again finds what it had.
 */
export async function createCluster(lab: LabContext, region: string, options: ClusterOptions): Promise<LabPart & ClusterApi> {
  const { kubernetes } = lab.world.region(region);
  const admin = await lab.certificates.issue("kubernetes-admin", { commonName: "admin", organization: "system:masters", usage: "client" });
  const credentials = { ca: lab.certificates.caCert, cert: admin.cert, key: admin.key };
  return new Cluster(
    lab,
    region,
    options,
    new KubernetesApi(kubernetes, credentials),
    kubeconfigText({ server: url(kubernetes, "https"), ...credentials }),
    admin,
  );
}

class Cluster implements LabPart, ClusterApi {
  readonly name: string;
  private readonly pods = new Store<V1Pod>("/api/v1/pods");
  private readonly services = new Store<V1Service>("/api/v1/services");
  private readonly bindings = new Store<TargetGroupBinding>(BINDINGS);
  private readonly controlPlane: ControlPlane;
  private readonly runner: PodRunner;
  private readonly slices: EndpointSlices;
  private readonly targets: TargetGroupBindings;
  private readonly tripwire = new Tripwire();
  private watches = new AbortController();
  private lost: OutageMode | undefined;
  /** Until somebody calls. */
  private doorbell: Doorbell | undefined;
  private readonly serving: Promise<void>;
  private served!: { resolve: () => void; reject: (error: unknown) => void };

  constructor(
    private readonly lab: LabContext,
    private readonly region: string,
    options: ClusterOptions,
    private readonly api: KubernetesApi,
    private readonly config: string,
    admin: ConstructorParameters<typeof ControlPlane>[3],
  ) {
    this.name = `kubernetes ${region}`;
    if (options.asleep) this.doorbell = new Doorbell(this.endpoint, () => this.wake());
    this.serving = new Promise((resolve, reject) => (this.served = { resolve, reject }));
    this.serving.catch(() => undefined);
    this.controlPlane = new ControlPlane(lab, region, api, admin);
    this.runner = new PodRunner(lab, region, api, options.programs, this.pods);
    this.slices = new EndpointSlices(lab, api, this.services, this.pods);
    this.targets = new TargetGroupBindings(lab, region, this.bindings, this.services, this.pods);
  }

  kubeconfig(): string {
    return this.config;
  }

  ready(): Promise<void> {
    return this.serving;
  }

  connectionsDuringOutage(): number {
    return this.tripwire.count + (this.lost === "blackhole" ? waitingConnections(this.endpoint) : 0);
  }

  podCount(): number {
    return this.runner.count;
  }

  async start(): Promise<void> {
    if (this.doorbell) return this.doorbell.open();
    await this.begin();
  }

  private async wake(): Promise<void> {
    this.lab.log(this.name, "somebody calls: it wakes");
    this.doorbell = undefined;
    await this.begin().catch((error: unknown) => {
      this.lab.log(this.name, `did not wake: ${(error as Error).message}`);
      throw error;
    });
  }

  private async begin(): Promise<void> {
    try {
      await this.controlPlane.start();
      await installObjects(this.api, this.region, this.endpoint.host);
      this.connect();
      this.served.resolve();
    } catch (error) {
      this.served.reject(error);
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.lost === "blackhole") await this.thaw();
    this.doorbell?.close();
    this.disconnect();
    await this.tripwire.close();
    await this.runner.stop(POD_STOP_MS);
    await this.api.disconnect();
    await this.controlPlane.stop();
  }

  async outage(region: string, mode: OutageMode): Promise<void> {
    if (region !== this.region || this.lost !== undefined) return;
    this.lost = mode;
    if (this.doorbell) {
      this.doorbell.close();
      await this.tripwire.open(this.endpoint);
      return;
    }
    this.disconnect();
    if (mode === "blackhole") {
      this.runner.freeze();
      await this.controlPlane.signal("SIGSTOP");
      await this.api.disconnect();
      return;
    }
    await Promise.all([this.runner.kill(), this.controlPlane.signal("SIGKILL")]);
    await this.api.disconnect();
    await this.tripwire.open(this.endpoint);
  }

  async heal(region: string): Promise<void> {
    if (region !== this.region || this.lost === undefined) return;
    if (this.doorbell) {
      await this.tripwire.close();
      this.lost = undefined;
      return this.doorbell.open();
    }
    if (this.lost === "blackhole") await this.thaw();
    else {
      await this.tripwire.close();
      await this.controlPlane.start();
    }
    this.lost = undefined;
    this.connect();
  }

  status(): unknown {
    return {
      region: this.region,
      api: url(this.endpoint, "https"),
      lost: this.lost ?? null,
      pods: this.podCount(),
      connectionsDuringOutage: this.connectionsDuringOutage(),
    };
  }

  private get endpoint(): { host: string; port: number } {
    return this.lab.world.region(this.region).kubernetes;
  }

  private async thaw(): Promise<void> {
    this.tripwire.add(waitingConnections(this.endpoint));
    this.lost = undefined;
    await this.controlPlane.signal("SIGCONT");
    this.runner.thaw();
  }

  /** Begins to watch, and with that to run pods and to register them. */
  private connect(): void {
    this.watches = new AbortController();
    const trouble = (message: string): void => {
      this.lab.log(this.name, message);
    };
    for (const store of [this.pods, this.services, this.bindings]) void store.follow(this.api, this.watches.signal, trouble);
    this.slices.start();
    this.targets.start();
  }

  private disconnect(): void {
    this.watches.abort();
    this.slices.stop();
    this.targets.stop();
  }
}
