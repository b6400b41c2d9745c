import { request, type RequestOptions } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

export interface WorkloadState {
  service: string;
  /** Pods wanted by the deployment. */
  wanted: number;
  ready: number;
  updated: number;
}

interface DeploymentList {
  items: {
    metadata: { name: string };
    spec: { replicas?: number };
    status?: { readyReplicas?: number; updatedReplicas?: number };
  }[];
}

/**
 * Deployments of the namespace.
 * @param kubeconfig as in stack config; credential plug-ins (`aws eks get-token`) work
 * @throws where the API does not answer in time, naming its address
 */
export async function probeWorkloads(kubeconfig: string, namespace: string, timeoutMs = 2_000): Promise<WorkloadState[]> {
  const cluster = await connect(kubeconfig, timeoutMs);
  const list = await cluster.call<DeploymentList>("GET", `/apis/apps/v1/namespaces/${namespace}/deployments`);
  return list.items.map(({ metadata, spec, status }) => ({
    service: metadata.name,
    wanted: spec.replicas ?? 1,
    ready: status?.readyReplicas ?? 0,
    updated: status?.updatedReplicas ?? 0,
  }));
}

/**
 * Waits until each of these deployments has every pod that it wants, updated and ready.
 * @throws naming those that have not, or what the API says, when the time is over; where the signal ends it
 */
export async function untilReady(
  kubeconfig: string,
  namespace: string,
  services: string[],
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const left = await probeWorkloads(kubeconfig, namespace).then(
      (states) => services.filter((service) => !states.some((one) => one.service === service && isReady(one))),
      (error: unknown) => (error as Error).message,
    );
    if (left.length === 0) return;
    if (performance.now() > until) {
      throw new Error(typeof left === "string" ? left : `${left.join(", ")}: not every pod is ready after ${timeoutMs} ms`);
    }
    await sleep(100, undefined, { signal });
  }
}

function isReady({ wanted, ready, updated }: WorkloadState): boolean {
  return ready >= wanted && updated >= wanted;
}

/**
 * What a pod is given to end when its site is fenced, in seconds: not the time in which it would serve its users to the end. With
 * none at all the API would let go of it without asking its node whether it ended.
 */
const FENCED_GRACE_S = 1;

/**
 * Scales deployments to zero, ends their pods at once, and waits until none is left.
 * @param services names of the deployments; others of the namespace stay as they are
 * @param callMs for each answer of the API
 * @throws where the API does not answer in time, or pods are left when the time is over
 */
export async function scaleToZero(
  kubeconfig: string,
  namespace: string,
  services: string[],
  { callMs, timeoutMs }: { callMs: number; timeoutMs: number },
): Promise<void> {
  const until = performance.now() + timeoutMs;
  const cluster = await connect(kubeconfig, callMs);
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  await Promise.all(services.map((service) => cluster.call("PATCH", `${deployments}/${service}/scale`, { spec: { replicas: 0 } })));
  const pods = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(`app.kubernetes.io/name in (${services.join(",")})`)}`;
  for (;;) {
    // Each time: until the controller has seen its new scale it makes others.
    await cluster.call("DELETE", pods, { gracePeriodSeconds: FENCED_GRACE_S });
    const { items } = await cluster.call<{ items: unknown[] }>("GET", pods);
    if (items.length === 0) return;
    if (performance.now() > until) throw new Error(`${items.length} pods are left after ${timeoutMs} ms`);
    await sleep(200);
  }
}

interface Cluster {
  /** @throws where the API does not answer in time or with an error, naming its address */
  call<T>(method: "GET" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T>;
}

async function connect(kubeconfig: string, timeoutMs: number): Promise<Cluster> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const server = config.getCurrentCluster()?.server;
  if (!server) throw new Error("the kubeconfig's current context has no cluster");
  const options: RequestOptions = { timeout: timeoutMs };
  await config.applyToHTTPSOptions(options);
  return {
    async call(method, path, body) {
      try {
        return await exchange(`${server}${path}`, { ...options, method }, timeoutMs, body);
      } catch (error) {
        throw new Error(`Kubernetes API ${server}: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}

const MEDIA: Record<string, string> = { PATCH: "application/merge-patch+json", DELETE: "application/json" };

function exchange<T>(url: string, options: RequestOptions, timeoutMs: number, body: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      ...(options.headers as Record<string, string> | undefined),
      // Node says nothing of the body of a DELETE by itself, and the API would not read it.
      ...(body !== undefined && { "content-length": Buffer.byteLength(text), "content-type": MEDIA[options.method ?? ""] }),
    };
    const call = request(url, { ...options, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode ?? "nothing"}`));
        else resolve(JSON.parse(Buffer.concat(parts).toString()) as T);
      });
    });
    call.on("error", (error) => {
      reject(error.name === "AbortError" || error.name === "TimeoutError" ? new Error(`no answer in ${timeoutMs} ms`) : error);
    });
    call.end(text);
  });
}
