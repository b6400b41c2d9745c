import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scaleToZero } from "../../automation/probes/cluster";
import { createCluster } from "../../lab/kubernetes";
import { testLab, type TestLab } from "../unit/lab/context";

const REGION = "us-east-1";
/** Away from every address of a lab that may be running. */
const SHIFT = 5;
const ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1";

let lab: TestLab;
let cluster: Awaited<ReturnType<typeof createCluster>>;
let aws: Server;
const registered = new Set<string>();

beforeAll(async () => {
  lab = await testLab(SHIFT);
  aws = await targetGroups();
  cluster = await createCluster(lab, REGION, { programs: { service: "/nonexistent", guard: "/nonexistent" } });
  await cluster.start();
  writeFileSync(join(lab.folder, "kubeconfig"), cluster.kubeconfig());
});

afterAll(async () => {
  await cluster.stop();
  aws.close();
  await lab.dispose();
});

/** As much of ELBv2 as the controller calls, over one target group. */
async function targetGroups(): Promise<Server> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const parameters = new URLSearchParams(body);
      const action = parameters.get("Action") ?? "";
      const ids = [...parameters].filter(([key]) => /^Targets\.member\.\d+\.Id$/.test(key)).map(([, id]) => id);
      if (action === "RegisterTargets") for (const id of ids) registered.add(id);
      if (action === "DeregisterTargets") for (const id of ids) registered.delete(id);
      const members = [...registered].map((id) => `<member><Target><Id>${id}</Id><Port>8080</Port></Target></member>`).join("");
      const result = action === "DescribeTargetHealth" ? `<TargetHealthDescriptions>${members}</TargetHealthDescriptions>` : "";
      response.setHeader("content-type", "text/xml");
      response.end(`<${action}Response><${action}Result>${result}</${action}Result></${action}Response>`);
    });
  });
  const { host, port } = lab.world.region(REGION).aws;
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return server;
}

/** Not the synchronous way: the pods' life is in this process. */
async function kubectl(args: string[], input?: object): Promise<string> {
  const child = spawn("kubectl", ["--kubeconfig", join(lab.folder, "kubeconfig"), ...args], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(input === undefined ? "" : JSON.stringify(input));
  const [out, trouble, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.once("exit", resolve)),
  ]);
  if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${trouble}`);
  return out;
}

const apply = (...items: object[]): Promise<string> => kubectl(["apply", "-f", "-"], { apiVersion: "v1", kind: "List", items });

async function eventually(what: string, holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}\n${lab.lines.join("\n")}`);
    await sleep(50);
  }
}

/** What the pod at this address answers, or what went wrong. */
async function answerOf(address: string): Promise<string> {
  try {
    return await (await fetch(`http://${address}:8080/`, { signal: AbortSignal.timeout(500) })).text();
  } catch (error) {
    return (error as Error).name;
  }
}

const program = `require("http").createServer((q, s) => s.end(process.env.GREETING + " from " + process.env.ME)).listen(8080, process.env.POD_IP)`;

function deployment(replicas: number): object {
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: {
          terminationGracePeriodSeconds: 2,
          containers: [
            {
              name: "web",
              image: "any",
              command: [process.execPath, "-e", program],
              ports: [{ name: "http", containerPort: 8080 }],
              envFrom: [{ configMapRef: { name: "web" } }],
              env: [field("POD_IP", "status.podIP"), field("ME", "metadata.name")],
              readinessProbe: { httpGet: { path: "/", port: "http" } },
            },
          ],
        },
      },
    },
  };
}

