import { hashExpressions, type Hashed } from "./digest";
import type { Session } from "./session";

/** A row without its values. */
export interface RowMark {
  /** Hash of its key, as a UUID: PostgreSQL sorts these fast, and their text sorts as they do. */
  key: string;
  /** Hash of the row. */
  row: string;
  /** Where it is stored, which stays so for the transaction's snapshot. */
  ctid: string;
  /** Length of the row as text, in bytes. */
  size: number;
}

/** Rows that are fetched at a time. */
const BATCH = 2_000;

/**
 * The marks of a table's rows, some at a time, ordered by key, through a cursor of the session's transaction. Of rows that are the
 * same, in a table without key, those that were written first come first.
 * @param only buckets; `undefined` for all
 */
export async function* rowMarks(
  session: Session,
  table: Hashed,
  buckets: number,
  only: readonly number[] | undefined,
): AsyncGenerator<RowMark[]> {
  const { key, row, bucket } = hashExpressions(table, buckets);
  const what = `listing rows of ${table.name}`;
  // One that was not gone through to its end is open still.
  await session.rows(what, "close all");
  // `offset 0` keeps PostgreSQL from working out the texts once for each use of them.
  await session.rows(
    what,
    `declare row_marks no scroll cursor for
       select md5(key)::uuid as key, md5(row)::uuid as row, ctid::text as ctid, octet_length(row) as size
         from (select ${key} as key, ${row} as row, t.ctid as ctid, age(t.xmin) as age
                 from only ${table.name} as t
                ${only ? `where ${bucket} = any('{${only.join()}}'::int[])` : ""}
               offset 0) as texts
        order by 1, age desc`,
  );
  for (let fetched = BATCH; fetched === BATCH;) {
    const rows = await session.rows<RowMark & Record<string, unknown>>(what, `fetch ${BATCH} from row_marks`);
    fetched = rows.length;
    yield rows;
  }
}

/** A row that the left side has and the right side has not, or not like this. */
export interface Difference {
  left: RowMark;
  right: RowMark | undefined;
}

/**
 * Goes through two tables at once, both in the order of their keys. Of rows without key, each on the left is matched
 * with one on the right: three of a kind against two are one difference.
 */
export async function* differences(left: AsyncIterable<RowMark[]>, right: AsyncIterable<RowMark[]>): AsyncGenerator<Difference> {
  const [lefts, rights] = [new Reader(left), new Reader(right)];
  await Promise.all([lefts.fill(), rights.fill()]);
  while (lefts.current) {
    const [one, other] = [lefts.current, rights.current];
    if (!other || one.key < other.key) {
      yield { left: one, right: undefined };
      lefts.advance();
    } else if (other.key < one.key) {
      rights.advance();
    } else {
      if (other.row !== one.row) yield { left: one, right: other };
      lefts.advance();
      rights.advance();
    }
    // Millions of rows: nothing is awaited but what has to be fetched.
    if (lefts.empty || rights.empty) await Promise.all([lefts.fill(), rights.fill()]);
  }
}

/** One mark after the other out of batches. */
class Reader {
  private readonly batches: AsyncIterator<RowMark[]>;
  private batch: RowMark[] = [];
  private place = 0;
  private done = false;

  constructor(batches: AsyncIterable<RowMark[]>) {
    this.batches = batches[Symbol.asyncIterator]();
  }

  /** `undefined` at the end, and where it is `empty`. */
  get current(): RowMark | undefined {
    return this.batch[this.place];
  }

  /** There may be more, and it is to be filled. */
  get empty(): boolean {
    return !this.done && this.current === undefined;
  }

  advance(): void {
    this.place += 1;
  }

  async fill(): Promise<void> {
    while (this.empty) {
      const next = await this.batches.next();
      if (next.done) this.done = true;
      else [this.batch, this.place] = [next.value, 0];
    }
  }
}
