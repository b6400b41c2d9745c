import type { Request } from "../base";
import type { KubernetesApi } from "./api";
import type { KubernetesObject } from "./object";
import {
  conditions,
  deploymentUnready,
  hasEndpoints,
  namespaceUnready,
  podTrouble,
  selectorText,
  serviceUnready,
  type Unready,
} from "./readiness";
import { follow, poll, type WaitOptions } from "./wait";

/** How long to wait for an object unless `customTimeouts` says otherwise. The official provider: 10 minutes. Milliseconds. */
const DEFAULT_TIMEOUT_MS = 120_000;
/** More pods than this are counted, not named. */
const NAMED_PODS = 5;

interface Where {
  path: string;
  collection: string;
}

/**
 * Waits until an object that was just applied is what its kind calls ready; kinds without such a thing are ready at once.
 * @returns the object then
 * @throws {WaitTimeout} with what is missing
 */
export async function awaitReady(api: KubernetesApi, at: Where, object: KubernetesObject, request: Request): Promise<KubernetesObject> {
  const options = optionsOf(request);
  const watch = async (judge: (object: KubernetesObject) => Unready, detail: () => Promise<string>): Promise<KubernetesObject> =>
    (await follow(api, at, object, (now) => (now === undefined ? "it was deleted meanwhile" : judge(now)), detail, options)) ?? object;
  switch (object.kind) {
    case "Deployment":
      return watch(deploymentUnready, () => troubledPods(api, object, request.signal));
    case "Namespace":
      return watch(namespaceUnready, () => Promise.resolve(""));
    case "Service":
      if (hasEndpoints(object)) await poll(() => endpointsUnready(api, object, request.signal), options);
      return object;
    default:
      return object;
  }
}

/** Waits until the object is gone; deleted in the foreground, what it owns is gone before. */
export async function awaitDeleted(api: KubernetesApi, at: Where, object: KubernetesObject, request: Request): Promise<void> {
  const start = await api.get(at.path, request.signal);
  if (start === undefined) return;
  // Another object of the same name is none of ours.
  const judge = (now: KubernetesObject | undefined): Unready =>
    now === undefined || now.metadata.uid !== start.metadata.uid
      ? undefined
      : `${object.kind} ${object.metadata.name} still exists${holders(now)}`;
  await follow(api, at, start, judge, () => Promise.resolve(""), optionsOf(request));
}

function optionsOf(request: Request): WaitOptions {
  return {
    timeoutMs: request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    signal: request.signal,
    status: (message) => {
      request.status(message);
    },
  };
}

/** What a delete waits for: finalizers, and what a namespace says about its contents. */
function holders(object: KubernetesObject): string {
  const finalizers = (object.metadata as { finalizers?: string[] }).finalizers ?? [];
  const messages = conditions(object.status).flatMap(({ status, message }) =>
    status === "True" && message !== undefined ? [message] : [],
  );
  const all = [...(finalizers.length === 0 ? [] : [`finalizers ${finalizers.join(", ")}`]), ...messages];
  return all.length === 0 ? "" : ` (${all.join("; ")})`;
}

async function troubledPods(api: KubernetesApi, deployment: KubernetesObject, signal: AbortSignal): Promise<string> {
  const selector = selectorText(deployment.spec?.selector ?? {});
  const pods = await list(api, deployment, "/api/v1", "pods", selector, signal);
  const troubles = pods.map(podTrouble).filter((trouble) => trouble !== undefined);
  if (pods.length === 0) return "no pod exists yet";
  const more = troubles.length - NAMED_PODS;
  return [...troubles.slice(0, NAMED_PODS), ...(more > 0 ? [`${more} more`] : [])].join("; ");
}

async function endpointsUnready(api: KubernetesApi, service: KubernetesObject, signal: AbortSignal): Promise<Unready> {
  const selector = selectorText({ matchLabels: service.spec?.selector as Record<string, string> });
  const pods = await list(api, service, "/api/v1", "pods", selector, signal);
  if (pods.length === 0) return undefined;
  const name = `kubernetes.io/service-name=${service.metadata.name}`;
  return serviceUnready(service, pods, await list(api, service, "/apis/discovery.k8s.io/v1", "endpointslices", name, signal));
}

async function list(
  api: KubernetesApi,
  { metadata }: KubernetesObject,
  root: string,
  plural: string,
  labelSelector: string,
  signal: AbortSignal,
): Promise<KubernetesObject[]> {
  const path = `${root}/namespaces/${encodeURIComponent(metadata.namespace ?? "default")}/${plural}`;
  const found = await api.call({ method: "GET", path, query: { labelSelector }, signal });
  return found.items ?? [];
}
