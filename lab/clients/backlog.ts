/** Waiting time before each further attempt, in milliseconds; the last one repeats. */
const DELAYS_MS = [200, 400, 800, 1_600, 3_200, 5_000];

/** Writes that wait for another attempt, none ever dropped. Pure: the clock is the caller's. */
export class Backlog<T> {
  /** By number of failed attempts. One delay each, so each is in the order in which its entries fall due. */
  private readonly queues: Queue<T>[] = DELAYS_MS.map((delayMs) => new Queue<T>(delayMs));

  get size(): number {
    return this.queues.reduce((sum, queue) => sum + queue.size, 0);
  }

  /** @param failures attempts made so far, at least 1 */
  add(item: T, failures: number, now: number): void {
    this.queues[Math.min(failures, DELAYS_MS.length) - 1]?.push(item, now);
  }

  /** Takes out at most `most` items that are due, the longest overdue first. */
  take(now: number, most: number): T[] {
    const taken: T[] = [];
    while (taken.length < most) {
      const due = this.queues
        .filter((queue) => (queue.head?.due ?? Infinity) <= now)
        .sort((a, b) => (a.head?.due ?? 0) - (b.head?.due ?? 0));
      const [first] = due;
      if (first === undefined) break;
      taken.push(first.shift());
    }
    return taken;
  }
}

/** First in, first out, without moving everything at each step as `Array.shift` may. */
class Queue<T> {
  private items: { item: T; due: number }[] = [];
  private from = 0;

  constructor(private readonly delayMs: number) {}

  get size(): number {
    return this.items.length - this.from;
  }

  get head(): { due: number } | undefined {
    return this.items[this.from];
  }

  push(item: T, now: number): void {
    this.items.push({ item, due: now + this.delayMs });
  }

  /** @throws where it is empty */
  shift(): T {
    const entry = this.items[this.from];
    if (entry === undefined) throw new RangeError("the queue is empty");
    this.from += 1;
    if (this.from > 1_024 && this.from * 2 > this.items.length) {
      this.items = this.items.slice(this.from);
      this.from = 0;
    }
    return entry.item;
  }
}
