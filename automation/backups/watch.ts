import { setTimeout as sleep } from "node:timers/promises";
import type { Environment } from "../facts";
import { StepList } from "../steps";
import { keepIntegrity, readIntegrity, recordOf, testDue, type IntegrityRecord } from "./integrity";
import { verifyBackups } from "./verify";

export interface WatchOptions {
  /** One look, and no more. */
  once: boolean;
  restoreTimeoutMs: number;
  signal: AbortSignal;
  /** Told after each look. */
  onRecord: (record: IntegrityRecord) => void;
  /** Told what could not be recorded: nobody but this process knows of the look then. */
  onFault: (message: string) => void;
}

/**
 * Looks at every copy each `backups.verifyInterval`, and restores one each `backups.testInterval`. What it finds is recorded for
 * `status`, and told to the alarm at the cold site, which rings too when it is told nothing.
 * @param open the environment as it is by then
 * @returns the last record
 */
export async function watch(open: () => Promise<Environment>, options: WatchOptions): Promise<IntegrityRecord> {
  const { once, signal, onRecord, onFault } = options;
  for (;;) {
    const began = new Date();
    const env = await open();
    const record = await look(env, began, options);
    await keepIntegrity(env, record).catch((error: unknown) => {
      onFault((error as Error).message);
    });
    onRecord(record);
    if (once) return record;
    await sleep(Math.max(0, began.getTime() + env.topology.backups.verifyInterval - Date.now()), undefined, { signal });
  }
}

/** A look that fails is one that found the copies unsound: whoever cannot read them cannot restore them. */
async function look(env: Environment, began: Date, { restoreTimeoutMs, signal }: WatchOptions): Promise<IntegrityRecord> {
  const before = await readIntegrity(env, began).catch(() => undefined);
  try {
    const request = { restoreTest: testDue(env.topology, before, began), restoreTimeoutMs };
    return recordOf(await verifyBackups(env, request, signal, new StepList(true)), began, before);
  } catch (error) {
    signal.throwIfAborted();
    return { at: began.toISOString(), sound: false, problems: [(error as Error).message], testedAt: before?.testedAt ?? null };
  }
}
