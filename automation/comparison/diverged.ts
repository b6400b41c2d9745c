import { positionOf, type DatabaseAddress, type Position } from "../probes/database";
import { inBoth, withBoth, type Both } from "./both";
import { compare } from "./compare";
import { BUCKETS } from "./digest";
import { LinesFile } from "./lines-file";
import { differences, rowMarks, type Difference, type RowMark } from "./marks";
import type { Session, SessionOptions } from "./session";
import { listTables, pairTables, type TablePair } from "./tables";

/**
 * A row that the left side has and the right side has not, or has differently. Rows are JSON as PostgreSQL writes it, on
 * one line, and never parsed: numbers keep all their digits.
 */
export interface DivergedRow {
  table: string;
  /** Columns of the primary key; `null` for a table without one. */
  key: string | null;
  left: string;
  /** `null`: it has no such row. */
  right: string | null;
}

export interface DivergedTable {
  table: string;
  /** Rows that the right side does not have. */
  missing: number;
  /** Rows that the right side has differently. */
  different: number;
}

export interface Diverged {
  file: string;
  /** Rows in the file. */
  rows: number;
  /** Tables with such rows. */
  tables: DivergedTable[];
  tookMs: number;
}

export interface DivergedOptions extends SessionOptions {
  /** Parts that each table is split into by its key. @default 1024 */
  buckets?: number;
  /** After each table that differs. */
  onTable?: (table: DivergedTable) => void;
  /** Snapshot of the right side, by `pg_export_snapshot`, that rows are looked for in. @default what it has by then */
  rightSnapshot?: string | undefined;
  signal?: AbortSignal;
}

const NOTE =
  "Rows that `left` acknowledged and `right` lacks (right is null) or has differently. One that differs may have been changed at " +
  "`right` since the two parted, or be another row that was given the same key there: both are shown. Rows with keys that only " +
  "`right` has were written since, and are not listed.";

/**
 * Writes the diverged rows as JSON lines; the first line tells which databases these are, where in their logs, and when.
 * The file has mode 0600, appears whole or not at all, is on disk when this resolves, and replaces one of an earlier
 * run. Its values may be personal data and go nowhere else.
 * @param left the old active site's database, fenced
 * @param right the new active site's
 * @throws ComparisonError; Error where the file cannot be written
 */
export function writeDiverged(
  left: DatabaseAddress,
  right: DatabaseAddress,
  file: string,
  options: DivergedOptions = {},
): Promise<Diverged> {
  const started = performance.now();
  const tables: DivergedTable[] = [];
  const onTable = (table: DivergedTable): void => {
    if (table.missing + table.different > 0) tables.push(table);
    options.onTable?.(table);
  };
  return withBoth(left, right, options, async (both) => {
    const lines = await LinesFile.create(file);
    try {
      await lines.write(await firstLine(both));
      let rows = 0;
      for await (const row of divergedRows(both, { ...options, onTable })) {
        await lines.write(lineOf(row));
        rows += 1;
      }
      await lines.commit();
      return { file, rows, tables, tookMs: Math.round(performance.now() - started) };
    } finally {
      await lines.close();
    }
  });
}

/** The diverged rows, table by table. Only buckets that differ are gone through, and only rows that differ are fetched. */
export async function* divergedRows(both: Both, options: DivergedOptions = {}): AsyncGenerator<DivergedRow> {
  const { buckets = BUCKETS, onTable, rightSnapshot, signal } = options;
  const compared = await compare(both, { buckets, ...(signal && { signal }) });
  const differing = new Map(compared.tables.filter(({ equal }) => !equal).map((table) => [table.table, table.differingBuckets]));
  const { pairs, onlyLeft } = pairTables(await listTables(both.left), await listTables(both.right));
  const whole = onlyLeft.map((table): TablePair => ({ ...table, columnsOnlyLeft: [], columnsOnlyRight: [] }));

  // One snapshot on each side, so that a row stays where it was found until it is fetched.
  await inBoth(both, "begin isolation level repeatable read, read only");
  try {
    // A name that the server made: no quote is in it, and no parameter may be there.
    if (rightSnapshot !== undefined) await both.right.rows("setting up the snapshot", `set transaction snapshot '${rightSnapshot}'`);
    for (const pair of [...pairs, ...whole]) {
      const only = differing.get(pair.name);
      const missingTable = whole.includes(pair);
      if (!only && !missingTable) continue;
      const left = rowMarks(both.left, pair, buckets, only);
      const right = missingTable ? none() : rowMarks(both.right, pair, buckets, only);
      const found: DivergedTable = { table: pair.name, missing: 0, different: 0 };
      for await (const chunk of chunks(differences(left, right))) {
        signal?.throwIfAborted();
        for (const row of await fetchRows(both, pair, chunk)) {
          found[row.right === null ? "missing" : "different"] += 1;
          yield row;
        }
      }
      onTable?.(found);
    }
  } finally {
    await inBoth(both, "rollback");
  }
}

