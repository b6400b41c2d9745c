import { randomUUID } from "node:crypto";
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";
import type { OldSite } from "./result";

export interface DirectTargets {
  /** The site's load balancer. */
  balancer: { address: string; port: number; name: string; ca: string; paths: string[] };
  /** The site's database, with the services' login. */
  database: ClientConfig;
  /** Of the site, for rows that are written past its services. */
  site: string;
}

/** Between two attempts, in milliseconds. */
const PAUSE_MS = 50;
const TIMEOUT_MS = 1_000;
/** A PostgreSQL server that is not there yet (cannot_connect_now). */
const STARTING = "57P03";
/** Nobody was there to answer. */
const SILENCE = new Set(["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "timeout", STARTING]);

/**
 * Writes to a site that must take none, past DNS: at its load balancer, and at its database with the services' own login,
 * in turns, each time by a connection of its own.
 */
export class DirectWrites {
  private readonly seen: OldSite = { attempts: 0, accepted: 0, answered: 0, outcomes: {} };
  private readonly doors = new Set<string>();
  private readonly ending = new AbortController();
  private readonly running: Promise<void>;

  constructor(private readonly targets: DirectTargets) {
    this.running = this.run();
  }

  /** Whether load balancer and database both are there, whatever they said. */
  get answered(): boolean {
    return this.doors.size === 2;
  }

  async stop(): Promise<OldSite> {
    this.ending.abort();
    await this.running;
    return this.seen;
  }

  private async run(): Promise<void> {
    const { paths } = this.targets.balancer;
    for (let n = 0; !this.ending.signal.aborted; n++) {
      const path = paths[Math.floor(n / 2) % paths.length] ?? "";
      const door = n % 2 === 0 ? "balancer" : "database";
      const outcome = await (door === "balancer" ? this.put(path) : this.insert());
      this.seen.attempts += 1;
      if (outcome === "accepted") this.seen.accepted += 1;
      if (!SILENCE.has(outcome)) {
        this.seen.answered += 1;
        this.doors.add(door);
      }
      const key = `${door}: ${outcome}`;
      this.seen.outcomes[key] = (this.seen.outcomes[key] ?? 0) + 1;
      await sleep(PAUSE_MS, undefined, { signal: this.ending.signal }).catch(() => undefined);
    }
  }

  /** @returns `accepted`, an HTTP status, or what went wrong */
  private async put(path: string): Promise<string> {
    const { address, port, name, ca } = this.targets.balancer;
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const fail = (error: NodeJS.ErrnoException): void => {
        resolve(signal.aborted ? "timeout" : (error.code ?? error.message));
      };
      const outgoing = request({
        host: address,
        port,
        servername: name,
        ca,
        agent: false,
        signal,
        method: "PUT",
        path: `${path}/writes/direct-${randomUUID()}`,
        headers: { host: name, "content-type": "application/json" },
      });
      outgoing.once("error", fail);
      outgoing.once("response", (response) => {
        response.resume();
        response.once("error", fail);
        response.once("end", () => {
          resolve(response.statusCode === 200 ? "accepted" : String(response.statusCode));
        });
      });
      outgoing.end("{}");
    });
  }

  /** @returns `accepted`, an SQL state, or what went wrong */
  private async insert(): Promise<string> {
    const client = new Client({ ...this.targets.database, connectionTimeoutMillis: TIMEOUT_MS, query_timeout: TIMEOUT_MS });
    // One that breaks between two statements has nobody else to tell.
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query("insert into writes (key, service, site, epoch, body) values ($1, 'direct', $2, 0, '{}')", [
        `direct-${randomUUID()}`,
        this.targets.site,
      ]);
      return "accepted";
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return code ?? (/timeout|terminated unexpectedly/i.test(message) ? "timeout" : message);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
