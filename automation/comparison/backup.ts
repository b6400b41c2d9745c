import type { DatabaseAddress } from "../probes/database";
import { inBoth, withBoth, type Both } from "./both";
import { BUCKETS, countRows, differingBuckets, digestTable } from "./digest";
import { differences, rowMarks, type Difference } from "./marks";
import { schemaOf } from "./schema";
import type { SessionOptions } from "./session";
import { listTables, pairTables, type TablePair } from "./tables";
import { Transactions } from "./transactions";

/** One table of a restored backup, held against the database that it was made of. */
export interface BackedUpTable {
  table: string;
  /** Rows that the backup has. */
  rows: number;
  /** Rows that were at the source when it was made, and that it has not. */
  missing: number;
  /** The same, which it has otherwise. */
  different: number;
}

export interface BackupComparison {
  tables: BackedUpTable[];
  /** Parts of the source's schema that are older than the backup and that it has not, or otherwise. */
  schema: string[];
  /** Where the backup's log began to be read, as in `0/3000148`. */
  lsn: string;
  /** Everything that was there when it was made is in it, as it was. */
  equal: boolean;
  tookMs: number;
}

export interface BackupOptions extends SessionOptions {
  onTable?: (table: BackedUpTable) => void;
}

/** Rows whose transactions are asked for at a time. */
const CHUNK = 500;

/**
 * Holds a restored backup against the database that it was made of, which has gone on since. Rows of the source that a transaction
 * wrote which the backup knows were there when it was made, and must be in it, as they are. What was changed or deleted since is
 * only in the backup, and nobody can say of it what it was. Every row of the backup is read.
 * @param source the active site's @param backup nobody writes the service's data to it
 * @throws ComparisonError, also where a page of either cannot be read
 */
export function compareWithBackup(
  source: DatabaseAddress,
  backup: DatabaseAddress,
  options: BackupOptions = {},
): Promise<BackupComparison> {
  const started = performance.now();
  return withBoth(source, backup, options, async (both) => {
    const transactions = await Transactions.of(both);
    const schema = await schemaDifferences(both, transactions);
    const { pairs } = pairTables(await listTables(both.left), await listTables(both.right));
    const tables: BackedUpTable[] = [];
    for (const pair of pairs) {
      const table = await compareTable(both, pair, transactions);
      tables.push(table);
      options.onTable?.(table);
    }
    const equal = schema.length === 0 && tables.every(({ missing, different }) => missing + different === 0);
    return { tables, schema, lsn: transactions.lsn, equal, tookMs: Math.round(performance.now() - started) };
  });
}

/** A table that the backup has not is in it, with its columns. */
async function schemaDifferences({ left, right }: Both, transactions: Transactions): Promise<string[]> {
  const [ours, theirs] = await Promise.all([schemaOf(left), schemaOf(right)]);
  const suspects = [...ours].filter(([name, { definition }]) => theirs.get(name)?.definition !== definition);
  const old = await transactions.inBackup(suspects.map(([, { xid }]) => xid));
  return suspects.flatMap(([name, { xid }]) => (old.has(xid) ? [name] : [])).sort();
}

/** Buckets that are the same on both sides are done with; in the others it is row by row. */
async function compareTable(both: Both, pair: TablePair, transactions: Transactions): Promise<BackedUpTable> {
  const [left, right] = await Promise.all([digestTable(both.left, pair), digestTable(both.right, pair)]);
  const found: BackedUpTable = { table: pair.name, rows: countRows(right), missing: 0, different: 0 };
  const only = differingBuckets(left, right);
  if (only.length === 0) return found;
  await inBoth(both, "begin isolation level repeatable read, read only");
  try {
    let suspects: Difference[] = [];
    const decide = async (): Promise<void> => {
      const xids = await writersOf(both, pair, suspects);
      const old = await transactions.inBackup([...xids.values()]);
      for (const { left: row, right: other } of suspects) {
        if (old.has(xids.get(row.ctid) ?? "")) found[other ? "different" : "missing"] += 1;
      }
      suspects = [];
    };
    for await (const suspect of differences(rowMarks(both.left, pair, BUCKETS, only), rowMarks(both.right, pair, BUCKETS, only))) {
      suspects.push(suspect);
      if (suspects.length === CHUNK) await decide();
    }
    await decide();
    return found;
  } finally {
    await inBoth(both, "rollback");
  }
}

/** The transactions that wrote rows of the source, by the rows' places. */
async function writersOf({ left }: Both, { name }: TablePair, rows: readonly Difference[]): Promise<Map<string, string>> {
  const found = await left.rows<{ ctid: string; xid: string }>(
    `asking who wrote rows of ${name}`,
    `select t.ctid::text as ctid, t.xmin::text as xid from only ${name} as t where t.ctid = any($1::tid[])`,
    [rows.map((row) => row.left.ctid)],
  );
  return new Map(found.map(({ ctid, xid }) => [ctid, xid]));
}
