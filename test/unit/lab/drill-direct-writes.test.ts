import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttps, type Server } from "node:https";
import { createServer, type AddressInfo, type Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CertificateAuthority } from "../../../lab/certificates";
import { DirectWrites } from "../../../lab/drill/direct-writes";

const HOST = "127.66.0.80";
let folder: string;
let ca: string;
let balancer: Server;
let database: NetServer;
let status: number;

/** What PostgreSQL says to a login whose time has run out, in its own protocol. */
function refusal(code: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0Mno\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "direct-"));
  const authority = await CertificateAuthority.open(folder);
  ca = authority.caCert;
  const { cert, key } = await authority.issue("balancer", { commonName: "app.example.com", dnsNames: ["app.example.com"] });
  status = 503;
  balancer = createHttps({ cert, key }, (request, response) => {
    request.resume();
    request.once("end", () => response.writeHead(status).end("{}"));
  });
  database = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(refusal("28000")));
  });
  for (const server of [balancer, database]) await once(server.listen(0, HOST), "listening");
});

afterEach(() => {
  balancer.closeAllConnections();
  balancer.close();
  database.close();
  rmSync(folder, { recursive: true });
});

const port = (server: NetServer): number => (server.address() as AddressInfo).port;
const direct = (databasePort = port(database)): DirectWrites =>
  new DirectWrites({
    site: "primary",
    balancer: { address: HOST, port: port(balancer), name: "app.example.com", ca, paths: ["/auth", "/payments"] },
    database: { host: HOST, port: databasePort, user: "service_app", password: "x", database: "service", ssl: false },
  });

it("counts what a fenced site says at its load balancer and its database", async () => {
  const writes = direct();
  for (let i = 0; i < 100 && !writes.answered; i++) await sleep(20);
  expect(writes.answered).toBe(true);
  const { attempts, accepted, answered, outcomes } = await writes.stop();
  expect(accepted).toBe(0);
  expect(answered).toBe(attempts);
  expect(Object.keys(outcomes).sort()).toEqual(["balancer: 503", "database: 28000"]);
});

it("sees one write that is accepted", async () => {
  status = 200;
  const writes = direct();
  for (let i = 0; i < 100 && !writes.answered; i++) await sleep(20);
  const { accepted, outcomes } = await writes.stop();
  expect(accepted).toBeGreaterThan(0);
  expect(outcomes["balancer: accepted"]).toBe(accepted);
});

it("is not answered while only one of the two is there", async () => {
  const closed = createServer();
  await once(closed.listen(0, HOST), "listening");
  const nobody = port(closed);
  closed.close();
  const writes = direct(nobody);
  await sleep(400);
  expect(writes.answered).toBe(false);
  const { answered, outcomes } = await writes.stop();
  expect(outcomes["database: ECONNREFUSED"]).toBeGreaterThan(0);
  expect(answered).toBe(outcomes["balancer: 503"]);
});
