import type { JournalEntry } from "../journal";
import { Objects } from "../objects";

/** Where a journal is copied to: the control bucket of a site that survives. */
export interface CopyTarget {
  site: string;
  region: string;
  bucket: string;
}

const folderOf = (incident: string): string => `journals/${incident}/`;
/** One object for each incident that has no end, so that nobody has to read the journals of all that ever were. */
const OPEN = "open/";

/** An object to be written, or, without a body, to be removed. */
interface Change {
  key: string;
  body?: string;
}

/**
 * Copies a journal, entry by entry, to a control bucket. Copying never holds a step up; what was not taken is tried again
 * with the next entry, in order.
 */
export class JournalCopies {
  private readonly objects: Objects;
  private waiting: Change[] = [];
  private running: Promise<void> | undefined;
  private failure: Error | undefined;

  constructor(
    readonly target: CopyTarget,
    private readonly incident: string,
  ) {
    this.objects = new Objects(target.region);
    this.change({ key: OPEN + incident, body: "{}" });
  }

  add(entry: JournalEntry): void {
    this.change({ key: `${folderOf(this.incident)}${String(entry.seq).padStart(6, "0")}.json`, body: JSON.stringify(entry) });
  }

  /** Waits until all is copied. @returns why not, where it could not be */
  async flush(): Promise<Error | undefined> {
    await this.running;
    if (this.waiting.length > 0) await this.send();
    return this.waiting.length > 0 ? (this.failure ?? new Error("not copied")) : undefined;
  }

  /**
   * Copies what is left, and nothing after it.
   * @param over whether the incident has come to its end
   * @returns why it is not all there, where it could not be copied
   */
  async end(over: boolean): Promise<Error | undefined> {
    if (over) this.change({ key: OPEN + this.incident });
    const failure = await this.flush();
    this.objects.close();
    return failure;
  }

  private change(change: Change): void {
    this.waiting.push(change);
    this.running ??= this.send().finally(() => {
      this.running = undefined;
    });
  }

  private async send(): Promise<void> {
    while (this.waiting.length > 0) {
      const [next] = this.waiting;
      if (!next) return;
      try {
        const { bucket } = this.target;
        await (next.body === undefined ? this.objects.remove(bucket, next.key) : this.objects.put(bucket, next.key, next.body));
        this.waiting.shift();
        this.failure = undefined;
      } catch (error) {
        this.failure = error as Error;
        return;
      }
    }
  }
}

/** The incidents without an end whose journals a control bucket has, the newest last. */
export async function openCopies(target: CopyTarget): Promise<string[]> {
  const objects = new Objects(target.region);
  try {
    return (await objects.list(target.bucket, OPEN)).map((key) => key.slice(OPEN.length)).sort();
  } finally {
    objects.close();
  }
}

/** A journal as it was copied: its lines in order; none where it was not copied there. */
export async function readCopies(target: CopyTarget, incident: string): Promise<string[]> {
  const objects = new Objects(target.region);
  try {
    const keys = (await objects.list(target.bucket, folderOf(incident))).sort();
    return (await Promise.all(keys.map((key) => objects.get(target.bucket, key)))).filter((line) => line !== undefined);
  } finally {
    objects.close();
  }
}

/** Takes away the mark of an incident whose end was copied, but not that it is over. */
export async function forgetOpen(target: CopyTarget, incident: string): Promise<void> {
  const objects = new Objects(target.region);
  try {
    await objects.remove(target.bucket, OPEN + incident);
  } finally {
    objects.close();
  }
}
