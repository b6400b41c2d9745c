import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket, createSecureContext } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../../lab/certificates";
import { SERVICE_NODE_ARGUMENTS, buildService } from "../../../lab/service/build";
import { refusalOf, sqlState } from "../../../lab/service/database";

const ADDRESS = "127.0.0.14";
const folder = mkdtempSync(join(tmpdir(), "changeover-service-"));
const program = join(folder, "service.js");
let authority: CertificateAuthority;
let service: ChildProcess | undefined;

beforeAll(async () => {
  await buildService(program);
  authority = await CertificateAuthority.open(folder);
});
afterEach(() => {
  service?.kill("SIGKILL");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A database server that speaks TLS and refuses every log-in with this state. */
async function refusingServer(sqlState: string): Promise<{ port: number; server: Server }> {
  const { cert, key } = await authority.issue("database", { commonName: "database", addresses: [ADDRESS] });
  const fields = `SFATAL\0VFATAL\0C${sqlState}\0Mno\0\0`;
  const refusal = Buffer.concat([Buffer.from("E"), Buffer.alloc(4), Buffer.from(fields)]);
  refusal.writeInt32BE(fields.length + 4, 1);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write("S");
      const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ cert, key }) });
      secure.on("error", () => undefined);
      secure.once("data", () => secure.end(refusal));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, ADDRESS, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the bundled program and waits until it listens. @returns its base URL */
async function start(databasePort: number, env: Record<string, string> = {}): Promise<string> {
  const port = await freePort();
  const child = spawn(process.execPath, [...SERVICE_NODE_ARGUMENTS, program], {
    env: {
      SERVICE: "payments",
      SITE: "primary",
      EPOCH: "3",
      POD_IP: ADDRESS,
      PORT: String(port),
      DATABASE_HOST: ADDRESS,
      DATABASE_PORT: String(databasePort),
      DATABASE_CA: authority.caCert,
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  service = child;
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => {
      resolve();
    });
    child.once("exit", (code) => {
      reject(new Error(`exit ${code ?? "by a signal"}`));
    });
  });
  return `http://${ADDRESS}:${port}`;
}

describe("the service program", () => {
  it("is ready once the database server has answered at all, and not before", async () => {
    const absent = await start(await freePort());
    expect((await fetch(`${absent}/live`)).status).toBe(200);
    expect((await fetch(`${absent}/ready`)).status).toBe(503);
    service?.kill("SIGKILL");

    const { port, server } = await refusingServer("28P01");
    const present = await start(port);
    expect((await fetch(`${present}/ready`)).status).toBe(200);
    const health = await fetch(`${present}/api/health/database`);
    expect([health.status, await health.json()]).toEqual([503, { database: "unavailable", writable: false, site: "primary", epoch: 3 }]);
    const write = await fetch(`${present}/payments/writes/k`, { method: "PUT", body: "{}" });
    expect([write.status, await write.json()]).toEqual([503, { error: "not-permitted" }]);
    server.close();
  });

  it("does not take a server that starts up, or that it cannot trust, for an answer", async () => {
    const starting = await refusingServer("57P03");
    expect((await fetch(`${await start(starting.port)}/ready`)).status).toBe(503);
    service?.kill("SIGKILL");
    starting.server.close();

    const stranger = await refusingServer("28P01");
    const other = await CertificateAuthority.open(mkdtempSync(join(folder, "other-")));
    expect((await fetch(`${await start(stranger.port, { DATABASE_CA: other.caCert })}/ready`)).status).toBe(503);
    stranger.server.close();
  });

  it("refuses writes while they are paused, malformed ones always, and leaves within a second of SIGTERM", async () => {
    const url = await start(await freePort(), { WRITES: "paused" });
    const paused = await fetch(`${url}/payments/writes/k`, { method: "PUT", body: "{}" });
    expect([paused.status, await paused.json()]).toEqual([503, { error: "read-only" }]);
    service?.kill("SIGKILL");

    const open = await start(await freePort());
    expect((await fetch(`${open}/payments/writes/k`, { method: "PUT", body: "{" })).status).toBe(400);
    expect((await fetch(`${open}/auth/writes/k`)).status).toBe(404);
    const ended = new Promise((resolve) => service?.once("exit", resolve));
    const before = performance.now();
    service?.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(performance.now() - before).toBeLessThan(1_500);
  });
});

it("tells refusals of the server from its absence", () => {
  const answer = (code: string) => Object.assign(new Error("no"), { severity: "ERROR", code });
  expect(refusalOf(answer("25006"))).toBe("read-only");
  expect(refusalOf(answer("42501"))).toBe("not-permitted");
  expect(refusalOf(answer("53300"))).toBe("unavailable");
  expect(refusalOf(Object.assign(new Error("no"), { code: "ECONNREFUSED" }))).toBe("unavailable");
  expect(sqlState(Object.assign(new Error("no"), { code: "ECONNREFUSED" }))).toBeUndefined();
});
