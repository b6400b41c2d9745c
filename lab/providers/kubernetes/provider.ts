import type { Provider } from "../base";
import { KubernetesApi } from "./api";
import { KIND_OF_TYPE } from "./kinds";
import { clusterOf } from "./kubeconfig";
import { objectResource, type Context } from "./resource";

const RESOURCES = new Map([...KIND_OF_TYPE].map(([type, kind]) => [type, objectResource(kind)]));

/**
 * Stands in for the official kubernetes provider: same type tokens, property names, ids and field managers, over the cluster's REST API.
 * Known differences: previews and diffs never ask the API; the wait is 2 minutes at most, not 10, unless the program says otherwise;
 * a Service whose selector matches no pod is not waited for; a changed kubeconfig never replaces objects.
 */
export const kubernetes: Provider<Context> = {
  name: "kubernetes",
  version: "4.34.2",
  config: {
    kubeconfig: "text",
    context: "text",
    namespace: "text",
    enableServerSideApply: "json",
    enableConfigMapMutable: "json",
    enableSecretMutable: "json",
  },
  configure(config) {
    if (config.enableServerSideApply === false)
      throw new Error("the lab's stand-in for the kubernetes provider only knows server-side apply");
    if (typeof config.kubeconfig !== "string" || config.kubeconfig === "")
      throw new Error("the kubernetes provider is given no kubeconfig");
    const context = typeof config.context === "string" ? config.context : undefined;
    return {
      api: new KubernetesApi(clusterOf(config.kubeconfig, context)),
      namespace: typeof config.namespace === "string" ? config.namespace : "default",
      mutable: {
        enableConfigMapMutable: config.enableConfigMapMutable === true,
        enableSecretMutable: config.enableSecretMutable === true,
      },
    };
  },
  kind: (type) => RESOURCES.get(type),
};
