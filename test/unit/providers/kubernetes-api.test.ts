import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { generate } from "selfsigned";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isUnknown, NotReady } from "../../../lab/providers/base";
import type { CreateRequest } from "../../../lab/providers/base/kind";
import { KubernetesApi } from "../../../lab/providers/kubernetes/api";
import { KIND_OF_TYPE } from "../../../lab/providers/kubernetes/kinds";
import type { KubernetesObject } from "../../../lab/providers/kubernetes/object";
import { objectResource, type Context } from "../../../lab/providers/kubernetes/resource";

/** A Kubernetes API of one test: `answer` is asked first, then there is nothing but 404. */
type Answer = (call: { method: string; url: URL; body: string }, response: ServerResponse) => boolean;

let server: Server;
let api: KubernetesApi;
let answer: Answer;
const calls: { method: string; url: URL; body: string }[] = [];

beforeAll(async () => {
  const tls = await generate([{ name: "commonName", value: "127.0.0.1" }], { keyType: "ec", algorithm: "sha256" });
  server = createServer({ cert: tls.cert, key: tls.private }, (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const call = { method: request.method ?? "", url: new URL(request.url ?? "", "https://x"), body };
      calls.push(call);
      if (!answer(call, response)) status(response, 404, { reason: "NotFound", message: "not found" });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  api = new KubernetesApi({ server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, insecure: true });
});

afterAll(() => {
  api.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  calls.length = 0;
  answer = () => false;
});

function status(response: ServerResponse, code: number, body: object): true {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
  return true;
}

const context = (): Context => ({ api, namespace: "shop", mutable: { enableConfigMapMutable: true, enableSecretMutable: true } });

function request(more: Partial<CreateRequest> = {}): CreateRequest {
  const type = "kubernetes:x:X";
  const signal = new AbortController().signal;
  const seed = new Uint8Array([1]);
  return { urn: "u", type, name: "thing", signal, timeoutMs: undefined, seed, status: () => undefined, exists: () => undefined, ...more };
}

function resource(type: string): ReturnType<typeof objectResource> {
  const kind = KIND_OF_TYPE.get(type);
  if (kind === undefined) throw new Error(`no ${type}`);
  return objectResource(kind);
}

const DEPLOYMENT: KubernetesObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "payments", namespace: "shop" },
  spec: { replicas: 1 },
};

function live(ready: number): KubernetesObject {
  const counts = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: ready, availableReplicas: ready };
  return { ...DEPLOYMENT, metadata: { ...DEPLOYMENT.metadata, generation: 1, resourceVersion: "7", managedFields: [{}] }, status: counts };
}

describe("create", () => {
  it("does not adopt what exists", async () => {
    answer = ({ method }, response) => method === "GET" && status(response, 200, DEPLOYMENT);
    await expect(resource("kubernetes:apps/v1:Deployment").create(context(), DEPLOYMENT, request())).rejects.toThrow(
      /Deployment shop\/payments exists already at https:\/\/127.0.0.1:\d+/,
    );
    expect(calls.map(({ method }) => method)).toEqual(["GET"]);
  });

  it("applies under a manager that the update uses again, and watches the rollout", async () => {
    answer = ({ method, url }, response) => {
      if (method === "PATCH") return status(response, 200, live(0));
      if (url.searchParams.get("watch") !== "true") return false;
      response.writeHead(200, { "content-type": "application/json" });
      response.write(`${JSON.stringify({ type: "MODIFIED", object: live(0) })}\n`);
      setTimeout(() => response.write(`${JSON.stringify({ type: "MODIFIED", object: live(1) })}\n`), 30);
      return true;
    };
    const deployments = resource("kubernetes:apps/v1:Deployment");
    const made = await deployments.create(context(), DEPLOYMENT, request());
    const outputs = made.outputs as KubernetesObject & { __fieldManager: string };
    expect(made.id).toBe("shop/payments");
    expect(outputs.status).toMatchObject({ readyReplicas: 1 });
    expect(outputs.metadata).not.toHaveProperty("managedFields");
    const watch = calls.find(({ url }) => url.searchParams.get("watch") === "true");
    expect(watch?.url.searchParams.get("resourceVersion")).toBe("7");
    expect(watch?.url.searchParams.get("fieldSelector")).toBe("metadata.name=payments");
    await deployments.update?.(context(), made.id, outputs, DEPLOYMENT, { ...request(), oldInputs: DEPLOYMENT });
    const managers = calls.filter(({ method }) => method === "PATCH").map(({ url }) => url.searchParams.get("fieldManager"));
    expect(managers[0]).toMatch(/^pulumi-kubernetes-[0-9a-f]{8}$/);
    expect(managers[1]).toBe(managers[0]);
  });

  it("that does not get ready in time says who is not, and records the object", async () => {
    const pod = {
      metadata: { name: "payments-1" },
      status: { containerStatuses: [{ name: "app", ready: false, state: { waiting: { reason: "ImagePullBackOff" } } }] },
    };
    answer = ({ method, url }, response) => {
      if (method === "PATCH") return status(response, 200, live(0));
      if (url.pathname === "/api/v1/namespaces/shop/pods") return status(response, 200, { items: [pod] });
      if (url.searchParams.get("watch") !== "true") return false;
      response.writeHead(200).flushHeaders();
      return true;
    };
    const creating = resource("kubernetes:apps/v1:Deployment").create(context(), DEPLOYMENT, request({ timeoutMs: 100 }));
    const error = await creating.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(NotReady);
    expect((error as NotReady).id).toBe("shop/payments");
    expect((error as NotReady).outputs).toHaveProperty("__fieldManager");
    expect((error as NotReady).message).toMatch(
      /after 0.1 s Deployment shop\/payments: 0 of 1 ready.*payments-1: container app ImagePullBackOff/,
    );
  });

  it("waits for nothing where the annotation says so", async () => {
    answer = ({ method }, response) => method === "PATCH" && status(response, 200, live(0));
    const skipping = { ...DEPLOYMENT, metadata: { ...DEPLOYMENT.metadata, annotations: { "pulumi.com/skipAwait": "true" } } };
    await expect(resource("kubernetes:apps/v1:Deployment").create(context(), skipping, request())).resolves.toMatchObject({
      id: "shop/payments",
    });
  });

  it("applies a Secret's texts as data, which alone can lose a key later", async () => {
    const secret: KubernetesObject = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: "shop" },
      stringData: { A: "x" },
      data: { B: "eQ==" },
    };
    answer = ({ method }, response) => method === "PATCH" && status(response, 200, secret);
    await resource("kubernetes:core/v1:Secret").create(context(), secret, request());
    const applied = JSON.parse(calls.find(({ method }) => method === "PATCH")?.body ?? "{}") as object;
    expect(applied).toMatchObject({ data: { A: "eA==", B: "eQ==" } });
    expect(applied).not.toHaveProperty("stringData");
  });

  it("of fields that somebody else owns names the remedy", async () => {
    answer = ({ method }, response) =>
      method === "PATCH" && status(response, 409, { reason: "Conflict", message: 'conflict with "kubectl"' });
    await expect(resource("kubernetes:apps/v1:Deployment").create(context(), DEPLOYMENT, request())).rejects.toThrow(
      /could not be created at https.*409 conflict with "kubectl"; .*pulumi.com\/patchForce/,
    );
  });
});

