import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Front } from "../../../lab/balancer/front";
import { proxy } from "../../../lab/balancer/proxy";
import type { Listener, TargetGroup } from "../../../lab/balancer/read";
import { judge, Targets, type CheckResult } from "../../../lab/balancer/targets";

const ADDRESS = { host: "127.66.0.80", port: 18_443 };

/** A target whose answers the test decides. */
class Service {
  healthy = true;
  served = 0;
  handle = (incoming: IncomingMessage, response: ServerResponse): void => {
    incoming.pipe(response);
  };
  private readonly server: Server = createServer((incoming, response) => {
    if (incoming.url === "/health") return void response.writeHead(this.healthy ? 204 : 500).end();
    this.served += 1;
    this.handle(incoming, response);
  });

  async start(host: string): Promise<{ address: string; port: number }> {
    this.server.listen(0, host);
    await once(this.server, "listening");
    return { address: host, port: (this.server.address() as AddressInfo).port };
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

let services: Service[];
let group: TargetGroup;
let targets: Targets;
let front: Front;
let dark: boolean;
const call = async (path = "/payments/1", body?: string): ReturnType<typeof request> =>
  request(`http://${ADDRESS.host}:${ADDRESS.port}${path}`, {
    method: body === undefined ? "GET" : "PUT",
    ...(body === undefined ? {} : { body }),
  });
const state = (index: number): string | undefined =>
  targets.health().find(({ address }) => address === group.targets[index]?.address)?.state;

beforeEach(async () => {
  dark = false;
  services = [new Service(), new Service()];
  const listening = await Promise.all(services.map((service, index) => service.start(`127.66.50.${index + 1}`)));
  group = {
    arn: "payments",
    name: "payments",
    scheme: "http",
    check: { scheme: "http", path: "/health", matcher: "200-399", healthyThreshold: 2, unhealthyThreshold: 2 },
    targets: listening,
  };
  targets = new Targets(group, () => undefined);
  const listener: Listener = {
    arn: "listener",
    protocol: "HTTP",
    port: 80,
    rules: [
      {
        priority: 1,
        conditions: [{ field: "path-pattern", values: ["/payments/*"] }],
        action: { type: "forward", groups: [{ arn: "payments", weight: 1 }] },
      },
      {
        priority: Infinity,
        conditions: [],
        action: { type: "fixed-response", status: 404, contentType: "text/plain", body: "no such service" },
      },
    ],
  };
  const handle = proxy(
    () => listener,
    () => targets.next(),
    () => dark,
  );
  front = new Front(ADDRESS, undefined, handle);
  await front.listen();
  await vi.waitFor(() => {
    expect([state(0), state(1)]).toEqual(["healthy", "healthy"]);
  });
});

afterEach(async () => {
  await front.close();
  await targets.destroy();
  services.forEach((service) => {
    service.stop();
  });
});

describe("a load balancer", () => {
  it("passes request and answer on, with the headers that ELB adds and without those of one connection", async () => {
    services.forEach((service) => {
      service.handle = (incoming, response) => {
        response.writeHead(201, { "x-target": "yes", connection: "close" });
        response.end(JSON.stringify(incoming.headers));
      };
    });
    const { statusCode, headers, body } = await call();
    expect(statusCode).toBe(201);
    expect(headers).toMatchObject({ "x-target": "yes" });
    expect(headers.connection).not.toBe("close");
    expect(await body.json()).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-port": "80",
      host: `${ADDRESS.host}:${ADDRESS.port}`,
    });
  });

  it("passes bodies on", async () => {
    const text = "x".repeat(300_000);
    expect(await (await call("/payments/1", text)).body.text()).toBe(text);
  });

  it("answers by itself where no rule forwards", async () => {
    const { statusCode, body } = await call("/else");
    expect([statusCode, await body.text()]).toEqual([404, "no such service"]);
  });

  it("takes targets in turn", async () => {
    for (let i = 0; i < 10; i++) await (await call()).body.dump();
    expect(services.map(({ served }) => served)).toEqual([5, 5]);
  });

  it("takes an unhealthy target out after the threshold, and back after the other", async () => {
    const [first, second] = services as [Service, Service];
    first.healthy = false;
    await vi.waitFor(() => {
      expect(state(0)).toBe("unhealthy");
    }, 4_000);
    for (let i = 0; i < 6; i++) await (await call()).body.dump();
    expect([first.served, second.served]).toEqual([0, 6]);
    first.healthy = true;
    await vi.waitFor(() => {
      expect(state(0)).toBe("healthy");
    }, 4_000);
  }, 10_000);

  it("fails open where every target is unhealthy", async () => {
    for (const service of services) service.healthy = false;
    await vi.waitFor(() => {
      expect([state(0), state(1)]).toEqual(["unhealthy", "unhealthy"]);
    }, 4_000);
    const { statusCode, body } = await call();
    await body.dump();
    expect(statusCode).toBe(200);
  }, 10_000);

  it("says 503 where no target is registered, in ELB's words", async () => {
    targets.update({ ...group, targets: [] });
    const { statusCode, headers, body } = await call();
    expect([statusCode, headers["server"]]).toEqual([503, "awselb/2.0"]);
    expect(await body.text()).toContain("<center><h1>503 Service Temporarily Unavailable</h1></center>");
  });

  it("says 502 where the target hangs up, and does not ask another one", async () => {
    services.forEach((service) => {
      service.handle = (incoming) => incoming.socket.destroy();
    });
    const { statusCode, body } = await call("/payments/1", "x");
    await body.dump();
    expect(statusCode).toBe(502);
    expect(services.reduce((sum, { served }) => sum + served, 0)).toBe(1);
  });

  it("lets a request end at a target that is deregistered meanwhile, and sends it no more", async () => {
    const release: (() => void)[] = [];
    services.forEach((service) => {
      service.handle = (_, response) => release.push(() => response.end("late"));
    });
    const underWay = [call(), call()];
    await vi.waitFor(() => {
      expect(release).toHaveLength(2);
    });
    targets.update({ ...group, targets: group.targets.slice(1) });
    expect(state(0)).toBe("draining");
    release.forEach((go) => {
      go();
    });
    expect(await Promise.all(underWay.map(async (answer) => (await answer).body.text()))).toEqual(["late", "late"]);
    services.forEach((service) => {
      service.handle = (_, response) => response.end();
    });
    for (let i = 0; i < 4; i++) await (await call()).body.dump();
    expect(services.map(({ served }) => served)).toEqual([1, 5]);
    expect(state(0)).toBeUndefined();
  });
});

