/**
 * The service of the runbook, all seven of them: which one it is, its environment says. Runs as a pod of the lab.
 *
 *   GET  /live                  200 while the program runs
 *   GET  /ready                 200 once the database server has answered at all
 *   GET  /api/health/database   200 when a query succeeds, with `writable`; else 503
 *   PUT  <path>/writes/<key>    200 after the commit; the same key again changes nothing; 503 while the database is
 *                               read-only or writes are paused
 *   GET  <path>/writes/<key>    the row, or 404
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Database, refusalOf, sqlState } from "./database";

const {
  SERVICE = "service",
  SERVICE_PATH = `/${SERVICE}`,
  HEALTH_PATH = "/api/health/database",
  SITE = "",
  ROLE = "",
  WRITES = "open",
  POD_IP = "127.0.0.1",
  PORT = "8080",
  DATABASE_HOST = "127.0.0.1",
  DATABASE_PORT = "5432",
  DATABASE_NAME = "service",
  DATABASE_USER = "service",
  DATABASE_PASSWORD = "",
  DATABASE_CA = "",
} = process.env;
const EPOCH = Number(process.env["EPOCH"] ?? "0");
const MAX_BODY_BYTES = 64 * 1024;
/** After SIGTERM the load balancer still sends for a moment; then new connections are refused, and a second after SIGTERM all is over. */
const LINGER_MS = 250;
const EXIT_MS = 950;

const database = new Database(
  {
    host: DATABASE_HOST,
    port: Number(DATABASE_PORT),
    database: DATABASE_NAME,
    user: DATABASE_USER,
    password: DATABASE_PASSWORD,
    ca: DATABASE_CA,
    application: `${SERVICE}@${SITE}`,
  },
  (error) => {
    log("connection lost", { error: error.message });
  },
);

function log(message: string, more: Record<string, unknown> = {}): void {
  process.stdout.write(
    `${JSON.stringify({ at: new Date().toISOString(), service: SERVICE, site: SITE, epoch: EPOCH, message, ...more })}\n`,
  );
}

/** One call at a time, whose answer all who ask meanwhile share. */
function shared<T>(call: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () =>
    (running ??= call().finally(() => {
      running = undefined;
    }));
}

const answers = shared(() => database.answers());
const writable = shared(async () => (await database.writable()) && WRITES !== "paused");
let seenDatabase = false;
let healthy: boolean | undefined;
let stopping = false;

async function ready(response: ServerResponse): Promise<void> {
  // What the database does after the first answer is the health check's to tell: a pod does not become unready for it.
  seenDatabase ||= await answers();
  send(response, seenDatabase ? 200 : 503, { ready: seenDatabase });
}

async function health(response: ServerResponse): Promise<void> {
  try {
    const body = { database: "ok", writable: await writable(), site: SITE, epoch: EPOCH };
    if (healthy !== true) log("database ok", { writable: body.writable });
    healthy = true;
    send(response, 200, body);
  } catch (error) {
    if (healthy !== false) log("database not ok", { state: sqlState(error), error: (error as Error).message });
    healthy = false;
    send(response, 503, { database: "unavailable", writable: false, site: SITE, epoch: EPOCH });
  }
}

async function write(request: IncomingMessage, response: ServerResponse, key: string): Promise<void> {
  if (WRITES === "paused") {
    send(response, 503, { error: "read-only" });
    return;
  }
  let body: unknown;
  try {
    body = JSON.parse(await bodyOf(request));
  } catch (error) {
    send(response, 400, { error: (error as Error).message });
    return;
  }
  const created = await database.write({ key, service: SERVICE, site: SITE, epoch: EPOCH, body });
  send(response, 200, { key, site: SITE, epoch: EPOCH, created });
}

async function read(response: ServerResponse, key: string): Promise<void> {
  const row = await database.read(key);
  send(response, row === undefined ? 404 : 200, row ?? { error: "no such key" });
}

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const { method } = request;
  if (path === "/live") send(response, 200, { live: true });
  else if (path === "/ready") await ready(response);
  else if (path === HEALTH_PATH) await health(response);
  else if (path.startsWith(`${SERVICE_PATH}/writes/`)) {
    const key = decodeURIComponent(path.slice(SERVICE_PATH.length + "/writes/".length));
    if (method === "PUT") await write(request, response, key);
    else if (method === "GET") await read(response, key);
    else send(response, 405, { error: "PUT or GET" });
  } else send(response, 404, { error: "no such path" });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`a body has at most ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...(stopping ? { connection: "close" } : {}),
  });
  response.end(text);
}

const server = createServer((request, response) => {
  route(request, response).catch((error: unknown) => {
    if (error instanceof URIError) send(response, 400, { error: "the key is not URL-encoded" });
    else send(response, 503, { error: refusalOf(error) });
  });
});
// Longer than the load balancer keeps its side, so that it never sends into a connection that is being closed.
server.keepAliveTimeout = 65_000;

server.on("error", (error) => {
  log("cannot listen", { error: error.message });
  process.exit(1);
});
server.listen(Number(PORT), POD_IP, () => {
  log("listening", { role: ROLE, address: `${POD_IP}:${PORT}`, database: `${DATABASE_HOST}:${DATABASE_PORT}/${DATABASE_NAME}` });
});

// The table is made by whoever finds the database writable first; a write makes it too, so that nothing here may fail a start.
void writable()
  .then((open) => (open ? database.prepare() : undefined))
  .catch(() => undefined);

process.on("SIGTERM", () => {
  if (stopping) return;
  stopping = true;
  log("stopping");
  setTimeout(() => {
    server.close(() => {
      void database.end().finally(() => process.exit(0));
    });
    server.closeIdleConnections();
  }, LINGER_MS);
  setTimeout(() => process.exit(0), EXIT_MS).unref();
});
