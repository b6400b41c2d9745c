import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { LabContext, LabPart, OutageMode } from "../part";
import { REGIONS, type Endpoint } from "../world";
import { Counter, type RegionCounts } from "./counts";
import { awsError, internalError, throttled } from "./errors";
import { askerOf, identify, isGlobal, isRead } from "./identify";
import { isResponse, type AwsRequest, type AwsResponse, type Mend } from "./mend";
import { ownMends } from "./mends";
import { unsupported } from "./unsupported";
import { Upstream } from "./upstream";

/** Trouble short of an outage. Rates are shares of the requests, 0 to 1; default 0. */
export interface Fault {
  /** Added to each request, in ms; default 0. */
  latencyMs?: number;
  /** Answered with the service's internal error, 500. */
  errorRate?: number;
  /** Answered with the service's throttling error. */
  throttleRate?: number;
}

export interface Gateway extends LabPart {
  /** By region. */
  counts(): Record<string, RegionCounts>;
  /** `undefined` ends the fault. */
  setFault(region: string, fault: Fault | undefined): void;
}

interface RegionState {
  outage?: OutageMode;
  fault?: Fault;
  counter: Counter;
  /** Connections at the region's own endpoints. */
  sockets: Set<Socket>;
  /** Connections with a request for this region under way, those of the router included. */
  busy: Set<Socket>;
}

/** In a stopped region, how long a connection may take to say what it wants before it is reset, in ms. */
const STOPPED_PATIENCE_MS = 1_000;

/**
 * AWS as clients see it: an endpoint in each region, plain and TLS, and a router for clients that know one endpoint only.
 * Requests go on to moto, corrected by the mends.
 * @param mends of the parts that have data planes, in the order in which they apply, after the gateway's own
 */
