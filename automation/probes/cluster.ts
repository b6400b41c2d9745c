import { request, type RequestOptions } from "node:https";

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
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const server = config.getCurrentCluster()?.server;
  if (!server) throw new Error("the kubeconfig's current context has no cluster");
  const options: RequestOptions = { timeout: timeoutMs };
  await config.applyToHTTPSOptions(options);
  try {
    const list = await get<DeploymentList>(`${server}/apis/apps/v1/namespaces/${namespace}/deployments`, options, timeoutMs);
    return list.items.map(({ metadata, spec, status }) => ({
      service: metadata.name,
      wanted: spec.replicas ?? 1,
      ready: status?.readyReplicas ?? 0,
      updated: status?.updatedReplicas ?? 0,
    }));
  } catch (error) {
    throw new Error(`Kubernetes API ${server}: ${(error as Error).message}`, { cause: error });
  }
}

function get<T>(url: string, options: RequestOptions, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request(url, { ...options, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
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
    call.end();
  });
}
