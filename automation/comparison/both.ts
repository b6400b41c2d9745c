import { ReplayTimeout, positionOf, waitForReplay, type DatabaseAddress } from "../probes/database";
import { openSession, type Session, type SessionOptions } from "./session";

/** Sessions with the two databases that are compared. `left` is the active site, or the one that was. */
export interface Both {
  left: Session;
  right: Session;
}

/** Runs `work` with both sessions and ends them. @throws ComparisonError where one of them cannot be opened */
export async function withBoth<T>(
  left: DatabaseAddress,
  right: DatabaseAddress,
  options: SessionOptions,
  work: (both: Both) => Promise<T>,
): Promise<T> {
  const opening = [openSession(left, options), openSession(right, options)] as const;
  try {
    const [one, other] = await Promise.all(opening);
    return await work({ left: one, right: other });
  } finally {
    for (const session of await Promise.allSettled(opening)) if (session.status === "fulfilled") session.value.end();
  }
}

/** For statements that begin or end a snapshot. */
export async function inBoth({ left, right }: Both, statement: string): Promise<void> {
  await Promise.all([left, right].map((session) => session.rows("setting up the snapshot", statement)));
}

/**
 * Waits until the right side has replayed all that the left side has committed; at once where the right one is no replica.
 * @param deadline as `performance.now()` tells time
 * @returns whether it got there in time
 */
export async function replayedBy({ left, right }: Both, deadline: number): Promise<boolean> {
  if (!right.recovering) return true;
  const at = await positionOf(left.client);
  const lsn = at.kind === "primary" ? at.flushLsn : at.replayLsn;
  if (lsn === undefined) return true;
  try {
    await waitForReplay(right.client, lsn, { timeoutMs: Math.max(0, deadline - performance.now()), everyMs: 20 });
    return true;
  } catch (error) {
    if (error instanceof ReplayTimeout) return false;
    throw error;
  }
}
