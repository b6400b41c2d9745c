import type { Client, QueryResultRow } from "pg";
import { adminClient, hangUp, type DatabaseAddress } from "../probes/database";

/** A read-only session whose values look the same as those of any other such session. */
export interface Session {
  /** `host:port/database`, for messages. */
  readonly name: string;
  readonly client: Client;
  /** It was a replica when the session began. */
  readonly recovering: boolean;
  /** @param what in the words of the error: `counting public.payments` @throws ComparisonError */
  rows<T extends QueryResultRow>(what: string, text: string, values?: unknown[]): Promise<T[]>;
  end(): void;
}

export interface SessionOptions {
  /** Milliseconds. @default 5000 */
  connectTimeoutMs?: number;
  /** For each query, which may have to read a whole table; milliseconds. @default 300000 */
  statementTimeoutMs?: number;
}

/** What went wrong and where. Never has a value of a row: messages of the server that may quote one are left out. */
export class ComparisonError extends Error {
  constructor(
    readonly what: string,
    readonly database: string,
    /** SQLSTATE, where the server sent one. */
    readonly code: string | undefined,
    reason: string,
  ) {
    super(`${what} at ${database}: ${reason}`);
    this.name = "ComparisonError";
  }
}

/**
 * Everything that decides how a value becomes text; without `search_path` nothing but PostgreSQL's own functions is
 * found, and `row_security` off makes a table whose policies would hide rows an error.
 */
const SETTINGS: Record<string, string> = {
  default_transaction_read_only: "on",
  timezone: "UTC",
  datestyle: "ISO, YMD",
  intervalstyle: "postgres",
  extra_float_digits: "3",
  bytea_output: "hex",
  lc_monetary: "C",
  quote_all_identifiers: "off",
  xmlbinary: "base64",
  search_path: "",
  row_security: "off",
  idle_in_transaction_session_timeout: "0",
  // Compiling the query costs more than it saves here.
  jit: "off",
};

/** Classes of SQLSTATE whose messages name objects and circumstances, never values. */
const SAFE_TO_QUOTE = new Set(["08", "25", "28", "3D", "40", "42", "53", "55", "57", "58"]);

/** Opens a session. @throws ComparisonError */
export async function openSession(address: DatabaseAddress, options: SessionOptions = {}): Promise<Session> {
  const { connectTimeoutMs = 5_000, statementTimeoutMs = 300_000 } = options;
  const name = `${address.host}:${address.port}/${address.database}`;
  // The server's own time-out comes first and leaves the session usable.
  const client = adminClient(address, { connectTimeoutMs, queryTimeoutMs: statementTimeoutMs + 5_000 });
  const guarded = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw described(error, what, name);
    }
  };
  const rows: Session["rows"] = async <T extends QueryResultRow>(what: string, text: string, values: unknown[] = []) =>
    (await guarded(what, () => client.query<T>(text, values))).rows;
  const end = (): void => {
    hangUp(client);
  };
  try {
    await guarded("connecting", () => client.connect());
    const settings = { ...SETTINGS, statement_timeout: String(statementTimeoutMs) };
    const [row] = await rows<{ recovering: boolean }>(
      "setting up the session",
      `select pg_is_in_recovery() as recovering, count(set_config(name, value, false))
         from jsonb_each_text($1) as setting(name, value)`,
      [JSON.stringify(settings)],
    );
    return { name, client, recovering: row?.recovering ?? false, rows, end };
  } catch (error) {
    end();
    throw error;
  }
}

function described(error: unknown, what: string, database: string): Error {
  const { code, message, severity } = error as { code?: string; message: string; severity?: string };
  // What comes from the server has a severity; the rest is about the connection.
  const quotable = severity === undefined || SAFE_TO_QUOTE.has((code ?? "").slice(0, 2));
  return new ComparisonError(
    what,
    database,
    severity === undefined ? undefined : code,
    quotable ? message : `SQLSTATE ${code ?? "unknown"}`,
  );
}
