import { Resolver } from "node:dns/promises";
import { Agent, request } from "node:https";

export interface SenderOptions {
  name: string;
  port: number;
  /** `address:port` of the name server. */
  resolver: string;
  ca: string;
  timeoutMs: number;
}

export interface HttpAnswer {
  status: number;
  body: string;
}

/** One address of the service with the connections to it. */
interface Route {
  address: string;
  agent: Agent;
  /** When the name must be asked again, on the clock of `performance.now()`. */
  expires: number;
}

/**
 * Sends requests to the service by its public name, as a well-behaved client does: it keeps an answer of DNS for as long as its TTL says,
 * keeps connections open, and lets go of them when the name leads elsewhere.
 */
export class Sender {
  private readonly resolver: Resolver;
  private route: Route | undefined;
  private looking: Promise<Route> | undefined;

  constructor(private readonly options: SenderOptions) {
    this.resolver = new Resolver({ timeout: 1_000, tries: 2 });
    this.resolver.setServers([options.resolver]);
  }

  /** @throws TimeoutError where there is no answer in time, name look-up included; else what the network said */
  async put(path: string, body: string): Promise<HttpAnswer> {
    const signal = AbortSignal.timeout(this.options.timeoutMs);
    const { address, agent } = await Promise.race([this.where(), rejectOn(signal)]);
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: address,
        port: this.options.port,
        servername: this.options.name,
        ca: this.options.ca,
        agent,
        signal,
        method: "PUT",
        path,
        headers: { host: this.options.name, "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      });
      // An abort is told as such, not by the error that it causes in the socket.
      const fail = (error: Error): void => {
        reject(signal.aborted ? (signal.reason as Error) : error);
      };
      outgoing.once("error", fail);
      outgoing.once("response", (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => (text += part));
        response.once("error", fail);
        response.once("end", () => {
          resolve({ status: response.statusCode ?? 0, body: text });
        });
      });
      outgoing.end(body);
    });
  }

  close(): void {
    this.resolver.cancel();
    this.route?.agent.destroy();
  }

  private async where(): Promise<Route> {
    if (this.route !== undefined && performance.now() < this.route.expires) return this.route;
    this.looking ??= this.look().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async look(): Promise<Route> {
    const [answer] = await this.resolver.resolve4(this.options.name, { ttl: true });
    if (answer === undefined) throw new Error(`${this.options.name} has no address`);
    const expires = performance.now() + answer.ttl * 1_000;
    const before = this.route;
    if (before?.address === answer.address) {
      before.expires = expires;
      return before;
    }
    this.route = { address: answer.address, agent: new Agent({ keepAlive: true }), expires };
    if (before !== undefined) this.leave(before.agent);
    return this.route;
  }

  /** Idle connections end at once, the others when their requests have had their time. */
  private leave(agent: Agent): void {
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    setTimeout(() => {
      agent.destroy();
    }, this.options.timeoutMs).unref();
  }
}

async function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
  });
}
