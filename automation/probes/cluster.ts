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
 * Scales deployments to zero and waits until none of their pods is left.
 * @param services names of the deployments; others of the namespace stay as they are
 * @throws where the API does not answer in time, or pods are left when the time is over
 */
export async function scaleToZero(kubeconfig: string, namespace: string, services: string[], timeoutMs: number): Promise<void> {
  const until = performance.now() + timeoutMs;
  const cluster = await connect(kubeconfig, timeoutMs);
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  await Promise.all(services.map((service) => cluster.call("PATCH", `${path}/${service}/scale`, { spec: { replicas: 0 } })));
  for (;;) {
    const { items } = await cluster.call<{ items: { metadata: { labels?: Record<string, string> } }[] }>(
      "GET",
      `/api/v1/namespaces/${namespace}/pods`,
    );
    const left = items.filter(({ metadata }) => services.includes(metadata.labels?.["app.kubernetes.io/name"] ?? "")).length;
    if (left === 0) return;
    if (performance.now() > until) throw new Error(`${left} pods are left after ${timeoutMs} ms`);
    await sleep(100);
  }
}

interface Cluster {
  /** @throws where the API does not answer in time or with an error, naming its address */
  call<T>(method: "GET" | "PATCH", path: string, body?: unknown): Promise<T>;
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

function exchange<T>(url: string, options: RequestOptions, timeoutMs: number, body: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(options.headers as Record<string, string> | undefined),
      ...(body === undefined ? {} : { "content-type": "application/merge-patch+json" }),
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
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
