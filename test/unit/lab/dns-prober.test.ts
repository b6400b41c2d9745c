import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Check } from "../../../lab/dns/health";
import { probe } from "../../../lab/dns/probe";
import { Prober, type Transition } from "../../../lab/dns/prober";

const HOST = "127.66.0.53";
let server: Server;
let port: number;
let status: number;
let body: string;
let hang: boolean;
let agents: (string | undefined)[];
let hosts: (string | undefined)[];

beforeEach(async () => {
  [status, body, hang, agents, hosts] = [200, "", false, [], []];
  server = createServer((request, response) => {
    agents.push(request.headers["user-agent"]);
    hosts.push(request.headers.host);
    if (!hang) response.writeHead(status).end(body);
  });
  server.listen(0, HOST);
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const check = (id: string, rest: Partial<Check> = {}): Check => ({
  id,
  type: "HTTP",
  fqdn: "serves.example.com",
  port: 80,
  path: "/health",
  sni: false,
  threshold: 2,
  inverted: false,
  disabled: false,
  children: [],
  healthThreshold: 0,
  ...rest,
});

describe("a probe", () => {
  it("names the check's host and says who asks", async () => {
    expect(await probe(check("a"), HOST, port)).toEqual({ ok: true, reason: "HTTP 200" });
    expect(hosts).toEqual(["serves.example.com"]);
    expect(agents[0]).toContain("Amazon-Route53-Health-Check-Service");
  });

  it.each([
    [301, true],
    [399, true],
    [403, false],
    [503, false],
  ])("takes status %i: %s", async (given, ok) => {
    status = given;
    expect(await probe(check("a"), HOST, port)).toEqual({ ok, reason: `HTTP ${given}` });
  });

  it("looks for text in the first 5,120 octets", async () => {
    const search = check("a", { type: "HTTP_STR_MATCH", search: "ready" });
    body = `${"x".repeat(5_000)}ready`;
    expect((await probe(search, HOST, port)).ok).toBe(true);
    body = `${"x".repeat(5_118)}ready`;
    expect((await probe(search, HOST, port)).ok).toBe(false);
  });

  it("gives up after a second, and knows a refused connection", async () => {
    hang = true;
    expect(await probe(check("a"), HOST, port)).toEqual({ ok: false, reason: "no answer within 1000 ms" });
    expect(await probe(check("a"), HOST, 1)).toEqual({ ok: false, reason: "connection refused" });
    expect(await probe(check("a", { type: "TCP" }), HOST, 1)).toMatchObject({ ok: false });
    expect(await probe(check("a", { type: "TCP" }), HOST, port)).toMatchObject({ ok: true });
  });
});

describe("a prober", () => {
  let prober: Prober;
  let changes: Transition[];

  beforeEach(() => {
    changes = [];
    prober = new Prober({
      resolve: (name) => (name === "serves.example.com" ? HOST : undefined),
      port: () => port,
      changed: (transition) => changes.push(transition),
    });
  });

  afterEach(() => {
    prober.stop();
  });

  const all = [
    check("serves"),
    check("taken", { path: "/takeover", inverted: true, threshold: 1 }),
    check("both", { type: "CALCULATED", children: ["serves"], healthThreshold: 1 }),
  ];

  it("changes its mind after the threshold, calculated checks at the same moment, and writes down when", async () => {
    prober.update(all);
    expect(prober.health().map(({ id, status: word }) => [id, word])).toEqual([
      ["serves", "healthy"],
      ["taken", "unhealthy"],
      ["both", "healthy"],
    ]);
    const begun = performance.now();
    status = 503;
    await vi.waitFor(() => {
      expect(prober.healthy("both")).toBe(false);
    }, 4_000);
    // Two answers, the first at once, the second an interval later.
    expect(performance.now() - begun).toBeGreaterThan(900);
    expect(prober.transitions().map(({ check: id, to }) => [id, to])).toEqual([
      ["taken", "healthy"],
      ["serves", "unhealthy"],
      ["both", "unhealthy"],
    ]);
    expect(changes).toEqual(prober.transitions());
    const [, serves, both] = changes as [Transition, Transition, Transition];
    expect(both.monotonicMs - serves.monotonicMs).toBeLessThan(50);
    expect(prober.health()[2]).toMatchObject({ lastReason: "0 of 1 healthy, 1 needed; unhealthy: serves" });

    // What stays keeps its opinion; what goes is forgotten.
    prober.update([check("serves")]);
    expect(prober.healthy("serves")).toBe(false);
    expect(prober.health().map(({ id }) => id)).toEqual(["serves"]);
  }, 10_000);

  it("counts a host that does not resolve as no answer", async () => {
    prober.update([check("lost", { fqdn: "nowhere.example.com", threshold: 1 })]);
    await vi.waitFor(() => {
      expect(prober.health()[0]).toMatchObject({ status: "unhealthy", lastReason: "nowhere.example.com does not resolve" });
    });
  });

  it("does not ask for a disabled check", async () => {
    prober.update([check("off", { disabled: true })]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(hosts).toEqual([]);
    expect(prober.health()[0]).toMatchObject({ status: "healthy", lastReason: "disabled" });
  });
});
