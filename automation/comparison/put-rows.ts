import type { Client } from "pg";
import { Stopped } from "../errors";
import { hangUp, ordinaryClient, type DatabaseAddress } from "../probes/database";
import type { StepList } from "../steps";
import { missingRows } from "./rows-file";

export interface PutOptions {
  /** A query whose one value is true where the data are sound: with the rows in, or none is put in. */
  check?: string | undefined;
  /** What the server calls the session. */
  name: string;
  steps: StepList;
}

/** For one statement, which may put a whole table in, in milliseconds. */
const STATEMENT_MS = 300_000;
const FOREIGN_KEY = "23503";
const READ_ONLY = "25006";

/**
 * Puts the rows of a file that `right` lacked into a database, all of them or none. One whose key is taken, or another value
 * that may be there only once, stays out.
 * @param file as `writeDiverged` writes it @param tables names as the file has them
 * @returns rows that were put in, by table
 * @throws BadInput where it is no such file; Stopped where the database, or the check, does not take them
 */
export async function putRows(
  address: DatabaseAddress,
  file: string,
  tables: readonly string[],
  options: PutOptions,
): Promise<Map<string, number>> {
  const { check, name, steps } = options;
  const client = ordinaryClient(address, name, { queryTimeoutMs: STATEMENT_MS });
  try {
    await client.connect();
    await client.query("begin");
    await stage(client, file, tables, steps);
    const inserted = await insertAll(client, tables, steps);
    if (check !== undefined) {
      steps.start("check", "Ask the check");
      if (!(await holds(client, check))) {
        throw new Stopped(
          "the check does not hold with these rows in: none was put in",
          "choose tables with --table, or look at the rows in the file",
        );
      }
      steps.done("check", "it holds");
    }
    await client.query("commit");
    return inserted;
  } catch (error) {
    throw isServers(error) ? refusedBy(error) : error;
  } finally {
    hangUp(client);
  }
}

/** The rows, as they are in the file, in a table of this transaction. */
async function stage(client: Client, file: string, tables: readonly string[], steps: StepList): Promise<void> {
  steps.start("read", "Read the rows");
  // What a value looked like as text was decided by these.
  await client.query("set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local lc_monetary = 'C'");
  await client.query("create temporary table rows_left (place bigint generated always as identity, name text, line json) on commit drop");
  for await (const { table, lines } of missingRows(file, new Set(tables))) {
    await client.query(
      `insert into pg_temp.rows_left (name, line)
       select $1, line::json from unnest($2::text[]) with ordinality as given(line, n) order by n`,
      [table, lines],
    );
  }
  steps.done("read");
}

/** Table after table; one whose rows refer to rows of another that are not in yet comes after it. */
async function insertAll(client: Client, tables: readonly string[], steps: StepList): Promise<Map<string, number>> {
  const inserted = new Map<string, number>();
  let waiting = tables;
  while (waiting.length > 0) {
    const later: string[] = [];
    let reason: unknown;
    for (const table of waiting) {
      steps.start(table, `Put rows into ${table}`);
      await client.query("savepoint one_table");
      try {
        const count = await insertInto(client, table);
        inserted.set(table, count);
        steps.done(table, `${count} rows`);
      } catch (error) {
        if ((error as ServersError).code !== FOREIGN_KEY) throw error;
        await client.query("rollback to savepoint one_table");
        reason = error;
        later.push(table);
      }
    }
    if (later.length === waiting.length) throw reason;
    waiting = later;
  }
  return inserted;
}

/** Columns that the file does not have keep their defaults; generated ones are computed. */
async function insertInto(client: Client, table: string): Promise<number> {
  const { rows } = await client.query<{ column: string }>(
    `select quote_ident(attname) as column
       from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''
        and attname in (select json_object_keys(line -> 'left') from (select line from pg_temp.rows_left where name = $2 limit 1) as first)
      order by attnum`,
    [table, table],
  );
  const columns = rows.map(({ column }) => column);
  if (columns.length === 0) return 0;
  const { rowCount } = await client.query(
    `insert into ${table} (${columns.join(", ")}) overriding system value
     select ${columns.map((column) => `filled.${column}`).join(", ")}
       from pg_temp.rows_left as given, json_populate_record(null::${table}, given.line -> 'left') as filled
      where given.name = $1
      order by given.place
     on conflict do nothing`,
    [table],
  );
  return rowCount ?? 0;
}

async function holds(client: Client, check: string): Promise<boolean> {
  const { rows } = await client.query<Record<string, unknown>>(check);
  const values = rows.flatMap((row) => Object.values(row));
  return values.length === 1 && values[0] === true;
}

/** What the server says. Its message may quote a value; its code, and the names beside it, do not. */
interface ServersError extends Error {
  severity: string;
  code: string;
  table?: string;
  constraint?: string;
}

function isServers(error: unknown): error is ServersError {
  return error instanceof Error && "severity" in error && "code" in error;
}

function refusedBy(error: ServersError): Stopped {
  const { code, table, constraint } = error;
  if (code === READ_ONLY || code.startsWith("57P")) {
    return new Stopped(
      "writes are paused or fenced there: none of the rows was put in",
      "changeover status; when writes are open, the same command",
    );
  }
  const where = [table, constraint].filter((name) => name !== undefined).join(", ");
  return new Stopped(
    `the database does not take the rows: SQLSTATE ${code}${where === "" ? "" : ` (${where})`}; none was put in`,
    "choose other tables with --table, or mend the rows and put them in by hand",
  );
}
