import type { Outages } from "../postgres/outages";

/** What every job's record has. */
interface Ending {
  CompletionDate?: Date | undefined;
  StatusMessage?: string | undefined;
}

/** Runs jobs in the background. What an outage breaks off goes on when it is over. */
export class Runner {
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly outages: Outages,
    private readonly log: (message: string) => void,
  ) {}

  /** Aborted when the lab ends. */
  get stopped(): AbortSignal {
    return this.stopping.signal;
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error("the lab ends"));
    this.outages.lookAgain();
    await Promise.all(this.running);
  }

  /** @param ended is told of the end; the record's other properties are set before */
  run(record: Ending, what: string, work: () => Promise<void>, ended: (as: "COMPLETED" | "FAILED") => void): void {
    const began = Date.now();
    const running = work()
      .then(
        () => {
          record.CompletionDate = new Date();
          ended("COMPLETED");
          this.log(`${what} done after ${Date.now() - began} ms`);
        },
        (error: unknown) => {
          record.CompletionDate = new Date();
          record.StatusMessage = (error as Error).message;
          ended("FAILED");
          this.log(`${what} failed: ${(error as Error).message}`);
        },
      )
      .finally(() => this.running.delete(running));
    this.running.add(running);
  }

  /** Takes a step of a job, and again as often as an outage of one of these regions breaks it off. */
  async through<T>(regions: string[], step: () => Promise<T>): Promise<T> {
    for (;;) {
      for (const region of regions) await this.outages.over(region, () => this.stopped.aborted);
      this.stopped.throwIfAborted();
      // While one was waited for, another one may have been lost.
      if (this.lost(regions) !== undefined) continue;
      try {
        return await step();
      } catch (error) {
        if (this.stopped.aborted || this.lost(regions) === undefined) throw error;
      }
    }
  }

  /** The first of the regions that is lost. */
  lost(regions: string[]): string | undefined {
    return regions.find((region) => this.outages.modeOf(region) !== undefined);
  }
}
