/**
 * Runs `work` while no other process of this machine holds the lock `file`. A lock whose owner has ended is broken.
 * Waits for as long as the owner lives; an owner on another host that shares the folder is believed to live.
 *
 * @param onWait called once with the owner, when there is something to wait for
 */
export function withLock<T>(file: string, work: () => Promise<T>, onWait?: (owner: LockOwner) => void): Promise<T>;

export interface LockOwner {
  pid: number;
  host: string;
  /** Tells a process from a later one with the same pid; empty where the system does not say. */
  startTime: string;
}
