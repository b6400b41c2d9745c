import type { JournalEntry } from "../journal";
import { Objects } from "../objects";

/** Where a journal is copied to: the control bucket of a site that survives. */
export interface CopyTarget {
  site: string;
  region: string;
  bucket: string;
}

const folderOf = (incident: string): string => `journals/${incident}/`;

/**
 * Copies a journal, entry by entry, to a control bucket. Copying never holds a step up; an entry that was not taken is
 * tried again with the next one.
 */
export class JournalCopies {
  private readonly objects: Objects;
  private waiting: JournalEntry[] = [];
  private running: Promise<void> | undefined;
  private failure: Error | undefined;

  constructor(
    readonly target: CopyTarget,
    private readonly incident: string,
  ) {
    this.objects = new Objects(target.region);
  }

  add(entry: JournalEntry): void {
    this.waiting.push(entry);
    this.running ??= this.send().finally(() => {
      this.running = undefined;
    });
  }

  /** Waits until all is copied. @returns why not, where it could not be */
  async flush(): Promise<Error | undefined> {
    await this.running;
    if (this.waiting.length > 0) await this.send();
    return this.waiting.length > 0 ? (this.failure ?? new Error("not copied")) : undefined;
  }

  close(): void {
    this.objects.close();
  }

  private async send(): Promise<void> {
    while (this.waiting.length > 0) {
      const [entry] = this.waiting;
      if (!entry) return;
      try {
        const key = `${folderOf(this.incident)}${String(entry.seq).padStart(6, "0")}.json`;
        await this.objects.put(this.target.bucket, key, JSON.stringify(entry));
        this.waiting.shift();
        this.failure = undefined;
      } catch (error) {
        this.failure = error as Error;
        return;
      }
    }
  }
}

/** The incidents whose journals a control bucket has, the newest last. */
export async function copiedIncidents(target: CopyTarget): Promise<string[]> {
  const objects = new Objects(target.region);
  try {
    const keys = await objects.list(target.bucket, "journals/");
    return [...new Set(keys.map((key) => key.split("/")[1] ?? ""))].sort();
  } finally {
    objects.close();
  }
}

/** A journal as it was copied: its lines in order. */
export async function readCopies(target: CopyTarget, incident: string): Promise<string[]> {
  const objects = new Objects(target.region);
  try {
    const keys = (await objects.list(target.bucket, folderOf(incident))).sort();
    return (await Promise.all(keys.map((key) => objects.get(target.bucket, key)))).filter((line) => line !== undefined);
  } finally {
    objects.close();
  }
}
