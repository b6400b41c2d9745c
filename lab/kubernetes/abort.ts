import { setTimeout as sleep } from "node:timers/promises";

/** `signal.aborted`, asked anew: the compiler takes what it was before an `await` for what it still is. */
export function aborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Waits, but no longer than until `signal` aborts. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (!signal.aborted && ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
}