export function createGateway(lab: LabContext, mends: Mend[]): Gateway {
  const upstream = new Upstream(lab.world.moto);
  const states = new Map<string, RegionState>(REGIONS.map((name) => [name, newState()]));
  const servers: Server[] = [];
  const chain = [unsupported, ...ownMends(lab.world), ...mends];

  const stateOf = (region: string): RegionState => {
    const state = states.get(region) ?? newState();
    states.set(region, state);
    return state;
  };

  const listen = async (server: Server, endpoint: Endpoint, region?: string): Promise<void> => {
    // Clients keep connections for reuse; one that the server closes first costs them a retry.
    server.keepAliveTimeout = 120_000;
    if (region !== undefined) {
      const state = stateOf(region);
      server.on("connection", (socket: Socket) => {
        state.sockets.add(socket);
        socket.once("close", () => state.sockets.delete(socket));
        if (state.outage === "stop") setTimeout(() => socket.resetAndDestroy(), STOPPED_PATIENCE_MS).unref();
      });
    }
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(endpoint.port, endpoint.host, resolve);
    });
    servers.push(server);
  };

  /** @returns the region's state if the request must not be answered */
  const lost = (request: AwsRequest, listener?: string): RegionState | undefined =>
    [request.region, ...(listener === undefined ? [] : [listener])].map(stateOf).find((state) => state.outage !== undefined);

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse, listener?: string): Promise<void> => {
    const socket = incoming.socket;
    const expects = incoming.headers.expect !== undefined;
    const read = async (): Promise<AwsRequest> => {
      const headers = flatten(incoming.headers);
      const { method = "GET", url = "/" } = incoming;
      const facts = { method, url, headers, remoteAddress: socket.remoteAddress ?? "" };
      if (expects) {
        // Who waits for leave to send a body gets none from a lost region.
        const request = identify({ ...facts, body: Buffer.alloc(0) }, listener);
        if (lost(request, listener)) return request;
        outgoing.writeContinue();
      }
      return identify({ ...facts, body: await bodyOf(incoming) }, listener);
    };
    const request = await read();
    const state = stateOf(request.region);
    const agent = request.headers["user-agent"] ?? "";
    const counted = listener !== undefined && lost(request, listener) === stateOf(listener) ? stateOf(listener) : state;
    counted.counter.add(request, agent, askerOf(request));

    state.busy.add(socket);
    try {
      if (refuse(lost(request, listener), socket)) return;
      const response = await answer(request, state.fault, listener);
      // An outage that began meanwhile swallows the answer, whatever was done.
      if (refuse(lost(request, listener), socket)) return;
      if (response.status < 300 && !isRead(request.action)) announce(request, response);
      outgoing.writeHead(response.status, {
        ...response.headers,
        ...(request.method === "HEAD" ? {} : { "content-length": response.body.length }),
      });
      outgoing.end(response.body);
    } finally {
      if (lost(request, listener)?.outage !== "blackhole") state.busy.delete(socket);
    }
  };

  const answer = async (request: AwsRequest, fault: Fault | undefined, listener?: string): Promise<AwsResponse> => {
    if (fault?.latencyMs) await sleep(fault.latencyMs);
    if (happens(fault?.throttleRate)) return throttled(request);
    if (happens(fault?.errorRate)) return internalError(request);
    if (listener !== undefined && request.region !== listener && !isGlobal(request.service)) {
      return wrongRegion(request, listener);
    }
    return await mended(request);
  };

  const mended = async (request: AwsRequest): Promise<AwsResponse> => {
    const applying = chain.filter(({ service }) => service === "*" || service === request.service);
    let sent = request;
    let response: AwsResponse | undefined;
    for (const mend of applying) {
      const result = await mend.request?.(sent);
      if (result === undefined) continue;
      if (isResponse(result)) {
        response = result;
        break;
      }
      sent = result;
    }
    response ??= await upstream.send(sent);
    for (const mend of applying) response = (await mend.response?.(request, response)) ?? response;
    return response;
  };

  const announce = (request: AwsRequest, response: AwsResponse): void => {
    const version = response.headers["x-amz-version-id"];
    const { region, service, action, parameters } = request;
    try {
      lab.events.emit("aws", {
        region,
        service,
        action,
        parameters: { ...parameters, ...(typeof version === "string" ? { resultVersionId: version } : {}) },
      });
    } catch (error) {
      lab.log("gateway", `a listener failed on ${service}:${action}: ${String(error)}`);
    }
  };

  const handler = (listener?: string): RequestListener => {
    return (incoming, outgoing) => {
      serve(incoming, outgoing, listener).catch((error: unknown) => {
        if (incoming.destroyed && !incoming.complete) return;
        lab.log(
          "gateway",
          `${incoming.method ?? ""} ${incoming.url ?? ""}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
        if (outgoing.headersSent || outgoing.destroyed) outgoing.destroy();
        else outgoing.writeHead(500, { "content-type": "text/plain" }).end(`the lab's gateway failed: ${String(error)}\n`);
      });
    };
  };

  const prepare = (server: Server, listener?: string): Server => {
    const handle = handler(listener);
    return server.on("request", handle).on("checkContinue", handle);
  };

  return {
    name: "gateway",
    async start() {
      await listen(prepare(createServer()), lab.world.aws);
      for (const name of REGIONS) {
        const { aws, awsTls } = lab.world.region(name);
        await listen(prepare(createServer(), name), aws, name);
        const certificate = await lab.certificates.issue(`aws-${name}`, {
          commonName: `s3.${name}.amazonaws.com`,
          dnsNames: [`s3.${name}.amazonaws.com`, `*.s3.${name}.amazonaws.com`],
          addresses: [awsTls.host],
        });
        await listen(prepare(createTlsServer({ key: certificate.key, cert: certificate.cert }), name), awsTls, name);
      }
    },
    async stop() {
      await Promise.all(
        servers.splice(0).map(async (server) => {
          const closed = new Promise((resolve) => server.close(resolve));
          server.closeAllConnections();
          await closed;
        }),
      );
      await upstream.close();
    },
    async outage(region, mode) {
      const state = stateOf(region);
      state.outage = mode;
      state.counter.begin(mode);
      if (mode === "stop") reset(state.sockets, state.busy);
      await Promise.resolve();
    },
    async heal(region) {
      const state = stateOf(region);
      delete state.outage;
      state.counter.end();
      // What hung through the outage stays lost: its clients have to ask again.
      reset(state.busy);
      await Promise.resolve();
    },
    status: () => ({ counts: counts() }),
    counts,
    setFault(region, fault) {
      const state = stateOf(region);
      if (fault) state.fault = fault;
      else delete state.fault;
    },
  };

  function counts(): Record<string, RegionCounts> {
    return Object.fromEntries([...states].map(([name, state]) => [name, state.counter.value]));
  }
}

function newState(): RegionState {
  return { counter: new Counter(), sockets: new Set(), busy: new Set() };
}

/** Does to a connection what the outage does. @returns whether there is an outage */
function refuse(state: RegionState | undefined, socket: Socket): boolean {
  if (state?.outage === "stop") reset([socket]);
  if (state?.outage === "blackhole") {
    state.busy.add(socket);
    socket.once("close", () => state.busy.delete(socket));
  }
  return state?.outage !== undefined;
}

function reset(...sockets: Iterable<Socket>[]): void {
  for (const socket of sockets.flatMap((set) => [...set])) {
    // A TLS socket cannot be reset; closing without an answer is what its client can see.
    if ("encrypted" in socket) socket.destroy();
    else socket.resetAndDestroy();
  }
}

function happens(rate: number | undefined): boolean {
  return rate !== undefined && Math.random() < rate;
}

function wrongRegion(request: AwsRequest, listener: string): AwsResponse {
  const code = request.protocol === "s3" ? "AuthorizationHeaderMalformed" : "SignatureDoesNotMatch";
  return awsError(request, 400, code, `Credential should be scoped to a valid region, not '${request.region}': this is ${listener}`);
}

function flatten(headers: IncomingMessage["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
    ),
  );
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
