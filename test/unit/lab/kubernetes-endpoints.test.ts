import type { V1Pod, V1Service } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { sliceOf } from "../../../lab/kubernetes/endpoint-slices";
import { membersOf } from "../../../lab/kubernetes/endpoints";
import { targetsOf, type TargetGroupBinding } from "../../../lab/kubernetes/target-group-binding";

const service = {
  metadata: { name: "payments", namespace: "service", uid: "s1" },
  spec: { selector: { app: "payments" }, ports: [{ name: "http", port: 80, targetPort: "web" }] },
} as unknown as V1Service;

function pod(ip: string, over: { labels?: object; ready?: boolean; deleted?: boolean; namespace?: string; phase?: string } = {}): V1Pod {
  const { labels = { app: "payments" }, ready = true, deleted = false, namespace = "service", phase = "Running" } = over;
  return {
    metadata: { name: `pod-${ip}`, namespace, labels, ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}) },
    spec: { containers: [{ name: "c", ports: [{ name: "web", containerPort: 8080 }] }] },
    status: { phase, podIP: ip, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  } as unknown as V1Pod;
}

const pods = [
  pod("127.10.50.1"),
  pod("127.10.50.2", { ready: false }),
  pod("127.10.50.3", { deleted: true }),
  pod("127.10.50.4", { labels: { app: "auth" } }),
  pod("127.10.50.5", { namespace: "other" }),
  pod("127.10.50.6", { phase: "Failed" }),
];

describe("membersOf", () => {
  it("takes running pods of the namespace that the selector names", () => {
    expect(membersOf(service, pods).map(({ ip, ready, terminating }) => [ip, ready, terminating])).toEqual([
      ["127.10.50.1", true, false],
      ["127.10.50.2", false, false],
      ["127.10.50.3", false, true],
    ]);
  });

  it("selects nothing without a selector", () => {
    const open: object = { metadata: { namespace: "service" }, spec: {} };
    expect(membersOf(open, pods)).toEqual([]);
  });
});

describe("targetsOf", () => {
  const binding = (port: string | number): TargetGroupBinding => ({
    spec: { serviceRef: { name: "payments", port }, targetGroupARN: "arn" },
  });

  it("sends traffic to ready pods only, at the port that the service's port has there", () => {
    expect([...targetsOf(binding("http"), service, pods)]).toEqual(["127.10.50.1:8080"]);
    expect([...targetsOf(binding(80), service, pods)]).toEqual(["127.10.50.1:8080"]);
  });

  it("is empty for a port or a service that is not there", () => {
    expect(targetsOf(binding("grpc"), service, pods).size).toBe(0);
    expect(targetsOf(binding("http"), undefined, pods).size).toBe(0);
  });
});

it("writes addresses into a slice that the API accepts", () => {
  expect(sliceOf(service, pods)).toMatchObject({
    metadata: { name: "payments-lab", labels: { "kubernetes.io/service-name": "payments" } },
    endpoints: [
      { addresses: ["10.10.50.1"], conditions: { ready: true } },
      { addresses: ["10.10.50.2"], conditions: { ready: false } },
      { addresses: ["10.10.50.3"], conditions: { ready: false, terminating: true } },
    ],
    ports: [{ name: "http", port: 8080 }],
  });
});
