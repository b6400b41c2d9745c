import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";

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
  /** Milliseconds since the journal was opened, by a clock that does not jump. */
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
  private seq = 0;
  private previous = GENESIS;
  private readonly opened = performance.now();

  private constructor(
    readonly file: string,
    readonly incident: string,
    private readonly fd: number,
  ) {}

  /** @throws when the file exists: an incident has one journal */
  static create(file: string, incident: string): Journal {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return new Journal(file, incident, openSync(file, "wx", 0o600));
  }

  append(record: JournalRecord): JournalEntry {
    const body = {
      seq: this.seq,
      at: new Date().toISOString(),
      elapsedMs: Math.round(performance.now() - this.opened),
      incident: this.incident,
      ...record,
      previous: this.previous,
    };
    const entry: JournalEntry = { ...body, hash: hashOf(body) };
    writeSync(this.fd, `${JSON.stringify(entry)}\n`);
    fsyncSync(this.fd);
    this.seq += 1;
    this.previous = entry.hash;
    return entry;
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Reads a journal and checks its chain. @throws naming the first line that was changed, lost or added */
export function readJournal(file: string): JournalEntry[] {
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
  let previous = GENESIS;
  return lines.map((line, i) => {
    const { hash, ...body } = JSON.parse(line) as JournalEntry;
    if (body.seq !== i || body.previous !== previous || hash !== hashOf(body)) {
      throw new Error(`${file}: line ${i + 1} does not follow from the line before: the journal was altered`);
    }
    previous = hash;
    return { ...body, hash };
  });
}

function hashOf(body: object): string {
  return createHash("sha256").update(JSON.stringify(body)).digest("hex");
}
