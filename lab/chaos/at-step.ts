import { closeSync, mkdirSync, openSync, readSync, readdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import type { Driver } from "../../automation/changeover/incident";
import type { JournalEntry } from "../../automation/journal";

/** A moment of a changeover, as its journal tells it. */
export interface StepMoment {
  /** Name of the step: `promote`, `pause`, ... */
  step: string;
  /** Its beginning or its end. Default `begin`. */
  on?: "begin" | "end";
}

/** The entry that was waited for. */
export interface Seen {
  /** Path of the journal. */
  file: string;
  incident: string;
  seq: number;
  /** When the driver wrote it, ISO 8601. */
  at: string;
  /** Who writes this journal; `undefined` where no entry has said so. */
  driver: Driver | undefined;
}

export interface StepWatch {
  /** Resolves after `act`; `undefined` when the watch was closed before. Rejects with what `act` threw. */
  seen: Promise<Seen | undefined>;
  close(): void;
}

/**
 * How often the journal that grew last is read, in milliseconds, whatever the kernel reports: its notices stop where
 * another file system is mounted over the folder.
 */
const POLL_MS = 2;
/** Every so many of these, all of them: there may be a new one. A changeover takes longer to its first step. */
const ALL_EVERY = 25;

/**
 * Waits for a step of a changeover and acts at that moment, once, in the same tick in which the entry is read. Entries
 * that are there already do not count. An entry is written before its step begins, so an act on `begin` comes first
 * where it takes less time than the driver's fsync.
 * @param folder journals of the driver, `CHANGEOVER_JOURNALS`; made where it is missing
 */
export function atStep(folder: string, { step, on = "begin" }: StepMoment, act: (seen: Seen) => void | Promise<void>): StepWatch {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const journals = new Map<string, Tail>();
  let latest: Tail | undefined;
  let closed = false;
  let settle: { resolve: (seen: Seen | undefined) => void; reject: (error: unknown) => void };
  const seen = new Promise<Seen | undefined>((resolve, reject) => (settle = { resolve, reject }));
  seen.catch(() => undefined);

  const all = (): Tail[] =>
    readdirSync(folder).flatMap((name) => {
      if (!name.endsWith(".jsonl") || name.includes(".diverged")) return [];
      const journal = journals.get(name) ?? new Tail(join(folder, name));
      journals.set(name, journal);
      return [journal];
    });
  const look = (tails: Tail[]): void => {
    for (const journal of tails) {
      if (closed) return;
      const news = journal.read();
      if (news.length > 0) latest = journal;
      const hit = news.find((entry) => entry.step === step && entry.event === on);
      if (hit !== undefined) reached(journal, hit);
    }
  };
  const reached = ({ file, driver }: Tail, { incident, seq, at }: JournalEntry): void => {
    end();
    const found: Seen = { file, incident, seq, at, driver };
    const done = async (): Promise<void> => {
      await act(found);
    };
    done().then(() => {
      settle.resolve(found);
    }, settle.reject);
  };
  const end = (): void => {
    closed = true;
    clearInterval(poll);
    notices.close();
  };

  for (const journal of all()) journal.read();
  const notices = watch(folder, () => {
    look(all());
  });
  notices.on("error", () => undefined);
  let ticks = 0;
  const poll = setInterval(() => {
    ticks += 1;
    look(ticks % ALL_EVERY === 0 ? all() : latest ? [latest] : []);
  }, POLL_MS);
  return {
    seen,
    close() {
      if (closed) return;
      end();
      settle.resolve(undefined);
    },
  };
}

/** A journal, read as it grows. */
class Tail {
  driver: Driver | undefined;
  /** Behind the last whole line: half a one may be taken back, as when a disk is full. */
  private offset = 0;

  constructor(readonly file: string) {}

  /** Entries that came since the last call. */
  read(): JournalEntry[] {
    const lines = this.news().split("\n").filter(Boolean);
    return lines.map((line) => {
      const entry = JSON.parse(line) as JournalEntry;
      this.driver = (entry.detail?.["driver"] as Driver | undefined) ?? this.driver;
      return entry;
    });
  }

  private news(): string {
    const size = statSync(this.file, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= this.offset) return "";
    const fd = openSync(this.file, "r");
    try {
      const bytes = Buffer.alloc(size - this.offset);
      const whole = bytes.lastIndexOf("\n", readSync(fd, bytes, 0, bytes.length, this.offset)) + 1;
      this.offset += whole;
      return bytes.toString("utf8", 0, whole);
    } finally {
      closeSync(fd);
    }
  }
}
