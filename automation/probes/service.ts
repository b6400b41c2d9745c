import { randomUUID } from "node:crypto";
import type { LookupFunction } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { addressesOf } from "./resolver";

export interface VerifyTarget {
  /** The public name: `app.<domain>`. */
  host: string;
  /** Path of the service that the write goes to: `/emergency-call`. */
  path: string;
  /** Site that must answer: what it takes, its own database has taken. */
  site: string;
  /**
   * Epoch that it takes over in. Pods that stood by say their own, an older one, until they are replaced; a later one means that
   * somebody else took over since.
   */
  epoch: number;
}

export interface Verified {
  key: string;
  attempts: number;
  /** From the first attempt to the write read back, in milliseconds. */
  tookMs: number;
  address: string;
}

/** Port of the public name: 443, or CHANGEOVER_PORT where the service stands behind another one. */
function publicPort(): number {
  return Number(process.env["CHANGEOVER_PORT"] ?? 443);
}

/**
 * Recovered means verified: writes through the public name, as a user would, and reads the same row back, until both
 * come from the site that should answer.
 * @param options.everyMs pause between attempts
 * @throws with the last reason when `timeoutMs` is over
 */
export async function verifyWrite(
  target: VerifyTarget,
  options: { timeoutMs: number; everyMs?: number; signal?: AbortSignal; onAttempt?: (reason: string) => void },
): Promise<Verified> {
  const started = performance.now();
  const key = randomUUID();
  let reason = "not tried";
  for (let attempts = 1; ; attempts++) {
    try {
      const address = await attempt(target, key);
      return { key, attempts, tookMs: performance.now() - started, address };
    } catch (error) {
      reason = (error as Error).message;
      options.onAttempt?.(reason);
    }
    options.signal?.throwIfAborted();
    if (performance.now() - started > options.timeoutMs) {
      throw new Error(
        `no write through https://${target.host}${target.path} was confirmed by ${target.site} in ${options.timeoutMs} ms; last: ${reason}`,
      );
    }
    await sleep(options.everyMs ?? 100);
  }
}

/**
 * Makes one such write past the public name, to tell what that name does from what the site does.
 * @param name name of the site's own load balancer @returns in words, what came of it
 */
export async function askDirectly(target: VerifyTarget, name: string): Promise<string> {
  try {
    return `${name} itself (${await attempt(target, randomUUID(), name)}) takes a write and gives it back: DNS leads elsewhere`;
  } catch (error) {
    return `${name} itself: ${(error as Error).message}`;
  }
}

interface Answer {
  key?: string;
  site?: string;
  epoch?: number;
  error?: string;
}

async function attempt(target: VerifyTarget, key: string, name = target.host): Promise<string> {
  const [address] = await addressesOf(name);
  if (!address) throw new Error(`${name} has no address`);
  const agent = new Agent({ connect: { timeout: 1_000, lookup: pinned(address) }, headersTimeout: 2_000, bodyTimeout: 2_000 });
  try {
    const url = `https://${target.host}:${publicPort()}${target.path}/writes/${key}`;
    const written = await exchange(agent, "PUT", url);
    if (written.site !== target.site || !(Number(written.epoch) <= target.epoch)) {
      throw new Error(`the write was taken by ${written.site ?? "?"} in epoch ${written.epoch ?? "?"}`);
    }
    const read = await exchange(agent, "GET", url);
    if (read.key !== key) throw new Error("the row that was written could not be read back");
    return address;
  } finally {
    await agent.destroy();
  }
}

async function exchange(dispatcher: Agent, method: "PUT" | "GET", url: string): Promise<Answer> {
  const response = await request(url, {
    dispatcher,
    method,
    ...(method === "PUT" ? { body: JSON.stringify({ probe: "changeover" }), headers: { "content-type": "application/json" } } : {}),
  });
  const text = await response.body.text();
  let body: Answer = {};
  try {
    body = JSON.parse(text) as Answer;
  } catch {
    // A load balancer's own page: the status says enough.
  }
  if (response.statusCode !== 200) throw new Error(`${method} answered ${response.statusCode}${body.error ? ` (${body.error})` : ""}`);
  return body;
}

/** The address is looked up once for each attempt; the connection then takes exactly that one. */
function pinned(address: string): LookupFunction {
  return (_host, options, done) => {
    if (options.all) done(null, [{ address, family: 4 }]);
    else done(null, address, 4);
  };
}