async function* none(): AsyncGenerator<RowMark[]> {
  // The right side does not have the table.
}

/** What is fetched at a time, whichever comes first; a larger row comes alone. */
const CHUNK_ROWS = 500;
const CHUNK_BYTES = 4 * 1024 * 1024;

async function* chunks(rows: AsyncIterable<Difference>): AsyncGenerator<Difference[]> {
  let chunk: Difference[] = [];
  let bytes = 0;
  for await (const row of rows) {
    const size = row.left.size + (row.right?.size ?? 0);
    if (chunk.length === CHUNK_ROWS || (chunk.length > 0 && bytes + size > CHUNK_BYTES)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(row);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

async function fetchRows({ left, right }: Both, { name, key }: TablePair, chunk: Difference[]): Promise<DivergedRow[]> {
  const [lefts, rights] = await Promise.all([
    fetchAt(
      left,
      name,
      key,
      chunk.map((row) => row.left),
    ),
    fetchAt(
      right,
      name,
      [],
      chunk.flatMap((row) => row.right ?? []),
    ),
  ]);
  return chunk.map((found) => {
    const row = at(lefts, found.left, name);
    return { table: name, key: row.key, left: row.row, right: found.right ? at(rights, found.right, name).row : null };
  });
}

interface Fetched {
  ctid: string;
  row: string;
  key: string | null;
}

async function fetchAt(session: Session, name: string, key: string[], marks: RowMark[]): Promise<Map<string, Fetched>> {
  if (marks.length === 0) return new Map();
  const keyJson =
    key.length > 0 ? `(select row_to_json(k.*)::text from (select ${key.map((column) => `t.${column}`).join(", ")}) as k)` : "null";
  const rows = await session.rows<Fetched>(
    `fetching rows of ${name}`,
    `select t.ctid::text as ctid, row_to_json(t.*)::text as row, ${keyJson} as key from only ${name} as t where t.ctid = any($1::tid[])`,
    [marks.map(({ ctid }) => ctid)],
  );
  return new Map(rows.map((row) => [row.ctid, row]));
}

function at(rows: Map<string, Fetched>, mark: RowMark, table: string): Fetched {
  const row = rows.get(mark.ctid);
  if (!row) throw new Error(`a row of ${table} is no longer where the same snapshot found it`);
  return row;
}

/** The rows are JSON already. */
function lineOf({ table, key, left, right }: DivergedRow): string {
  return `{"table":${JSON.stringify(table)},"key":${oneLine(key)},"left":${oneLine(left)},"right":${oneLine(right)}}`;
}

/** Inside JSON's texts a line break is escaped; outside, where a column of type json may have one, it means nothing. */
function oneLine(json: string | null): string {
  return json?.replace(/[\r\n]+/g, " ") ?? "null";
}

async function firstLine(both: Both): Promise<string> {
  const [left, right] = await Promise.all([positionOf(both.left.client), positionOf(both.right.client)]);
  return JSON.stringify({ at: right.nowAt.toISOString(), left: sideOf(both.left, left), right: sideOf(both.right, right), note: NOTE });
}

function sideOf({ name }: Session, { nowAt: _, ...position }: Position): object {
  return { database: name, ...position };
}
