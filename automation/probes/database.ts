import { Client } from "pg";

export interface DatabaseAddress {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  /** PEM text of the authority that signed the server's certificate. Without it the connection is encrypted, not verified. */
  ca?: string | undefined;
}

export type DatabaseState =
  | { kind: "primary"; readOnly: boolean; timeline: number }
  | {
      kind: "replica";
      /** Connected to its source now. */
      streaming: boolean;
      /** Everything received is also replayed. */
      caughtUp: boolean;
      /** Commit time of the last replayed transaction; `undefined` where none was replayed since it started. */
      lastReplayAt?: Date | undefined;
      /**
       * How far behind its source it is, in milliseconds: 0 while it streams and has replayed all, else the age of the
       * last replayed transaction. PostgreSQL documentation, 'Recovery Information Functions'.
       */
      lagMs: number;
    }
  | { kind: "unreachable"; reason: string };

const QUERY = `
  select pg_is_in_recovery() as recovering,
         current_setting('default_transaction_read_only') = 'on' as read_only,
         (select timeline_id from pg_control_checkpoint()) as timeline,
         exists (select from pg_stat_wal_receiver where status = 'streaming') as streaming,
         coalesce(pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn(), true) as caught_up,
         pg_last_xact_replay_timestamp() as last_replay,
         extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 as age_ms`;

interface Row {
  recovering: boolean;
  read_only: boolean;
  timeline: number;
  streaming: boolean;
  caught_up: boolean;
  last_replay: Date | null;
  age_ms: string | null;
}

/** What a site's database is now. Never throws: a database that cannot be asked is `unreachable`, with the reason. */
export async function probeDatabase(address: DatabaseAddress, timeoutMs = 2_000): Promise<DatabaseState> {
  const { ca, ...where } = address;
  const client = new Client({
    ...where,
    ssl: ca === undefined ? { rejectUnauthorized: false } : { ca },
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    application_name: "changeover",
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<Row>(QUERY);
    const row = rows[0];
    if (!row) return { kind: "unreachable", reason: "no answer" };
    if (!row.recovering) return { kind: "primary", readOnly: row.read_only, timeline: row.timeline };
    return {
      kind: "replica",
      streaming: row.streaming,
      caughtUp: row.caught_up,
      lastReplayAt: row.last_replay ?? undefined,
      lagMs: row.streaming && row.caught_up ? 0 : Math.max(0, Number(row.age_ms ?? 0)),
    };
  } catch (error) {
    return { kind: "unreachable", reason: reasonOf(error) };
  } finally {
    await client.end().catch(() => undefined);
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return [code, message].filter(Boolean).join(": ") || String(error);
}
