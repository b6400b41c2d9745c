import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesApi } from "./api";
import type { KubernetesObject } from "./object";
import type { Unready } from "./readiness";

/** How often a wait says what it waits for. Also how soon an API that went silent is noticed, for a watch is silent by nature. Milliseconds. */
const REPORT_EVERY_MS = 2_000;
/** Pause before a question is asked again. Milliseconds. */
const POLL_MS = 150;

export interface WaitOptions {
  timeoutMs: number;
  signal: AbortSignal;
  /** Shows what the wait is for. */
  status(message: string): void;
}

/** The object did not get there in time. */
export class WaitTimeout extends Error {
  constructor(
    message: string,
    /** As last seen; `undefined` when it is gone. */
    readonly last: KubernetesObject | undefined,
  ) {
    super(message);
    this.name = "WaitTimeout";
  }
}

/**
 * Follows one object by a watch, so that a change counts as soon as the API knows it.
 * @param path of the object; `collection`: of its kind
 * @param start as just written or read
 * @param judge why to wait on; called with `undefined` when the object is gone
 * @param detail more on what is missing, by requests of its own
 * @returns the object as `judge` accepted it
 * @throws {WaitTimeout}
 */
export async function follow(
  api: KubernetesApi,
  { path, collection }: { path: string; collection: string },
  start: KubernetesObject,
  judge: (object: KubernetesObject | undefined) => Unready,
  detail: (object: KubernetesObject | undefined) => Promise<string>,
  options: WaitOptions,
): Promise<KubernetesObject | undefined> {
  let current: KubernetesObject | undefined = start;
  let unready = judge(current);
  if (unready === undefined) return current;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);

  async function watch(): Promise<KubernetesObject | undefined> {
    for (let first = true; ; first = false) {
      if (!first) {
        await sleep(POLL_MS, undefined, { signal });
        current = await api.get(path, signal);
        unready = judge(current);
        if (unready === undefined) return current;
      }
      const query = { fieldSelector: `metadata.name=${start.metadata.name}`, resourceVersion: current?.metadata.resourceVersion ?? "0" };
      for await (const event of api.watch(collection, query, signal)) {
        // The resource version is too old to go on from; read anew.
        if (event.type === "ERROR") break;
        if (event.type === "BOOKMARK") continue;
        current = event.type === "DELETED" ? undefined : event.object;
        unready = judge(current);
        if (unready === undefined) return current;
      }
    }
  }

  async function report(): Promise<never> {
    for (;;) {
      await sleep(REPORT_EVERY_MS, undefined, { signal });
      // Also asked where `detail` asks nothing: a watch of an API that hangs is as silent as one of an object that rests.
      await api.get(path, signal);
      const more = await detail(current);
      options.status([unready, more].filter(Boolean).join("; "));
    }
  }

  async function expire(): Promise<never> {
    await sleep(options.timeoutMs, undefined, { signal });
    const more = await detail(current);
    throw new WaitTimeout(`after ${options.timeoutMs / 1000} s ${[unready, more].filter(Boolean).join("; ")}`, current);
  }

  const all = [watch(), report(), expire()];
  try {
    return await Promise.race(all);
  } catch (error) {
    throw options.signal.aborted ? new Error(`cancelled while waiting: ${unready}`) : error;
  } finally {
    stop.abort();
    // The others end with an abort error, which nobody wants to hear of.
    void Promise.allSettled(all);
  }
}

/**
 * Asks again and again.
 * @throws {WaitTimeout}
 */
export async function poll(question: () => Promise<Unready>, options: WaitOptions): Promise<void> {
  const started = Date.now();
  let reported = started;
  for (;;) {
    const unready = await question();
    if (unready === undefined) return;
    if (options.signal.aborted) throw new Error(`cancelled while waiting: ${unready}`);
    const now = Date.now();
    if (now - started >= options.timeoutMs) throw new WaitTimeout(`after ${options.timeoutMs / 1000} s ${unready}`, undefined);
    if (now - reported >= REPORT_EVERY_MS) {
      options.status(unready);
      reported = now;
    }
    await sleep(POLL_MS);
  }
}
