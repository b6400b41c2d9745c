import { ComparisonError, type Session } from "./session";

/** Rows of one bucket. */
export interface Bucket {
  rows: number;
  /** Sum of the rows' hashes, as text: it has more digits than a number. */
  sum: string;
}

/** Buckets that have rows, by number. */
export type Digest = Map<number, Bucket>;

/** What is hashed: columns as SQL names them. */
export interface Hashed {
  name: string;
  columns: string[];
  /** Empty: the whole row is its own key. */
  key: string[];
}

export const BUCKETS = 1024;

/** A replica ends queries that hold its replay up; then the same query is asked again. */
const CANCELLED_BY_REPLAY = "40001";
const ATTEMPTS = 3;

/** The row, or some of its columns, as text. Told apart: null and the empty text, and where a value ends. */
function asText(columns: string[]): string {
  return `row(${columns.map((column) => `t.${column}`).join(", ")})::text`;
}

/**
 * SQL for the number of a row's bucket and the texts of its key and itself; for a table without key the key is the row.
 * md5, because it gives the same on every server and version; against chance, not against an attacker.
 */
export function hashExpressions({ columns, key }: Hashed, buckets: number): { key: string; row: string; bucket: string } {
  const row = asText(columns);
  const keyText = key.length > 0 ? asText(key) : row;
  return { key: keyText, row, bucket: `('x' || left(md5(${keyText}), 7))::bit(28)::int % ${buckets}` };
}

/**
 * Count and checksum of a table, by bucket of the key, in one query. The checksum does not depend on the order of the
 * rows: it adds up 64 bits of each row's hash, so that two rows that are the same do not cancel each other out.
 * @param only the buckets to ask for; default all
 * @throws ComparisonError
 */
export async function digestTable(session: Session, table: Hashed, buckets = BUCKETS, only?: Iterable<number>): Promise<Digest> {
  const { row, bucket } = hashExpressions(table, buckets);
  const text = `
    select ${bucket} as bucket, count(*) as rows, sum(('x' || left(md5(${row}), 16))::bit(64)::bigint)::text as sum
      from only ${table.name} as t
     ${only ? `where ${bucket} = any($1::int[])` : ""}
     group by 1`;
  for (let attempt = 1; ; attempt++) {
    try {
      const rows = await session.rows<{ bucket: number; rows: string; sum: string }>(
        `comparing ${table.name}`,
        text,
        only ? [[...only]] : [],
      );
      return new Map(rows.map((found) => [found.bucket, { rows: Number(found.rows), sum: found.sum }]));
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof ComparisonError) || error.code !== CANCELLED_BY_REPLAY) throw error;
    }
  }
}

/** Whether a bucket is the same on both sides, where a side that lacks it has no rows of it. */
export function sameBucket(left: Bucket | undefined, right: Bucket | undefined): boolean {
  return left?.rows === right?.rows && left?.sum === right?.sum;
}

export function differingBuckets(left: Digest, right: Digest): number[] {
  return [...new Set([...left.keys(), ...right.keys()])].filter((b) => !sameBucket(left.get(b), right.get(b))).sort((a, b) => a - b);
}

export function countRows(digest: Digest): number {
  let rows = 0;
  for (const bucket of digest.values()) rows += bucket.rows;
  return rows;
}
