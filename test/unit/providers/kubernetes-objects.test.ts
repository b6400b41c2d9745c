import { describe, expect, it } from "vitest";
import { clusterOf } from "../../../lab/providers/kubernetes/kubeconfig";
import { collectionPath, KIND_OF_TYPE, type ObjectKind } from "../../../lab/providers/kubernetes/kinds";
import { drift } from "../../../lab/providers/kubernetes/drift";
import type { KubernetesObject } from "../../../lab/providers/kubernetes/object";
import {
  deploymentUnready,
  hasEndpoints,
  namespaceUnready,
  podTrouble,
  selectorText,
  serviceUnready,
} from "../../../lab/providers/kubernetes/readiness";
import { diffObject } from "../../../lab/providers/kubernetes/replace";
import { UNKNOWN } from "../../../lab/providers/base";

const MUTABLE = { enableConfigMapMutable: true, enableSecretMutable: true };
const FIXED = { enableConfigMapMutable: false, enableSecretMutable: false };

function kind(type: string): ObjectKind {
  const found = KIND_OF_TYPE.get(type);
  if (found === undefined) throw new Error(`no ${type}`);
  return found;
}

function configMap(data: Record<string, string>, more: Partial<KubernetesObject> = {}): KubernetesObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "shop" }, data, ...more };
}

describe("what replaces an object", () => {
  const settings = kind("kubernetes:core/v1:ConfigMap");

  it("is the data of a ConfigMap unless it is mutable; the explicit name has to be free first", () => {
    const result = diffObject(settings, FIXED, configMap({ A: "1" }), configMap({ A: "2" }));
    expect(result).toEqual({ changes: { "data.A": "update" }, replaces: ["data"], deleteBeforeReplace: true });
    expect(diffObject(settings, MUTABLE, configMap({ A: "1" }), configMap({ A: "2" }))).toEqual({
      changes: { "data.A": "update" },
      replaces: [],
    });
  });

  it("is the data of an object marked immutable, whatever the provider was told", () => {
    const sealed = { immutable: true };
    expect(diffObject(settings, MUTABLE, configMap({ A: "1" }, sealed), configMap({ A: "2" }, sealed)).replaces).toEqual(["data"]);
    expect(diffObject(settings, MUTABLE, configMap({ A: "1" }, sealed), configMap({ A: "1" })).replaces).toEqual(["immutable"]);
  });

  it("with a generated name the new one comes first", () => {
    const named = (name: string): Partial<KubernetesObject> => ({ metadata: { name, annotations: { "pulumi.com/autonamed": "true" } } });
    const result = diffObject(settings, FIXED, configMap({ A: "1" }, named("settings-1")), configMap({ A: "2" }, named("settings-1")));
    expect(result).toMatchObject({ replaces: ["data"], deleteBeforeReplace: false });
  });

  it("is the name, but no label", () => {
    const renamed = diffObject(settings, MUTABLE, configMap({}), configMap({}, { metadata: { name: "other", namespace: "shop" } }));
    expect(renamed).toMatchObject({ replaces: ["metadata"], deleteBeforeReplace: false });
    const labelled = diffObject(
      settings,
      MUTABLE,
      configMap({}),
      configMap({}, { metadata: { name: "settings", namespace: "shop", labels: { a: "b" } } }),
    );
    expect(labelled).toEqual({ changes: { "metadata.labels": "add" }, replaces: [] });
  });

  it("is a Deployment's selector, not its template, and not a spec that nobody knows yet", () => {
    const deployments = kind("kubernetes:apps/v1:Deployment");
    const deployment = (spec: unknown): KubernetesObject =>
      ({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "payments" }, spec }) as KubernetesObject;
    const before = deployment({ replicas: 1, selector: { matchLabels: { app: "a" } } });
    expect(diffObject(deployments, MUTABLE, before, deployment({ replicas: 1, selector: { matchLabels: { app: "b" } } })).replaces).toEqual(
      ["spec"],
    );
    expect(diffObject(deployments, MUTABLE, before, deployment({ replicas: 2, selector: { matchLabels: { app: "a" } } })).replaces).toEqual(
      [],
    );
    expect(diffObject(deployments, MUTABLE, before, deployment(UNKNOWN))).toEqual({ changes: { spec: "update" }, replaces: [] });
  });
});

describe("a rollout", () => {
  const rollout = (status: Record<string, unknown>, replicas = 3): KubernetesObject => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "payments", namespace: "shop", generation: 2 },
    spec: { replicas },
    status: { observedGeneration: 2, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, ...status },
  });

  it("is over when all are new, ready and available", () => {
    expect(deploymentUnready(rollout({}))).toBeUndefined();
  });

  it.each([
    [{ observedGeneration: 1 }, "has not seen the change"],
    [{ updatedReplicas: 1 }, "1 of 3 new"],
    [{ replicas: 4 }, "1 old left"],
    [{ readyReplicas: 2, availableReplicas: 2 }, "2 of 3 ready"],
    [{ readyReplicas: undefined, availableReplicas: undefined }, "0 of 3 ready"],
    [{ availableReplicas: 1 }, "1 available"],
    [
      { readyReplicas: 0, conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }] },
      "progress deadline exceeded",
    ],
  ])("is not with %o", (status, why) => {
    expect(deploymentUnready(rollout(status))).toContain(why);
    expect(deploymentUnready(rollout(status))).toContain("Deployment shop/payments");
  });

  it("to none is over when none is left", () => {
    const none = { replicas: undefined, updatedReplicas: undefined, readyReplicas: undefined, availableReplicas: undefined };
    expect(deploymentUnready(rollout(none, 0))).toBeUndefined();
    expect(deploymentUnready(rollout({}, 0))).toContain("3 of 0 ready");
  });
});

