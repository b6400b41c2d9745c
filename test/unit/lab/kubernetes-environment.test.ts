import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { ConfigError, expand, notPlayed, resolveEnvironment, type Sources } from "../../../lab/kubernetes/environment";

const pod = {
  metadata: { name: "payments-1", namespace: "service", uid: "u1", labels: { tier: "1" } },
  spec: { serviceAccountName: "service" },
} as unknown as V1Pod;
const placement = { podIP: "127.10.50.1", hostIP: "127.10.0.6", nodeName: "lab" };
const sources: Sources = {
  configMap: (name) => Promise.resolve(name === "service" ? { SITE: "primary", EPOCH: "7" } : undefined),
  secret: (name) => Promise.resolve(name === "service" ? { PASSWORD: "p$(SITE)" } : undefined),
};
const resolve = (fields: object): Promise<Record<string, string>> => {
  const container: object = { name: "service", ...fields };
  return resolveEnvironment(container as V1Container, pod, placement, sources);
};

describe("resolveEnvironment", () => {
  it("takes envFrom first and lets env override it", async () => {
    const env = await resolve({
      envFrom: [{ configMapRef: { name: "service" } }, { prefix: "DB_", secretRef: { name: "service" } }],
      env: [{ name: "EPOCH", value: "8" }],
    });
    // What comes from a source is taken literally: only written values are expanded.
    expect(env).toEqual({ SITE: "primary", EPOCH: "8", DB_PASSWORD: "p$(SITE)" });
  });

  it("reads single keys and the pod's own fields", async () => {
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
    const env = await resolve({
      env: [
        { name: "A", valueFrom: { configMapKeyRef: { name: "service", key: "SITE" } } },
        { name: "B", valueFrom: { secretKeyRef: { name: "service", key: "PASSWORD" } } },
        field("IP", "status.podIP"),
        field("NAME", "metadata.name"),
        field("NAMESPACE", "metadata.namespace"),
        field("NODE", "spec.nodeName"),
        field("TIER", "metadata.labels['tier']"),
        { name: "ALL", value: "$(NAME)@$(A) $(NOBODY) $$(A)" },
      ],
    });
    expect(env).toEqual({
      A: "primary",
      B: "p$(SITE)",
      IP: "127.10.50.1",
      NAME: "payments-1",
      NAMESPACE: "service",
      NODE: "lab",
      TIER: "1",
      ALL: "payments-1@primary $(NOBODY) $(A)",
    });
  });

  it("refuses what is missing, unless it is optional", async () => {
    await expect(resolve({ envFrom: [{ configMapRef: { name: "none" } }] })).rejects.toThrow(new ConfigError('configmap "none" not found'));
    await expect(resolve({ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "service", key: "X" } } }] })).rejects.toThrow(
      "couldn't find key X in secret service",
    );
    await expect(
      resolve({
        envFrom: [{ secretRef: { name: "none", optional: true } }],
        env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "service", key: "X", optional: true } } }],
      }),
    ).resolves.toEqual({});
  });

  it("refuses fields that it does not play", async () => {
    await expect(resolve({ env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } }] })).rejects.toThrow(
      ConfigError,
    );
    await expect(resolve({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.hostname" } } }] })).rejects.toThrow(
      "spec.hostname",
    );
  });
});

describe("expand", () => {
  it("replaces what is known and keeps what is not", () => {
    expect(expand("$(A)-$(B)-$$(A)", { A: "1" })).toBe("1-$(B)-$(A)");
  });
});

describe("notPlayed", () => {
  const withSpec = (spec: object): V1Pod => {
    const whole: object = { spec: { containers: [{ name: "c" }], ...spec } };
    return whole;
  };

  it("names what the lab cannot do", () => {
    expect(notPlayed(withSpec({}))).toBeUndefined();
    expect(notPlayed(withSpec({ initContainers: [{ name: "i" }] }))).toContain("init containers");
    expect(notPlayed(withSpec({ containers: [{ name: "c", livenessProbe: { exec: { command: ["true"] } } }] }))).toContain("probes");
  });

  it("takes an emptyDir for what it is, and no other volume", () => {
    const mounted = (volume: object) =>
      withSpec({ volumes: [{ name: "v", ...volume }], containers: [{ name: "c", volumeMounts: [{ name: "v", mountPath: "/v" }] }] });
    expect(notPlayed(mounted({ emptyDir: {} }))).toBeUndefined();
    expect(notPlayed(mounted({ secret: { secretName: "s" } }))).toContain("v is more than an emptyDir");
  });
});
