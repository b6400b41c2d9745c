import { descendantsOf, readProc } from "../../lab/process-tree";

/** Between two looks, in milliseconds. */
const EVERY_MS = 50;

/**
 * The most memory that a process and all its descendants had at one moment: the sum of their resident sets, which counts a
 * page that two of them share twice, so the truth is less. Linux.
 */
export class PeakMemory {
  private peak = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.look();
    this.timer = setInterval(() => {
      this.look();
    }, EVERY_MS);
  }

  /** Ends the looking. @returns bytes */
  stop(): number {
    clearInterval(this.timer);
    return this.peak;
  }

  private look(): void {
    const bytes = [this.pid, ...descendantsOf([this.pid])].reduce((sum, pid) => sum + residentOf(readProc(`/proc/${pid}/status`)), 0);
    this.peak = Math.max(this.peak, bytes);
  }
}

/** Resident set in bytes from a `/proc/<pid>/status`; nothing where the process is gone. Pure. */
export function residentOf(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}