describe("other waits", () => {
  const service = (spec: Record<string, unknown>): KubernetesObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "payments" },
    spec,
  });
  const pod = (status: Record<string, unknown>): KubernetesObject => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p-1" }, status });

  it("a Service needs a ready endpoint only once there are pods", () => {
    const any = service({ selector: { app: "a" } });
    const slice = (ready: boolean): KubernetesObject => ({ ...any, kind: "EndpointSlice", endpoints: [{ conditions: { ready } }] });
    expect(serviceUnready(any, [], [])).toBeUndefined();
    expect(serviceUnready(any, [pod({})], [])).toContain("none of 1 pods");
    expect(serviceUnready(any, [pod({})], [slice(false)])).toContain("none of 1 pods");
    expect(serviceUnready(any, [pod({})], [slice(false), slice(true)])).toBeUndefined();
  });

  it("a Service without selector, headless or external has no endpoints to wait for", () => {
    expect(hasEndpoints(service({ selector: { app: "a" }, clusterIP: "10.0.0.1" }))).toBe(true);
    expect(hasEndpoints(service({ clusterIP: "10.0.0.1" }))).toBe(false);
    expect(hasEndpoints(service({ selector: { app: "a" }, clusterIP: "None" }))).toBe(false);
    expect(hasEndpoints(service({ selector: { app: "a" }, type: "ExternalName" }))).toBe(false);
  });

  it("a Namespace is active or not", () => {
    const namespace = (phase: string): KubernetesObject => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "shop" },
      status: { phase },
    });
    expect(namespaceUnready(namespace("Active"))).toBeUndefined();
    expect(namespaceUnready(namespace("Terminating"))).toBe("Namespace shop is Terminating");
  });

  it("a pod's trouble is its container's, or why it is not scheduled", () => {
    const waiting = { name: "app", ready: false, restartCount: 2, state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } } };
    expect(podTrouble(pod({ containerStatuses: [waiting] }))).toBe("p-1: container app CrashLoopBackOff (back-off), 2 restarts");
    const unscheduled = { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "no node" };
    expect(podTrouble(pod({ phase: "Pending", conditions: [unscheduled] }))).toBe("p-1: Unschedulable (no node)");
    expect(podTrouble(pod({ conditions: [{ type: "Ready", status: "True" }], containerStatuses: [waiting] }))).toBeUndefined();
  });

  it("a selector as text", () => {
    const expressions = [
      { key: "tier", operator: "In", values: ["0", "1"] },
      { key: "old", operator: "DoesNotExist" },
    ];
    expect(selectorText({ matchLabels: { app: "a" }, matchExpressions: expressions })).toBe("app=a,tier in (0,1),!old");
  });
});

describe("drift", () => {
  it("shows what changed of what the program said, and nothing else", () => {
    const inputs = { ...configMap({ A: "1", B: "2" }), spec: { ports: [{ port: 80 }] } };
    const live = { ...configMap({ A: "9", C: "3" }), spec: { ports: [{ port: 80, protocol: "TCP" }], clusterIP: "10.0.0.1" } };
    expect(drift(inputs, live)).toEqual({ ...inputs, data: { A: "9" } });
  });

  it("reads a Secret's texts from its data", () => {
    const secret = (more: object): KubernetesObject => ({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, ...more });
    const live = secret({ data: { A: Buffer.from("x").toString("base64") } });
    expect(drift(secret({ stringData: { A: "y", B: "z" } }), live)).toEqual(secret({ stringData: { A: "x" } }));
  });
});

describe("kinds", () => {
  it("live where the API has them", () => {
    expect(collectionPath(kind("kubernetes:core/v1:Secret"), "shop")).toBe("/api/v1/namespaces/shop/secrets");
    expect(collectionPath(kind("kubernetes:core/v1:Namespace"), undefined)).toBe("/api/v1/namespaces");
    expect(collectionPath(kind("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding"), "shop")).toBe(
      "/apis/elbv2.k8s.aws/v1beta1/namespaces/shop/targetgroupbindings",
    );
  });
});

describe("kubeconfig", () => {
  const config = {
    "current-context": "lab",
    clusters: [
      { name: "c", cluster: { server: "https://127.0.0.1:6443/", "certificate-authority-data": Buffer.from("CA").toString("base64") } },
    ],
    users: [
      { name: "u", user: { token: "t" } },
      { name: "eks", user: { exec: {} } },
    ],
    contexts: [
      { name: "lab", context: { cluster: "c", user: "u" } },
      { name: "eks", context: { cluster: "c", user: "eks" } },
    ],
  };

  it("is JSON or YAML", () => {
    const cluster = { server: "https://127.0.0.1:6443", ca: "CA", token: "t", insecure: false };
    expect(clusterOf(JSON.stringify(config))).toEqual(cluster);
    const yaml = `
current-context: lab
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Q0E=}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: lab, context: {cluster: c, user: u}}]`;
    expect(clusterOf(yaml)).toEqual(cluster);
  });

  it("names what it lacks", () => {
    expect(() => clusterOf(JSON.stringify(config), "elsewhere")).toThrow("no context elsewhere");
    expect(() => clusterOf(JSON.stringify(config), "eks")).toThrow("logs in by exec");
    expect(() => clusterOf("nonsense")).toThrow("neither YAML, nor JSON");
  });
});
