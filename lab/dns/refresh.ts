/**
 * Reads something again: soon after it is asked to, at most once at a time, and every `pollMs` in any case. Requests
 * that come while it reads make it read once more.
 */
export class Refresh {
  private pending: NodeJS.Timeout | undefined;
  private poll: NodeJS.Timeout | undefined;
  private reading: Promise<void> | undefined;
  private again = false;
  private ended = false;

  constructor(
    private readonly read: () => Promise<void>,
    private readonly failed: (error: unknown) => void,
    private readonly pollMs: number,
    private readonly debounceMs = 30,
  ) {}

  /** Reads now and every `pollMs` from now on. */
  async start(): Promise<void> {
    this.ended = false;
    this.poll = setInterval(() => {
      this.soon();
    }, this.pollMs);
    await this.now();
  }

  soon(): void {
    if (this.ended) return;
    this.pending ??= setTimeout(() => void this.now(), this.debounceMs);
  }

  /** Resolves after a reading that began after this call. Errors go to `failed`. */
  async now(): Promise<void> {
    clearTimeout(this.pending);
    this.pending = undefined;
    this.again = true;
    this.reading ??= this.loop();
    await this.reading;
  }

  async stop(): Promise<void> {
    this.ended = true;
    clearInterval(this.poll);
    clearTimeout(this.pending);
    this.pending = undefined;
    await this.reading;
  }

  private async loop(): Promise<void> {
    while (this.again && !this.ended) {
      this.again = false;
      try {
        await this.read();
      } catch (error) {
        this.failed(error);
      }
    }
    this.reading = undefined;
  }
}
