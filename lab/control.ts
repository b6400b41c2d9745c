import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { request } from "undici";
import { url, world, type Endpoint } from "./world";

/** Routes of the lab's control interface: method and path to an answer. */
export type Routes = Record<string, (body: Record<string, unknown>) => Promise<unknown>>;

/** Serves the control interface. @throws where the address is taken: another lab runs */
export async function serveControl(endpoint: Endpoint, routes: Routes): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    void answer(routes, incoming, outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(endpoint.port, endpoint.host, resolve);
  });
  return server;
}

async function answer(routes: Routes, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const send = (status: number, body: unknown): void => {
    outgoing.writeHead(status, { "content-type": "application/json" });
    outgoing.end(JSON.stringify(body ?? {}));
  };
  try {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const route = routes[`${incoming.method} ${incoming.url}`];
    if (!route) {
      send(404, { error: `no route ${incoming.method} ${incoming.url}; there are: ${Object.keys(routes).join(", ")}` });
      return;
    }
    send(200, await route(text === "" ? {} : (JSON.parse(text) as Record<string, unknown>)));
  } catch (error) {
    send(500, { error: (error as Error).message });
  }
}

/** Asks the running lab. @throws where none runs, or with the lab's own error */
export async function askLab<T>(method: "GET" | "POST", path: string, body?: unknown, timeoutMs = 30_000): Promise<T> {
  const response = await request(`${url(world(true).control)}${path}`, {
    method,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answered = (await response.body.json()) as T & { error?: string };
  if (response.statusCode !== 200) throw new Error(answered.error ?? `the lab answered ${response.statusCode}`);
  return answered;
}

/** Who runs a lab on this machine, if anybody does. */
export interface LabIdentity {
  folder: string;
  pid: number;
  startedAt: string;
}

export async function runningLab(): Promise<LabIdentity | undefined> {
  try {
    return await askLab<LabIdentity>("GET", "/identity", undefined, 2_000);
  } catch {
    return undefined;
  }
}

/** Calls to the control planes of a lost region since it was lost: its AWS endpoint and its Kubernetes API. */
export async function callsTo(region: string): Promise<number> {
  const counts = await askLab<{ aws: Record<string, { outage?: { total: number } }>; kubernetes: Record<string, number> }>(
    "GET",
    "/counts",
  );
  return (counts.aws[region]?.outage?.total ?? 0) + (counts.kubernetes[region] ?? 0);
}