describe("a cluster of the lab", () => {
  it("runs a deployment once its config map is there, and sends traffic to the ready pods", async () => {
    await apply(
      deployment(2),
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "web" },
        spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: "http" }] },
      },
      {
        apiVersion: "elbv2.k8s.aws/v1beta1",
        kind: "TargetGroupBinding",
        metadata: { name: "web" },
        spec: { serviceRef: { name: "web", port: 80 }, targetGroupARN: ARN, targetType: "ip" },
      },
    );
    await eventually("the pods say what is missing", async () => (await kubectl(["get", "pods"])).includes("CreateContainerConfigError"));
    expect(registered.size).toBe(0);

    await apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "web" }, data: { GREETING: "hello" } });
    await kubectl(["rollout", "status", "deployment/web", "--timeout=20s"]);
    await eventually("both pods are registered", () => registered.size === 2);
    const [address = ""] = registered;
    expect(address).toBe(lab.world.region(REGION).pod(Number(address.split(".")[3]) - 1).host);
    expect(await answerOf(address)).toMatch(/^hello from web-/);
    await eventually("the endpoint slice has both", async () => (await slice()).length === 2);
  });

  async function slice(): Promise<unknown[]> {
    return (JSON.parse(await kubectl(["get", "endpointslice", "web-lab", "-o", "json"])) as { endpoints: unknown[] }).endpoints;
  }

  it("starts a pod's process again when it dies", async () => {
    const [address = ""] = registered;
    const victim = lab.processes.list(REGION).find(({ spec }) => spec.env?.["POD_IP"] === address);
    victim?.signal("SIGKILL");
    await eventually("it answers again", async () => {
      const now = lab.processes.list(REGION).find(({ spec }) => spec.env?.["POD_IP"] === address);
      return now !== undefined && now.pid !== victim?.pid && (await answerOf(address)).startsWith("hello");
    });
    await eventually("the restart is counted", async () => /web-\S+\s+1\/1\s+Running\s+1 /.test(await kubectl(["get", "pods"])));
  });

  it("loses everything at once in an outage, counts who calls, and comes back with what it had", async () => {
    const [address = ""] = registered;
    await cluster.outage?.(REGION, "stop");
    expect(await answerOf(address)).toBe("TypeError");
    expect(lab.processes.list(REGION)).toEqual([]);
    const { host, port } = lab.world.region(REGION).kubernetes;
    await new Promise<void>((resolve) =>
      connect(port, host)
        .on("error", () => undefined)
        .once("close", () => {
          resolve();
        }),
    );
    expect(cluster.connectionsDuringOutage()).toBe(1);

    await cluster.heal?.(REGION);
    await kubectl(["rollout", "status", "deployment/web", "--timeout=20s"]);
    await eventually("the pod answers again at its address", async () => (await answerOf(address)).startsWith("hello"));
    expect(cluster.podCount()).toBe(2);
  });

  it("hangs in a blackhole and goes on after it", async () => {
    let address = "";
    // The outage before this one may still be moving pods about.
    await eventually("a pod answers", async () => {
      [address = ""] = registered;
      return (await answerOf(address)).startsWith("hello");
    });
    const before = cluster.connectionsDuringOutage();
    await cluster.outage?.(REGION, "blackhole");
    expect(await answerOf(address)).toBe("TimeoutError");
    const { host, port } = lab.world.region(REGION).kubernetes;
    const caller = connect(port, host);
    await new Promise((resolve) => caller.once("connect", resolve));
    expect(cluster.connectionsDuringOutage()).toBe(before + 1);
    caller.destroy();

    await cluster.heal?.(REGION);
    expect(cluster.connectionsDuringOutage()).toBe(before + 1);
    await eventually("the pod answers again", async () => (await answerOf(address)).startsWith("hello"));
    await kubectl(["get", "pods"]);
  });

  it("takes pods out of the target group when they go", async () => {
    await kubectl(["scale", "deployment/web", "--replicas=1"]);
    await eventually("one is left", () => registered.size === 1 && cluster.podCount() === 1);
    await kubectl(["delete", "deployment/web", "--cascade=foreground", "--timeout=20s"]);
    await eventually("none is left", () => registered.size === 0 && cluster.podCount() === 0);
  });

  it("ends the pods of a site that is fenced at once, however long they may take, and no other", async () => {
    const pod = (name: string) => ({
      metadata: { labels: { "app.kubernetes.io/name": name } },
      spec: {
        terminationGracePeriodSeconds: 60,
        containers: [
          {
            name,
            image: "any",
            command: [process.execPath, "-e", "setInterval(() => undefined, 1000)"],
            lifecycle: { preStop: { sleep: { seconds: 30 } } },
          },
        ],
      },
    });
    const of = (name: string) => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name },
      spec: { replicas: 2, selector: { matchLabels: { "app.kubernetes.io/name": name } }, template: pod(name) },
    });
    await apply(of("left"), of("other"));
    for (const name of ["left", "other"]) await kubectl(["rollout", "status", `deployment/${name}`, "--timeout=20s"]);
    // One is on its way already, with all of its time.
    const [going = ""] = (await kubectl(["get", "pods", "-l", "app.kubernetes.io/name=left", "-o", "name"])).split("\n");
    await kubectl(["delete", going, "--wait=false"]);
    await scaleToZero(cluster.kubeconfig(), "default", ["left"], { callMs: 4_000, timeoutMs: 10_000 });
    expect(await kubectl(["get", "pods", "-l", "app.kubernetes.io/name=left", "-o", "name"])).toBe("");
    expect(cluster.podCount()).toBe(2);
    await kubectl(["delete", "deployment/left", "deployment/other", "--wait=false"]);
  });
});
