import type { V1ConfigMap, V1Pod, V1Secret } from "@kubernetes/client-node";
import type { LabContext } from "../part";
import { ApiError, type KubernetesApi } from "./api";
import type { PodHost } from "./container";
import type { Sources } from "./environment";
import { NODE, Pod } from "./pod";
import type { Programs } from "./programs";
import { Slots } from "./slots";
import type { Store } from "./store";

/** Processes that come up at once. More than this many on two cores only makes the first one later. */
const STARTS_AT_ONCE = 6;

/** Runs every pod of a cluster as processes of this machine, each at a loopback address of its own. */
export class PodRunner {
  private readonly pods = new Map<string, Pod>();
  private readonly host: PodHost;
  private next = 0;
  private frozen = false;

  constructor(
    private readonly lab: LabContext,
    private readonly region: string,
    private readonly api: KubernetesApi,
    programs: Programs,
    private readonly store: Store<V1Pod>,
  ) {
    this.host = {
      lab,
      region,
      api,
      programs,
      sources: (namespace) => this.sources(namespace),
      starts: new Slots(STARTS_AT_ONCE),
      frozen: () => this.frozen,
    };
    store.listen((pod, change) => {
      if (change === "set") this.seen(pod);
      else this.gone(pod);
    });
  }

  get count(): number {
    return this.pods.size;
  }

  /** Every process dies at once; the objects stay as they are. */
  async kill(): Promise<void> {
    const all = [...this.pods.values()];
    this.pods.clear();
    await Promise.all(all.map((pod) => pod.kill()));
  }

  async stop(graceMs: number): Promise<void> {
    const all = [...this.pods.values()];
    this.pods.clear();
    await Promise.all(all.map((pod) => pod.leave(graceMs)));
  }

  freeze(): void {
    this.frozen = true;
    for (const pod of this.pods.values()) pod.signal("SIGSTOP");
  }

  thaw(): void {
    for (const pod of this.pods.values()) pod.signal("SIGCONT");
    this.frozen = false;
  }

  private seen(object: V1Pod): void {
    const uid = object.metadata?.uid ?? "";
    const deleted = object.metadata?.deletionTimestamp !== undefined;
    const node = object.spec?.nodeName;
    if (node !== undefined && node !== NODE) return;
    let pod = this.pods.get(uid);
    if (pod === undefined) {
      if (object.status?.phase === "Succeeded" || object.status?.phase === "Failed") {
        if (deleted) this.make(object).terminate(0);
        return;
      }
      pod = this.make(object);
      this.pods.set(uid, pod);
      if (!deleted) pod.start();
    }
    if (deleted) pod.terminate(object.metadata?.deletionGracePeriodSeconds ?? 30);
  }

  private make(object: V1Pod): Pod {
    return new Pod(this.host, object, object.status?.podIP ?? this.freeAddress(), this.lab.world.region(this.region).kubernetes.host);
  }

  private gone(object: V1Pod): void {
    const uid = object.metadata?.uid ?? "";
    void this.pods.get(uid)?.kill();
    this.pods.delete(uid);
  }

  /** Next address in turn that no pod of before (an earlier runner's, after a restart of the lab) still has. */
  private freeAddress(): string {
    const taken = new Set(this.store.all().map((pod) => pod.status?.podIP));
    const region = this.lab.world.region(this.region);
    let address: string;
    do address = region.pod(this.next++).host;
    while (taken.has(address));
    return address;
  }

  private sources(namespace: string): Sources {
    const read = async <T>(path: string): Promise<T | undefined> => {
      try {
        return await this.api.get<T>(path);
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return undefined;
        throw error;
      }
    };
    return {
      configMap: async (name) => {
        const map = await read<V1ConfigMap>(`/api/v1/namespaces/${namespace}/configmaps/${name}`);
        return map && (map.data ?? {});
      },
      secret: async (name) => {
        const secret = await read<V1Secret>(`/api/v1/namespaces/${namespace}/secrets/${name}`);
        return (
          secret &&
          Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]))
        );
      },
    };
  }
}
