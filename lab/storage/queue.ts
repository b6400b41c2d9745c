export interface QueueStatus {
  pending: number;
  copied: number;
  failed: number;
  /** ISO 8601. */
  lastCopiedAt?: string;
}

export interface QueueOptions<T> {
  /** Tasks of the same order run one after the other, as they came. */
  orderOf(task: T): string;
  /** Whether it may run now; one that may not waits for `wake`. */
  ready(task: T): Promise<boolean>;
  run(task: T): Promise<void>;
  /** Told when a task is given up. */
  failed(task: T, error: unknown): void;
}

const ATTEMPTS = 5;
const FIRST_RETRY_MS = 100;
const AT_ONCE = 4;

/** Runs tasks, some at a time, each order in sequence; a task that keeps failing is given up and lets the next one through. */
export class Queue<T> {
  private readonly waiting: T[] = [];
  private readonly running = new Map<string, Promise<void>>();
  /** Orders that wait: for `wake`, or for their next attempt. */
  private readonly held = new Set<string>();
  private readonly attempts = new Map<T, number>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private stopped = false;
  private copied = 0;
  private failures = 0;
  private lastCopiedAt: string | undefined;

  constructor(private readonly options: QueueOptions<T>) {}

  get status(): QueueStatus {
    const { copied, lastCopiedAt } = this;
    return { pending: this.waiting.length, copied, failed: this.failures, ...(lastCopiedAt === undefined ? {} : { lastCopiedAt }) };
  }

  add(task: T): void {
    this.waiting.push(task);
    this.pump();
  }

  /** Looks again at what was not ready. */
  wake(): void {
    this.held.clear();
    this.pump();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all(this.running.values());
  }

  private pump(): void {
    const seen = new Set<string>();
    for (const task of this.waiting) {
      if (this.stopped || this.running.size >= AT_ONCE) return;
      const order = this.options.orderOf(task);
      if (seen.has(order) || this.running.has(order) || this.held.has(order)) continue;
      seen.add(order);
      const done = this.attempt(task, order).finally(() => {
        this.running.delete(order);
        this.pump();
      });
      this.running.set(order, done);
    }
  }

  private async attempt(task: T, order: string): Promise<void> {
    try {
      if (!(await this.options.ready(task))) {
        this.held.add(order);
        return;
      }
      await this.options.run(task);
      this.copied += 1;
      this.lastCopiedAt = new Date().toISOString();
      this.remove(task);
    } catch (error) {
      const attempts = (this.attempts.get(task) ?? 0) + 1;
      if (attempts >= ATTEMPTS) {
        this.failures += 1;
        this.remove(task);
        this.options.failed(task, error);
        return;
      }
      this.attempts.set(task, attempts);
      this.held.add(order);
      const timer = setTimeout(
        () => {
          this.timers.delete(timer);
          this.held.delete(order);
          this.pump();
        },
        FIRST_RETRY_MS * 2 ** (attempts - 1),
      );
      this.timers.add(timer);
    }
  }

  private remove(task: T): void {
    this.attempts.delete(task);
    this.waiting.splice(this.waiting.indexOf(task), 1);
  }
}
