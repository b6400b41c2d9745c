import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** One attempt of a write, as its client saw it end. */
export interface Attempt {
  key: string;
  service: string;
  tier: number;
  /** Which attempt of this key it was, from 1. */
  attempts: number;
  /** When it was sent: milliseconds since 1970, and of the machine's monotonic clock. */
  at: number;
  monotonicMs: number;
  tookMs: number;
  outcome: "acknowledged" | "refused" | "timeout" | "error";
  /** HTTP status, where there was an answer. */
  status?: number;
  /** What went wrong. */
  error?: string;
  /** When the acknowledgement came, and what it said. */
  ackAt?: number;
  site?: string;
  epoch?: number;
  created?: boolean;
}

/** An acknowledged attempt. */
export type Acknowledgement = Attempt & Required<Pick<Attempt, "ackAt" | "site" | "epoch" | "created">>;

export function isAcknowledged(attempt: Attempt): attempt is Acknowledgement {
  return attempt.outcome === "acknowledged";
}

/** Where attempts are written down. Each line is handed to the kernel before `add` returns, so a killed client forgets nothing. */
export class Ledger {
  private readonly file: number;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.file = openSync(path, "a");
  }

  add(attempt: Attempt): void {
    writeSync(this.file, `${JSON.stringify(attempt)}\n`);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** Attempts in a ledger, oldest end first. A last line that was cut short is left out. */
export function readLedger(path: string): Attempt[] {
  const lines = readFileSync(path, "utf8").split("\n");
  // After the last newline comes nothing, or what a killed client could not finish.
  lines.pop();
  return lines.map((line) => JSON.parse(line) as Attempt);
}
