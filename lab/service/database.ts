import { Pool, type PoolClient, type QueryConfig, type QueryResult, type QueryResultRow } from "pg";

export interface DatabaseOptions {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  /** PEM text of the authority that the server's certificate must come from; empty: encrypted, not verified. */
  ca: string;
  /** Shown in `pg_stat_activity`. */
  application: string;
}

export interface WriteRow {
  key: string;
  service: string;
  site: string;
  epoch: number;
  body: unknown;
}

/** What a caller can act on; everything else that goes wrong is `unavailable`. */
export type Refusal = "read-only" | "not-permitted" | "unavailable";

const READ_ONLY = "25006";
const NO_TABLE = "42P01";
const NOT_PERMITTED = new Set(["42501", "28P01", "28000", "3D000"]);
/** Two creators at once: the loser sees a duplicate table, type or catalogue row. */
const EXISTS_ALREADY = new Set(["42P07", "42710", "23505"]);
/** Class of the states of a server that starts up or shuts down: it answers, but serves nobody. */
const NOT_SERVING = "57P";

const CREATE_TABLE = `
  create table if not exists writes (
    id bigint generated always as identity primary key,
    key text not null unique,
    service text not null,
    site text not null,
    epoch int not null,
    body jsonb not null,
    written_at timestamptz not null default now()
  )`;

/** After a refused login nobody tries again for so long: the answer would be the same, and a login costs both sides a handshake. */
const LOGIN_AGAIN_MS = 250;

/** The service's database: few connections, and no wait longer than two seconds on any of them. */
export class Database {
  private readonly pool: Pool;
  private refused: { error: Error; until: number } | undefined;

  /** @param onFault an idle connection broke; the pool makes a new one when it needs it */
  constructor(options: DatabaseOptions, onFault: (error: Error) => void) {
    const { ca, host, port, database, user, password, application } = options;
    this.pool = new Pool({
      host,
      port,
      database,
      user,
      password,
      application_name: application,
      // With no authority given, an empty list keeps Node from loading its own, which nothing would be checked against.
      // `host` is what the certificate is checked for: pg names it to TLS only when it is no IP address.
      ssl: ca === "" ? { ca: [], rejectUnauthorized: false } : { ca, host, minVersion: "TLSv1.3" },
      max: 2,
      connectionTimeoutMillis: 2_000,
      query_timeout: 2_000,
      statement_timeout: 2_000,
      lock_timeout: 1_500,
      // Sooner than the server ends idle sessions (guard.lease in topology.yaml), so that no request meets one that is being ended.
      idleTimeoutMillis: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 1_000,
    });
    this.pool.on("error", onFault);
  }

  /** Whether a server answers, be it with a refusal to let us in. */
  async answers(): Promise<boolean> {
    try {
      await this.query("select 1");
      return true;
    } catch (error) {
      const state = sqlState(error);
      return state !== undefined && !state.startsWith(NOT_SERVING);
    }
  }

  /** @throws where a query does not succeed */
  async writable(): Promise<boolean> {
    const { rows } = await this.query<{ writable: boolean }>(
      "select not pg_is_in_recovery() and not current_setting('transaction_read_only')::bool as writable",
    );
    return rows[0]?.writable === true;
  }

  /** Makes the table where that is allowed and needed. */
  async prepare(): Promise<void> {
    try {
      await this.query(CREATE_TABLE);
    } catch (error) {
      if (!EXISTS_ALREADY.has(sqlState(error) ?? "")) throw error;
    }
  }

  /** Resolves after the commit. @returns whether the row is new */
  async write(row: WriteRow): Promise<boolean> {
    const insert = (): Promise<QueryResult> =>
      this.query({
        name: "write",
        text: "insert into writes (key, service, site, epoch, body) values ($1, $2, $3, $4, $5) on conflict (key) do nothing returning id",
        values: [row.key, row.service, row.site, row.epoch, JSON.stringify(row.body)],
      });
    let result: QueryResult;
    try {
      result = await insert();
    } catch (error) {
      if (sqlState(error) !== NO_TABLE) throw error;
      await this.prepare();
      result = await insert();
    }
    return result.rowCount === 1;
  }

  async read(key: string): Promise<unknown> {
    try {
      const { rows } = await this.query<Record<string, unknown>>({
        name: "read",
        text: `select id::text, key, service, site, epoch, body, written_at as "writtenAt" from writes where key = $1`,
        values: [key],
      });
      return rows[0];
    } catch (error) {
      if (sqlState(error) === NO_TABLE) return undefined;
      throw error;
    }
  }

  /**
   * The pool's own `query` drops the connection at every error. A server that refuses a write is well: with a new
   * connection for each refusal, a standby under load would do little but make them.
   */
  private async query<R extends QueryResultRow>(query: string | QueryConfig): Promise<QueryResult<R>> {
    const client = await this.logIn();
    try {
      const result = await client.query<R>(query);
      client.release();
      return result;
    } catch (error) {
      const state = sqlState(error);
      client.release(state === undefined || state.startsWith(NOT_SERVING));
      throw error;
    }
  }

  private async logIn(): Promise<PoolClient> {
    if (this.refused && performance.now() < this.refused.until) throw this.refused.error;
    try {
      return await this.pool.connect();
    } catch (error) {
      if (sqlState(error) !== undefined) this.refused = { error: error as Error, until: performance.now() + LOGIN_AGAIN_MS };
      throw error;
    }
  }

  end(): Promise<void> {
    return this.pool.end();
  }
}

export function refusalOf(error: unknown): Refusal {
  const state = sqlState(error);
  if (state === READ_ONLY) return "read-only";
  return state !== undefined && NOT_PERMITTED.has(state) ? "not-permitted" : "unavailable";
}

/** SQLSTATE of an answer of the server; `undefined` where no server answered. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("severity" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