describe("an outage", () => {
  it("that stops: connections end and are refused", async () => {
    services.forEach((service) => {
      service.handle = () => undefined;
    });
    const underWay = call().then(
      () => "answered",
      (error: unknown) => (error as NodeJS.ErrnoException).code,
    );
    await vi.waitFor(() => {
      expect(services.reduce((sum, { served }) => sum + served, 0)).toBe(1);
    });
    await front.close();
    expect(await underWay).toMatch(/UND_ERR_SOCKET|ECONNRESET/);
    await expect(call()).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("that blackholes: connections are taken, and nothing is ever said", async () => {
    const release: (() => void)[] = [];
    services.forEach((service) => {
      service.handle = (_, response) => release.push(() => response.end("late"));
    });
    const silence = async (answer: Promise<unknown>): Promise<unknown> =>
      Promise.race([answer.catch((error: unknown) => error), sleep(300, "silence")]);
    // Leaves two connections: one idle, one with a request under way.
    const underWay = call();
    await vi.waitFor(() => {
      expect(release).toHaveLength(1);
    });
    await (await call("/else")).body.dump();
    dark = true;
    front.silence();
    release.forEach((go) => {
      go();
    });
    expect(await silence(underWay)).toBe("silence");
    expect(await silence(call("/else"))).toBe("silence");
    expect(await silence(call("/else"))).toBe("silence");
  });
});

describe("a target's state", () => {
  const good: CheckResult = { ok: true };
  const bad: CheckResult = { ok: false, reason: "Target.Timeout", description: "Request timed out" };
  const after = (...results: CheckResult[]): string =>
    results.reduce<Parameters<typeof judge>[0]>(
      (verdict, result) => judge(verdict, result, { healthyThreshold: 3, unhealthyThreshold: 2 }),
      {
        state: "initial",
        streak: 0,
      },
    ).state;

  it("becomes healthy at the first good answer, and after that by the thresholds", () => {
    expect(after()).toBe("initial");
    expect(after(bad)).toBe("initial");
    expect(after(good)).toBe("healthy");
    expect(after(bad, good)).toBe("healthy");
    expect(after(good, bad)).toBe("healthy");
    expect(after(good, bad, good, bad)).toBe("healthy");
    expect(after(good, bad, bad)).toBe("unhealthy");
    expect(after(bad, bad)).toBe("unhealthy");
    expect(after(bad, bad, good, good)).toBe("unhealthy");
    expect(after(bad, bad, good, good, bad, good, good)).toBe("unhealthy");
    expect(after(bad, bad, good, good, good)).toBe("healthy");
  });
});