describe("delete", () => {
  it("is in the foreground and over when the object is gone", async () => {
    let gone = false;
    answer = ({ method, url }, response) => {
      if (method === "DELETE") return status(response, 200, live(1));
      if (url.searchParams.get("watch") === "true") {
        response.writeHead(200);
        setTimeout(() => {
          gone = true;
          response.write(`${JSON.stringify({ type: "DELETED", object: live(1) })}\n`);
        }, 30);
        return true;
      }
      return !gone && status(response, 200, live(1));
    };
    await resource("kubernetes:apps/v1:Deployment").delete(context(), "shop/payments", DEPLOYMENT, request());
    expect(gone).toBe(true);
    expect(JSON.parse(calls[0]?.body ?? "{}")).toEqual({ propagationPolicy: "Foreground" });
  });

  it("of what is gone already is done", async () => {
    await expect(
      resource("kubernetes:apps/v1:Deployment").delete(context(), "shop/payments", DEPLOYMENT, request()),
    ).resolves.toBeUndefined();
  });
});

describe("check", () => {
  const settings = (metadata?: object): KubernetesObject =>
    ({ apiVersion: "v1", kind: "ConfigMap", ...(metadata && { metadata }) }) as KubernetesObject;

  it("names what has no name, keeps the name, and fills the namespace in", async () => {
    const inputs = settings();
    await resource("kubernetes:core/v1:ConfigMap").check?.(context(), inputs, undefined, request());
    expect(inputs.metadata.name).toMatch(/^thing-[0-9a-f]{7}$/);
    expect(inputs.metadata).toMatchObject({ namespace: "shop", annotations: { "pulumi.com/autonamed": "true" } });
    const again = settings({ labels: { a: "b" } });
    await resource("kubernetes:core/v1:ConfigMap").check?.(context(), again, inputs, request({ seed: new Uint8Array([2]) }));
    expect(again.metadata.name).toBe(inputs.metadata.name);
  });

  it("refuses steering that it does not know", async () => {
    const inputs = settings({ name: "a", annotations: { "pulumi.com/waitFor": "x", other: "y" } });
    const failures = await resource("kubernetes:core/v1:ConfigMap").check?.(context(), inputs, undefined, request());
    expect(failures).toEqual([expect.objectContaining({ reason: expect.stringContaining("pulumi.com/waitFor") as string })]);
  });
});

describe("preview", () => {
  it("asks the API nothing, and does not know what the API will make up", async () => {
    const service: KubernetesObject = { apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec: { ports: [] } };
    const made = (await resource("kubernetes:core/v1:Service").preview?.(context(), service, undefined, request())) as KubernetesObject;
    expect(isUnknown(made.metadata.uid)).toBe(true);
    expect(isUnknown(made.spec?.clusterIP)).toBe(true);
    const before = { ...service, metadata: { name: "s", uid: "1" }, spec: { clusterIP: "10.0.0.1" }, status: {} };
    const updated = (await resource("kubernetes:core/v1:Service").preview?.(context(), service, before, request())) as KubernetesObject;
    expect(updated.metadata).toEqual({ name: "s", uid: "1" });
    expect(calls).toEqual([]);
  });
});

describe("an API that is not there", () => {
  it("is named when it refuses", async () => {
    const nobody = new KubernetesApi({ server: "https://127.0.0.1:1", insecure: true });
    await expect(nobody.get("/api/v1/pods")).rejects.toThrow("Kubernetes API at https://127.0.0.1:1: connect ECONNREFUSED");
  });

  it("is named when it is silent for 5 s", async () => {
    answer = () => true;
    await expect(api.get("/api/v1/pods")).rejects.toThrow(/^Kubernetes API at https:\/\/127.0.0.1:\d+: no answer within 5 s$/);
  }, 8_000);
});
