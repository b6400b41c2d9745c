import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { createInterface } from "node:readline";
import type { Cluster } from "./kubeconfig";
import type { KubernetesObject } from "./object";

/** Longest wait for an answer to begin, and for silence in the middle of one. Milliseconds. */
const ANSWER_TIMEOUT_MS = 5_000;

/** The API server answered, but not with success. */
export class ApiError extends Error {
  constructor(
    /** HTTP status. */
    readonly status: number,
    /** Of the Kubernetes status: `AlreadyExists`, `Conflict`, `Invalid`, ... */
    readonly reason: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: KubernetesObject;
}

export interface Call {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, string>;
  /** Sent as JSON (which is YAML, too: what server-side apply wants). */
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

/** The REST API of one cluster, over connections that are kept. */
export class KubernetesApi {
  private readonly agent: Agent;

  constructor(private readonly cluster: Cluster) {
    this.agent = new Agent({
      keepAlive: true,
      ...(cluster.ca === undefined ? {} : { ca: cluster.ca }),
      ...(cluster.cert === undefined ? {} : { cert: cluster.cert }),
      ...(cluster.key === undefined ? {} : { key: cluster.key }),
      ...(cluster.serverName === undefined ? {} : { servername: cluster.serverName }),
      rejectUnauthorized: cluster.insecure !== true,
    });
  }

  /** For error texts. */
  get address(): string {
    return this.cluster.server;
  }

  close(): void {
    this.agent.destroy();
  }

  /**
   * @throws {ApiError} for any answer that is not a success
   * @throws an error with the API's address when there is no answer within 5 s
   */
  async call(call: Call): Promise<KubernetesObject> {
    const response = await this.send(call);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer);
    } catch (error) {
      throw this.unreachable(error);
    }
    const text = Buffer.concat(chunks).toString("utf8");
    if (!succeeded(response)) throw apiError(response, text);
    return JSON.parse(text) as KubernetesObject;
  }

  /** The object, or `undefined` when there is none. */
  async get(path: string, signal?: AbortSignal): Promise<KubernetesObject | undefined> {
    try {
      return await this.call({ method: "GET", path, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /**
   * Changes of a collection after `resourceVersion`. Ends when the server ends it (it does so now and then) or `signal` aborts.
   * @param query at least `resourceVersion`; a `fieldSelector` narrows it
   */
  async *watch(path: string, query: Record<string, string>, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const response = await this.send({ method: "GET", path, query: { ...query, watch: "true" }, signal });
    response.setTimeout(0);
    if (!succeeded(response)) {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      throw apiError(response, Buffer.concat(chunks).toString("utf8"));
    }
    try {
      for await (const line of createInterface({ input: response })) {
        if (line !== "") yield JSON.parse(line) as WatchEvent;
      }
    } finally {
      response.destroy();
    }
  }

  private async send(call: Call): Promise<IncomingMessage> {
    try {
      return await this.attempt(call);
    } catch (error) {
      // A kept connection that the server closed meanwhile says nothing about the server. Applying, reading and deleting can all be repeated.
      if ((error as { staleConnection?: boolean }).staleConnection !== true || call.method === "POST") throw this.unreachable(error);
    }
    try {
      return await this.attempt(call);
    } catch (error) {
      throw this.unreachable(error);
    }
  }

  private attempt({ method, path, query, body, contentType, signal }: Call): Promise<IncomingMessage> {
    const target = new URL(`${this.cluster.server}${path}`);
    for (const [name, value] of Object.entries(query ?? {})) target.searchParams.set(name, value);
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const outgoing = request(target, {
        method,
        agent: this.agent,
        headers: {
          accept: "application/json",
          ...(payload === undefined ? {} : { "content-type": contentType ?? "application/json", "content-length": payload.length }),
          ...(this.cluster.token === undefined ? {} : { authorization: `Bearer ${this.cluster.token}` }),
        },
        ...(signal === undefined ? {} : { signal }),
      });
      // Not the socket's idle timeout: that one starts only once there is a connection.
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)), ANSWER_TIMEOUT_MS);
      outgoing.once("response", (response) => {
        clearTimeout(timer);
        response.setTimeout(ANSWER_TIMEOUT_MS, () => response.destroy(new Error(`silent for ${ANSWER_TIMEOUT_MS / 1000} s`)));
        resolve(response);
      });
      outgoing.once("error", (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        reject(outgoing.reusedSocket && error.code === "ECONNRESET" ? Object.assign(error, { staleConnection: true }) : error);
      });
      outgoing.end(payload);
    });
  }

  private unreachable(error: unknown): Error {
    if (error instanceof Error && error.name === "AbortError") return error;
    return new Error(`Kubernetes API at ${this.cluster.server}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function succeeded(response: IncomingMessage): boolean {
  return response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 300;
}

function apiError(response: IncomingMessage, text: string): ApiError {
  const status = response.statusCode ?? 0;
  try {
    const { reason = "", message = text } = JSON.parse(text) as { reason?: string; message?: string };
    return new ApiError(status, reason, message);
  } catch {
    return new ApiError(status, "", text.slice(0, 500));
  }
}
