import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, type KubernetesApi } from "./api";
import { NODE } from "./pod";

const CRD = "targetgroupbindings.elbv2.k8s.aws";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Collection of all target group bindings. */
export const BINDINGS = "/apis/elbv2.k8s.aws/v1beta1/targetgroupbindings";

const text = { type: "string" };

/** The part of the AWS Load Balancer Controller's definition that a binding needs to be accepted as on EKS. */
const targetGroupBinding = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: CRD },
  spec: {
    group: "elbv2.k8s.aws",
    scope: "Namespaced",
    names: {
      kind: "TargetGroupBinding",
      listKind: "TargetGroupBindingList",
      plural: "targetgroupbindings",
      singular: "targetgroupbinding",
    },
    versions: [
      {
        name: "v1beta1",
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: "Service-Name", type: "string", jsonPath: ".spec.serviceRef.name" },
          { name: "Service-Port", type: "string", jsonPath: ".spec.serviceRef.port" },
          { name: "Target-Type", type: "string", jsonPath: ".spec.targetType" },
          { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
        ],
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              apiVersion: text,
              kind: text,
              metadata: { type: "object" },
              spec: {
                type: "object",
                required: ["serviceRef", "targetGroupARN"],
                properties: {
                  targetGroupARN: { type: "string", minLength: 1 },
                  targetType: { type: "string", enum: ["ip", "instance"] },
                  ipAddressType: { type: "string", enum: ["ipv4", "ipv6"] },
                  vpcID: text,
                  networking: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                  nodeSelector: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                  serviceRef: {
                    type: "object",
                    required: ["name", "port"],
                    properties: {
                      name: text,
                      port: { anyOf: [{ type: "integer" }, { type: "string" }], "x-kubernetes-int-or-string": true },
                    },
                  },
                },
              },
              status: { type: "object", properties: { observedGeneration: { type: "integer", format: "int64" } } },
            },
          },
        },
      },
    ],
  },
};

function node(region: string, address: string): object {
  const now = new Date().toISOString();
  const room = { cpu: "64", memory: "256Gi", pods: "1000", "ephemeral-storage": "1Ti" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: NODE,
      labels: {
        "kubernetes.io/hostname": NODE,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": `${region}a`,
      },
    },
    status: {
      capacity: room,
      allocatable: room,
      addresses: [
        { type: "InternalIP", address },
        { type: "Hostname", address: NODE },
      ],
      conditions: [
        {
          type: "Ready",
          status: "True",
          reason: "PodRunnerReady",
          message: "the lab's pod runner",
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
      nodeInfo: {
        architecture: process.arch,
        bootID: "",
        containerRuntimeVersion: "process://1",
        kernelVersion: "",
        kubeProxyVersion: "",
        kubeletVersion: "changeover-lab",
        machineID: "",
        operatingSystem: "linux",
        osImage: "",
        systemUUID: "",
      },
    },
  };
}

/** What a managed cluster has when one gets it: a node and the TargetGroupBinding definition. Resolves when both can be used. */
export async function installObjects(api: KubernetesApi, region: string, address: string): Promise<void> {
  await Promise.all([ensure(api, "/api/v1/nodes", node(region, address)), ensure(api, CRDS, targetGroupBinding)]);
  const deadline = Date.now() + 30_000;
  // Established comes before served: for a moment longer the API answers 404, then 429.
  for (;;) {
    try {
      await api.get(BINDINGS);
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || Date.now() > deadline) throw error;
    }
    await sleep(50);
  }
}

async function ensure(api: KubernetesApi, collection: string, object: object): Promise<void> {
  await api.create(collection, object).catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
  });
}
