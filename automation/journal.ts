import { createHash } from "node:crypto";
import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Added to the name of a journal while its disk lacks entries: giving a file a name needs no room. The copies have them all. */
export const PARTIAL = ".partial";

/** What an entry records; never a secret. */
export interface JournalRecord {
  event: string;
  /** Step of the changeover, where the event belongs to one. */
  step?: string;
  detail?: Record<string, unknown>;
}

export interface JournalEntry extends JournalRecord {
  /** From 0, without a gap. */
  seq: number;
  /** Wall clock, ISO 8601. */
  at: string;
  /** Milliseconds since the journal was opened, by a clock that does not jump while one driver runs. */
  elapsedMs: number;
  incident: string;
  /** Hash of the entry before; 64 zeros in the first. */
  previous: string;
  /** SHA-256 over this entry without `hash`. */
  hash: string;
}

const GENESIS = "0".repeat(64);

/** The append-only, hash-chained record of one incident. Each entry is on disk before the next step begins. */
export class Journal {
  private readonly opened = performance.now();
  /** Entries that the disk did not take; written before the next one. */
  private unwritten: JournalEntry[] = [];
  private failure: Error | undefined;

  private constructor(
    /** Where it is when it is whole; see `file`. */
    readonly path: string,
    readonly incident: string,
    private readonly fd: number,
    /** Bytes of whole lines. */
    private size: number,
    private last: JournalEntry | undefined,
    private readonly since: number,
  ) {}

  /** @throws when the file exists: an incident has one journal */
  static create(file: string, incident: string): Journal {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return new Journal(file, incident, openSync(file, "wx", 0o600), 0, undefined, 0);
  }

  /** Goes on with a journal that a driver left. @throws where its chain is broken */
  static reopen(file: string): Journal {
    const entries = readJournal(file);
    const last = entries.at(-1);
    if (!last) throw new Error(`${file}: an empty journal`);
    const fd = openSync(file, "r+");
    // A driver that ended while it wrote leaves half a line: it was never acted upon.
    const size = readFileSync(file).lastIndexOf("\n") + 1;
    ftruncateSync(fd, size);
    return new Journal(file, last.incident, fd, size, last, last.elapsedMs + Math.max(0, Date.now() - Date.parse(last.at)));
  }

  /** Where it is now. */
  get file(): string {
    return this.failure ? this.path + PARTIAL : this.path;
  }

  /** Why the disk does not take entries now; they are kept, and written once it does. */
  get broken(): Error | undefined {
    return this.failure;
  }

  append(record: JournalRecord): JournalEntry {
    const body = {
      seq: (this.last?.seq ?? -1) + 1,
      at: new Date().toISOString(),
      elapsedMs: Math.round(this.since + performance.now() - this.opened),
      incident: this.incident,
      ...record,
      previous: this.last?.hash ?? GENESIS,
    };
    const entry: JournalEntry = { ...body, hash: hashOf(body) };
    this.last = entry;
    this.unwritten.push(entry);
    this.write();
    return entry;
  }

  close(): void {
    closeSync(this.fd);
  }

  private write(): void {
    const lines = Buffer.from(this.unwritten.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    try {
      for (let done = 0; done < lines.length;) done += writeSync(this.fd, lines, done, lines.length - done, this.size + done);
      fsyncSync(this.fd);
      this.size += lines.length;
      this.unwritten = [];
      if (this.failure) renameSync(this.path + PARTIAL, this.path);
      this.failure = undefined;
    } catch (error) {
      if (!this.failure) renameSync(this.path, this.path + PARTIAL);
      this.failure = error as Error;
      ftruncateSync(this.fd, this.size);
    }
  }
}

/**
 * Reads a journal and checks its chain. Half a line at the end, as a driver leaves it that ended while it wrote, is no entry.
 * @throws naming the first line that was changed, lost or added
 */
export function readJournal(file: string): JournalEntry[] {
  const text = readFileSync(file, "utf8");
  return entriesOf(text.slice(0, text.lastIndexOf("\n") + 1).split("\n"), file);
}

/**
 * Checks the chain of a journal's lines.
 * @param from where the lines are from, for the error
 * @throws naming the first line that was changed, lost or added
 */
export function entriesOf(lines: readonly string[], from: string): JournalEntry[] {
  let previous = GENESIS;
  return lines.filter(Boolean).map((line, i) => {
    const { hash, ...body } = JSON.parse(line) as JournalEntry;
    if (body.seq !== i || body.previous !== previous || hash !== hashOf(body)) {
      throw new Error(`${from}: line ${i + 1} does not follow from the line before: the journal was altered`);
    }
    previous = hash;
    return { ...body, hash };
  });
}

function hashOf(body: object): string {
  return createHash("sha256").update(JSON.stringify(body)).digest("hex");
}
