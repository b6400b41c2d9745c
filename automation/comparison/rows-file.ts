import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { BadInput } from "../../topology/errors";

/** Lines about one table, in the order of the file. They are JSON and stay text: numbers keep all their digits. */
export interface Batch {
  table: string;
  lines: string[];
}

/** What a file of diverged rows has of one table. */
export interface RowCounts {
  /** Rows that the database which was left has alone. */
  missing: number;
  /** Rows that the two have differently. */
  different: number;
}

const BATCH_ROWS = 500;
const BATCH_CHARACTERS = 4 * 1024 * 1024;

interface Line {
  table: string;
  left: unknown;
  right: unknown;
}

/** Counts what a file has, by table. @throws BadInput where it is no such file */
export async function countRows(file: string): Promise<Map<string, RowCounts>> {
  const counts = new Map<string, RowCounts>();
  for await (const { line } of linesOf(file)) {
    const count = counts.get(line.table) ?? { missing: 0, different: 0 };
    counts.set(line.table, count);
    count[line.right === null ? "missing" : "different"] += 1;
  }
  return counts;
}

/** Rows that the database which was left has alone, in batches of one table each. @throws BadInput where it is no such file */
export async function* missingRows(file: string, tables: ReadonlySet<string>): AsyncGenerator<Batch> {
  let batch: Batch | undefined;
  let size = 0;
  for await (const { line, text } of linesOf(file)) {
    if (line.right !== null || !tables.has(line.table)) continue;
    if (batch && (batch.table !== line.table || batch.lines.length === BATCH_ROWS || size + text.length > BATCH_CHARACTERS)) {
      yield batch;
      batch = undefined;
    }
    if (!batch) {
      batch = { table: line.table, lines: [] };
      size = 0;
    }
    batch.lines.push(text);
    size += text.length;
  }
  if (batch) yield batch;
}

/** All lines but the first, which tells where they are from. */
async function* linesOf(file: string): AsyncGenerator<{ line: Line; text: string }> {
  const wrong = (message: string): BadInput => new BadInput([{ path: "--rows", value: file, message }]);
  const stream = createReadStream(file, "utf8");
  try {
    let number = 0;
    for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
      number += 1;
      const line = parsed(text);
      const right = number === 1 ? isHead(line) : isLine(line);
      if (!right) throw wrong(`a file that a restore or a re-protection wrote: its line ${number} is none of such a file`);
      if (number > 1) yield { line: line as Line, text };
    }
    if (number === 0) throw wrong("a file that a restore or a re-protection wrote: it is empty");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES" || code === "EISDIR") throw wrong(`a file that can be read: ${(error as Error).message}`);
    throw error;
  } finally {
    stream.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isHead(line: unknown): boolean {
  return typeof line === "object" && line !== null && "at" in line && "note" in line;
}

function isLine(line: unknown): boolean {
  return typeof line === "object" && line !== null && typeof (line as Line).table === "string" && "left" in line && "right" in line;
}
