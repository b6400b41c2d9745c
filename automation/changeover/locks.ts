import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { processLives, startTimeOf } from "../../setup/process.mjs";
import type { Environment } from "../facts";
import { Locked, type StackLock } from "../pulumi/failures";
import type { PendingOperation } from "../pulumi/state";
import type { UpdateOptions } from "../pulumi/workspace";
import type { Engine, Incident } from "./incident";
import { knownEngines } from "./incidents";

/** An engine that lost its driver ends what it had begun and then itself; it is given this long. */
const ORPHAN_MS = 90_000;

/**
 * Updates a stack. A lock or pending operations that an earlier run of this incident left, or one before it, are cleared first:
 * recognised by owner, host, process and time. Anyone else's are refused, by name.
 * @throws Locked, UpdateFailed
 */
export async function updateStack(env: Environment, incident: Incident, part: string, options: UpdateOptions = {}): Promise<void> {
  const { workspace } = env;
  const all: UpdateOptions = {
    ...options,
    onEngine(pid) {
      const engine: Engine = { stack: workspace.stackName(part), pid, startTime: startTimeOf(pid) };
      incident.note({ event: "engine", detail: { ...engine } });
    },
  };
  incident.keepOutputs(part, workspace.lastOutputs(part));
  if (incident.resumed) await settleOwn(env, incident, part);
  await unlocked(env, incident, part, () => workspace.update(part, all));
}

/** Reads a stack's resources of one type anew; locks as with `updateStack`. */
export async function refreshStack(env: Environment, incident: Incident, part: string, type: string): Promise<void> {
  await unlocked(env, incident, part, () => env.workspace.refresh(part, type));
}

/** Does it, and where an earlier run of this incident left a lock, clears that and does it again. */
async function unlocked(env: Environment, incident: Incident, part: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Locked) || !(await clearOwn(env, incident, error))) throw error;
    await settleOwn(env, incident, part);
    await work();
  }
}

/**
 * Clears what an earlier run of this incident left in a stack, once the engine of that run has ended: only then is what the
 * site looks like what it will be.
 */
export async function settleOwn(env: Environment, incident: Incident, part: string): Promise<void> {
  let settled: PendingOperation[] = [];
  const settle = async (): Promise<void> => {
    settled = await env.workspace.settle(part);
  };
  try {
    await settle();
  } catch (error) {
    if (!(error instanceof Locked) || !(await clearOwn(env, incident, error))) throw error;
    await settle();
  }
  if (settled.length === 0) return;
  await incident.record({
    event: "settled",
    detail: { stack: env.workspace.stackName(part), operations: settled.map(({ type, resource }) => `${type} ${resource.urn}`) },
  });
}

/** @returns whether the lock was this incident's, or that of one before it, and is gone */
async function clearOwn(env: Environment, incident: Incident, { part, lock }: Locked): Promise<boolean> {
  const stack = env.workspace.stackName(part);
  // One that was given up may have left its target's stack locked, which nobody could reach then.
  const engines = [...incident.engines, ...knownEngines(env.workspace.environment)];
  if (!lock || !isOwn(lock, { stack, since: incident.ownsSince, engines })) return false;
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
    detail: { stack, owner: lock.user, host: lock.host, pid: lock.pid, at: lock.at.toISOString() },
  });
  return true;
}

/** What an incident knows of the locks that it took. */
export interface Ownership {
  stack: string;
  /** When the incident was opened, by the clock of then. */
  since: Date;
  engines: readonly Engine[];
}

/**
 * A lock of this incident: its owner and host are this driver's, and its process is one that the journal names; or, where
 * the driver was killed before it could write that down, it was taken after the incident was opened. Its process number
 * may have been given to another program since; one that began after the lock is not its holder.
 */
export function isOwn(lock: StackLock, { stack, since, engines }: Ownership): boolean {
  if (lock.user !== userInfo().username || lock.host !== hostname()) return false;
  const now = startTimeOf(lock.pid);
  const named = engines.some((engine) => engine.stack === stack && engine.pid === lock.pid && (now === "" || now === engine.startTime));
  // Pulumi tells the time in whole seconds.
  return named || lock.at.getTime() >= since.getTime() - 1_000;
}
