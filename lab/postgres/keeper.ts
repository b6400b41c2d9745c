import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Archive } from "./archive";
import type { Upstream } from "./configuration";
import type { PostgresServer } from "./server";

/** When backups are made. Times in ms. */
export interface BackupTimes {
  /** From the moment that an instance takes writes to its first base backup, so that a failover is over before. */
  firstAfterMs: number;
  /** Between base backups. */
  everyMs: number;
  /** Between two moments up to which the WAL is archived. */
  markEveryMs: number;
}

export const DEFAULT_TIMES: BackupTimes = { firstAfterMs: 5_000, everyMs: 5 * 60_000, markEveryMs: 3_000 };

const DAY_MS = 86_400_000;
/** From a base backup that failed to the next attempt. */
const RETRY_MS = 10_000;
/** How long the archiver may take before the next mark has to wait for it. */
const ARCHIVE_PATIENCE_MS = 1_000;

/** Makes the automated backups of one instance while it takes writes. */
export class BackupKeeper {
  private readonly stopped = new AbortController();
  private nextBaseAt: number;
  private copying: Promise<void> | undefined;
  private lastTrouble = "";
  private readonly running: Promise<void>;

  /**
   * @param paused whether nothing can be done just now: the region is lost, the server is down
   * @param self the server as a base backup connects to it
   */
  constructor(
    private readonly server: PostgresServer,
    readonly archive: Archive,
    private readonly self: Upstream,
    private readonly times: BackupTimes,
    /** Days, `BackupRetentionPeriod`. */
    private readonly retention: () => number,
    private readonly paused: () => boolean,
    private readonly log: (message: string) => void,
  ) {
    this.nextBaseAt = Date.now() + times.firstAfterMs;
    this.running = this.keep();
  }

  /** Whoever ends the server's tools before has not to wait for a base backup. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
    await this.copying;
  }

  private over(): boolean {
    return this.stopped.signal.aborted;
  }

  private async keep(): Promise<void> {
    while (!this.over()) {
      await sleep(this.times.markEveryMs, undefined, { signal: this.stopped.signal }).catch(() => undefined);
      if (this.over() || this.paused()) continue;
      if (!this.copying && this.nextBaseAt <= Date.now()) {
        this.nextBaseAt = Date.now() + RETRY_MS;
        this.copying = this.attempt(() => this.takeBase()).finally(() => {
          this.copying = undefined;
        });
      }
      await this.attempt(() => this.advance());
    }
  }

  /** What goes wrong is tried again at the next turn, and logged once. */
  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.lastTrouble = "";
    } catch (error) {
      const { message } = error as Error;
      if (this.over() || this.paused() || message === this.lastTrouble) return;
      this.lastTrouble = message;
      this.log(`automated backups: ${message}`);
    }
  }

  private async takeBase(): Promise<void> {
    const began = Date.now();
    const name = new Date(began).toISOString().replace(/[:.]/g, "-");
    const unfinished = this.archive.baseFolder(`.${name}`);
    await this.server.copyQuietly(this.self, unfinished).catch((error: unknown) => {
      rmSync(unfinished, { recursive: true, force: true });
      throw error;
    });
    const label = readFileSync(join(unfinished, "backup_label"), "utf8");
    const firstWal = /^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)/m.exec(label)?.[1];
    if (firstWal === undefined) throw new Error(`${unfinished}/backup_label names no WAL segment`);
    renameSync(unfinished, this.archive.baseFolder(name));
    // The clock has moved on by then, so that the moment is behind all that the backup holds.
    const completedAt = Date.now() + 1;
    this.archive.bases.push({ name, firstWal, completedAt });
    this.archive.prune(completedAt - this.retention() * DAY_MS);
    this.nextBaseAt = completedAt + this.times.everyMs;
    this.log(`base backup ${name} after ${completedAt - began} ms`);
  }

  /**
   * Has all WAL archived up to now, and a commit after now with it: PostgreSQL takes a moment for reached only when it
   * sees a commit after it, and a server that nobody writes to has none.
   */
  private async advance(): Promise<void> {
    const at = Date.now();
    const wal = await this.server.admin(async (s) => {
      await s.run("SELECT pg_current_xact_id()");
      return (await s.rows<{ wal: string }>("SELECT pg_walfile_name(pg_switch_wal()) AS wal"))[0]?.wal;
    });
    if (wal === undefined) return;
    const file = join(this.archive.walFolder, wal);
    const deadline = at + ARCHIVE_PATIENCE_MS;
    while (!existsSync(file) && !this.over()) {
      if (Date.now() > deadline) throw new Error(`WAL segment ${wal} is not archived ${ARCHIVE_PATIENCE_MS} ms after it was complete`);
      await sleep(20);
    }
    if (!this.over()) this.archive.mark = { at, wal };
  }
}
