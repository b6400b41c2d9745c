import type { V1Pod, V1Service } from "@kubernetes/client-node";
import type { LabContext } from "../part";
import { ApiError, type KubernetesApi } from "./api";
import { membersOf, targetPort } from "./endpoints";
import { NODE } from "./pod";
import type { Store } from "./store";

const GATHER_MS = 20;

/**
 * Writes an EndpointSlice for each service, for people and for clients that wait for one. Kubernetes' own controller
 * cannot: the API refuses loopback addresses in a slice. So a pod at 127.10.50.1 stands there as 10.10.50.1.
 */
export class EndpointSlices {
  private readonly written = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private running = false;
  private flushing = false;

  constructor(
    private readonly lab: LabContext,
    private readonly api: KubernetesApi,
    private readonly services: Store<V1Service>,
    private readonly pods: Store<V1Pod>,
  ) {
    services.listen((service, change) => {
      if (change === "gone") this.written.delete(service.metadata?.uid ?? "");
      this.later();
    });
    pods.listen(() => {
      this.later();
    });
  }

  start(): void {
    this.running = true;
    this.written.clear();
    this.later();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private later(afterMs = GATHER_MS): void {
    if (!this.running || this.flushing) return;
    this.timer ??= setTimeout(() => {
      void this.flush();
    }, afterMs);
  }

  private async flush(): Promise<void> {
    this.flushing = true;
    let again = false;
    for (const service of this.services.all()) {
      const [uid = "", name = "", namespace = ""] = [service.metadata?.uid, service.metadata?.name, service.metadata?.namespace];
      const slice = sliceOf(service, this.pods.all());
      const text = JSON.stringify(slice);
      if (slice === undefined || this.written.get(uid) === text) continue;
      try {
        await this.write(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, `${name}-lab`, slice);
        this.written.set(uid, text);
      } catch (error) {
        again = this.running;
        if (this.running) this.lab.log("kubernetes", `endpoints of ${namespace}/${name}: ${(error as Error).message}`);
      }
    }
    this.flushing = false;
    this.timer = undefined;
    // Whatever changed while this was writing.
    if (again) this.later(500);
    else if (this.changedMeanwhile()) this.later();
  }

  private changedMeanwhile(): boolean {
    return this.services.all().some((service) => {
      const slice = sliceOf(service, this.pods.all());
      return slice !== undefined && this.written.get(service.metadata?.uid ?? "") !== JSON.stringify(slice);
    });
  }

  private async write(collection: string, name: string, slice: object): Promise<void> {
    try {
      await this.api.patch(`${collection}/${name}`, slice);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      await this.api.create(collection, slice);
    }
  }
}

/** @returns `undefined` for a service that selects nothing */
export function sliceOf(service: V1Service, pods: V1Pod[]): object | undefined {
  if (service.spec?.selector === undefined) return undefined;
  const [name = "", namespace, uid] = [service.metadata?.name, service.metadata?.namespace, service.metadata?.uid];
  const members = membersOf(service, pods);
  const [first] = members;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${name}-lab`,
      namespace,
      labels: { "kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "changeover-lab" },
      ownerReferences: [{ apiVersion: "v1", kind: "Service", name, uid, controller: true }],
    },
    addressType: "IPv4",
    endpoints: members.map(({ pod, ip, ready, terminating }) => ({
      addresses: [ip.replace(/^127\./, "10.")],
      conditions: { ready, serving: ready, terminating },
      nodeName: NODE,
      targetRef: { kind: "Pod", name: pod.metadata?.name, namespace, uid: pod.metadata?.uid },
    })),
    ports: (service.spec.ports ?? []).map((port) => ({
      name: port.name ?? "",
      protocol: port.protocol ?? "TCP",
      port: (first && targetPort(port, first.pod)) ?? port.port,
    })),
  };
}
