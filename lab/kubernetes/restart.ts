/** How long a container must have run for its past failures to be forgotten. */
const STABLE_MS = 60_000;
/** The kubelet waits 10 s to 5 min; a lab that is watched by a person does it faster. */
const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** Whether a container that has ended is started again. @param policy of the pod; Kubernetes' default is `Always` */
export function startsAgain(policy: string | undefined, exitCode: number): boolean {
  if (policy === "Never") return false;
  return policy === "OnFailure" ? exitCode !== 0 : true;
}

/** Back-off before restarts: none before the first, then doubling. */
export class RestartDelay {
  private failures = 0;

  /** @param ranMs how long the container ran this time. @returns milliseconds to wait */
  next(ranMs: number): number {
    if (ranMs >= STABLE_MS) this.failures = 0;
    const delay = this.failures === 0 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.failures - 1));
    this.failures += 1;
    return delay;
  }
}
