import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { processLives, startTimeOf } from "../../setup/process.mjs";
import type { Environment } from "../facts";
import { Locked, type StackLock, type UpdateOptions } from "../workspace";
import type { Incident } from "./incident";

/** An engine that lost its driver ends what it had begun and then itself; it is given this long. */
const ORPHAN_MS = 90_000;

/**
 * Updates a stack. A lock or pending operations that an earlier run of this very incident left are cleared first:
 * recognised by owner, host, process and time. Anyone else's are refused, by name.
 * @throws Locked, UpdateFailed
 */
export async function updateStack(env: Environment, incident: Incident, part: string, options: UpdateOptions = {}): Promise<void> {
  const { workspace } = env;
  if (incident.resumed) await settleOwn(env, incident, part);
  try {
    await workspace.update(part, options);
  } catch (error) {
    if (!(error instanceof Locked) || !(await clearOwn(env, incident, error))) throw error;
    await settleOwn(env, incident, part);
    await workspace.update(part, options);
  }
}

/**
 * Clears what an earlier run of this incident left in a stack, once the engine of that run has ended: only then is what the
 * site looks like what it will be.
 */
export async function settleOwn(env: Environment, incident: Incident, part: string): Promise<void> {
  const settle = async (): Promise<void> => {
    const settled = await env.workspace.settle(part);
    if (settled.length === 0) return;
    await incident.record({
      event: "settled",
      detail: { stack: env.workspace.stackName(part), operations: settled.map(({ type, resource }) => `${type} ${resource.urn}`) },
    });
  };
  try {
    await settle();
  } catch (error) {
    if (!(error instanceof Locked) || !(await clearOwn(env, incident, error))) throw error;
    await settle();
  }
}

/** @returns whether the lock was this incident's, and is gone */
async function clearOwn(env: Environment, incident: Incident, { part, lock }: Locked): Promise<boolean> {
  if (!lock || !isOwn(lock, incident.ownsSince)) return false;
  const id = `orphan-${part}`;
  const orphan = { pid: lock.pid, startTime: startTimeOf(lock.pid) };
  if (orphan.startTime !== "") {
    incident.list.start(id, `Wait for the engine of the run before, pid ${lock.pid}`, ORPHAN_MS);
    const until = performance.now() + ORPHAN_MS;
    while (processLives(orphan) && performance.now() < until) await sleep(100);
    incident.list.done(id);
    if (processLives(orphan)) return false;
  }
  await env.workspace.unlock(part);
  await incident.record({
    event: "unlocked",
    detail: { stack: env.workspace.stackName(part), owner: lock.user, host: lock.host, pid: lock.pid, at: lock.at.toISOString() },
  });
  return true;
}

/**
 * A lock of this incident: its owner and host are this driver's, and it was taken after the incident was opened. Its
 * process number may have been given to another program since; one that began after the lock is not its holder.
 */
export function isOwn(lock: StackLock, openedAt: Date): boolean {
  // Pulumi tells the time in whole seconds.
  return lock.user === userInfo().username && lock.host === hostname() && lock.at.getTime() >= openedAt.getTime() - 1_000;
}
