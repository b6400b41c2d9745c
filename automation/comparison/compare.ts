import { setTimeout as sleep } from "node:timers/promises";
import type { DatabaseAddress } from "../probes/database";
import { replayedBy, withBoth, type Both } from "./both";
import { BUCKETS } from "./digest";
import { Look, type TableComparison } from "./look";
import type { SessionOptions } from "./session";
import { listTables, pairTables, type Pairing } from "./tables";

export type { TableComparison, TableState } from "./look";

export interface Comparison {
  tables: TableComparison[];
  /** Tables that only one side has. */
  onlyLeft: string[];
  onlyRight: string[];
  /** Every table is on both sides and equal. */
  equal: boolean;
  /** Parts that each table was split into. */
  buckets: number;
  tookMs: number;
}

export interface CompareOptions extends SessionOptions {
  /** Parts that each table is split into by its key, 1 to 2^28. @default 1024 */
  buckets?: number;
  /** For an active site and its replica, while writes go on. Without it, the two are compared as they stand. */
  settle?: Settle;
  /** After each table, and again where a later round changed its state. */
  onTable?: (table: TableComparison, progress: { done: number; total: number }) => void;
  signal?: AbortSignal;
}

/** What differs is asked again, until it agrees or the time is over. */
export interface Settle {
  /** Milliseconds, from the end of the first look at every table. */
  timeoutMs: number;
  /** Between two rounds, in milliseconds. @default 250 */
  everyMs?: number;
}

/**
 * Compares all user tables by row counts and checksums. Reads only: one query a table, on both sides at the same time.
 * Either side may be a replica.
 * @param left the active site, or the one that was
 * @throws ComparisonError
 */
export function compareDatabases(left: DatabaseAddress, right: DatabaseAddress, options: CompareOptions = {}): Promise<Comparison> {
  return withBoth(left, right, options, (both) => compare(both, options));
}

/** The same with sessions that are open. */
export async function compare(both: Both, options: CompareOptions = {}): Promise<Comparison> {
  const { buckets = BUCKETS, settle, onTable, signal } = options;
  const started = performance.now();
  const { pairs, onlyLeft, onlyRight } = await pairing(both, settle?.timeoutMs);
  const total = pairs.length;
  const looks: Look[] = [];
  for (const pair of pairs) {
    signal?.throwIfAborted();
    const look = await Look.at(pair, both, buckets);
    if (!settle) look.close();
    looks.push(look);
    onTable?.(look.result(), { done: looks.length, total });
  }
  if (settle) {
    await rounds(looks, both, settle, signal, (look) => onTable?.(look.result(), { done: total, total }));
  }
  const tables = looks.map((look) => look.result());
  return {
    tables,
    onlyLeft: onlyLeft.map(({ name }) => name),
    onlyRight: onlyRight.map(({ name }) => name),
    equal: tables.every(({ equal }) => equal) && onlyLeft.length + onlyRight.length === 0,
    buckets,
    tookMs: Math.round(performance.now() - started),
  };
}

/** @param replayMs how long the right side may take to hear of tables that the left one has just been given, or has lost */
async function pairing(both: Both, replayMs = 0): Promise<Pairing> {
  const look = async (): Promise<Pairing> => pairTables(...(await Promise.all([listTables(both.left), listTables(both.right)])));
  const first = await look();
  if (replayMs === 0 || first.onlyLeft.length + first.onlyRight.length === 0) return first;
  await replayedBy(both, performance.now() + replayMs);
  return look();
}

async function rounds(
  looks: Look[],
  both: Both,
  { timeoutMs, everyMs = 250 }: Settle,
  signal: AbortSignal | undefined,
  onChange: (look: Look) => void,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (looks.some((look) => !look.settled) && performance.now() < deadline) {
    await sleep(everyMs, undefined, { signal });
    for (const look of looks.filter((candidate) => !candidate.settled)) {
      signal?.throwIfAborted();
      const before = look.result().state;
      await look.again(both, deadline);
      if (look.result().state !== before) onChange(look);
    }
  }
}
