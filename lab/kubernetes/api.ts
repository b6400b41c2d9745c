import { Agent, request } from "undici";
import type { Endpoint } from "../world";
import { aborted, pause } from "./abort";

export interface ApiCredentials {
  /** PEM texts. */
  ca: string;
  cert: string;
  key: string;
}

/** What the lab's clients read of any object. */
export interface KubernetesObject {
  metadata?: { name?: string; namespace?: string; uid?: string; resourceVersion?: string };
}

/** The API server said no. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export interface FollowHandlers<T> {
  replace(objects: T[]): void;
  set(object: T): void;
  remove(object: T): void;
  /** The watch broke; it goes on by itself. */
  trouble(error: Error): void;
}

interface Status {
  reason?: string;
  message?: string;
  code?: number;
}

interface WatchEvent<T> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: T;
}

const MERGE_PATCH = "application/merge-patch+json";

/** One Kubernetes API server as the lab's own parts talk to it: JSON over a pool of TLS connections. */
export class KubernetesApi {
  private agent: Agent;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly credentials: ApiCredentials,
  ) {
    this.agent = this.connect();
  }

  private connect(): Agent {
    const { ca, cert, key } = this.credentials;
    return new Agent({
      connections: 24,
      pipelining: 1,
      connect: { ca, cert, key, timeout: 2_000 },
      headersTimeout: 10_000,
      bodyTimeout: 0,
    });
  }

  /** Ends every connection at once; the next request opens new ones. */
  async disconnect(): Promise<void> {
    const old = this.agent;
    this.agent = this.connect();
    await old.destroy();
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.send<T>("GET", path, undefined, undefined, signal);
  }

  create<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>("POST", path, body);
  }

  /** JSON merge patch: lists are replaced as a whole. */
  patch<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>("PATCH", path, body, MERGE_PATCH);
  }

  delete(path: string, body: unknown): Promise<unknown> {
    return this.send("DELETE", path, body);
  }

  private async send<T>(
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string,
    body?: unknown,
    type = "application/json",
    signal?: AbortSignal,
  ): Promise<T> {
    const response = await request(this.url(path), {
      dispatcher: this.agent,
      method,
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": type }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw errorFrom(response.statusCode, text);
    return (text.startsWith("{") ? JSON.parse(text) : text) as T;
  }

  /**
   * Lists a collection and then watches it until `signal` aborts. After any trouble it lists again.
   * @param handlers.replace everything there is; `set` and `remove` tell what changed since
   */
  async follow<T extends KubernetesObject>(path: string, handlers: FollowHandlers<T>, signal: AbortSignal): Promise<void> {
    while (!aborted(signal)) {
      try {
        const list = await this.get<{ items: T[]; metadata: { resourceVersion: string } }>(path, signal);
        handlers.replace(list.items);
        let version = list.metadata.resourceVersion;
        while (!aborted(signal)) {
          for await (const event of this.watch<T>(path, version, signal)) {
            version = event.object.metadata?.resourceVersion ?? version;
            if (event.type === "DELETED") handlers.remove(event.object);
            else if (event.type !== "BOOKMARK") handlers.set(event.object);
          }
        }
      } catch (error) {
        if (aborted(signal)) return;
        handlers.trouble(error as Error);
        await pause(250, signal);
      }
    }
  }

  private async *watch<T>(path: string, version: string, signal: AbortSignal): AsyncGenerator<WatchEvent<T & KubernetesObject>> {
    const response = await request(this.url(`${path}?watch=true&allowWatchBookmarks=true&resourceVersion=${version}`), {
      dispatcher: this.agent,
      headers: { accept: "application/json" },
      signal,
    });
    if (response.statusCode >= 300) throw errorFrom(response.statusCode, await response.body.text());
    response.body.setEncoding("utf8");
    let rest = "";
    for await (const chunk of response.body as AsyncIterable<string>) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = JSON.parse(line) as WatchEvent<T & KubernetesObject>;
        if (event.type === "ERROR") throw errorFrom((event.object as Status).code ?? 500, JSON.stringify(event.object));
        yield event;
      }
    }
  }

  private url(path: string): string {
    return `https://${this.endpoint.host}:${this.endpoint.port}${path}`;
  }
}

function errorFrom(status: number, text: string): ApiError {
  let parsed: Status = {};
  try {
    parsed = JSON.parse(text) as Status;
  } catch {
    // A proxy or a server that is coming up answers in plain text.
  }
  return new ApiError(status, parsed.reason ?? "", parsed.message ?? text.slice(0, 300));
}
