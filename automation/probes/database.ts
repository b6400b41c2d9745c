import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";
import { ADMIN_OPTIONS, readWrites, type Writes } from "../../guard/writes";

export interface DatabaseAddress {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  /** PEM text of the authority that signed the server's certificate. Without it the connection is encrypted, not verified. */
  ca?: string | undefined;
}

interface Answering {
  /** The server's own clock. A time of this database is compared with this one; the driver's clock may be wrong by an hour. */
  nowAt: Date;
  /** Whether the services may write, and who said so last; `undefined` where nobody has marked it yet. */
  writes?: Writes["mark"];
  /** How long the services may go on to log in, in milliseconds, negative after; `undefined` where it has no end, or is not known. */
  leaseLeftMs?: number | undefined;
}

export type DatabaseState =
  | ({ kind: "primary"; readOnly: boolean; timeline: number } & Answering)
  | ({
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
    } & Answering)
  | { kind: "unreachable"; reason: string };

export interface AdminOptions {
  /** For the connection, in milliseconds. @default 2000 */
  connectTimeoutMs?: number;
  /** For each answer, in milliseconds. @default the connection's */
  queryTimeoutMs?: number;
}

/**
 * A connection of the administrator, not yet open. It may write where the database is set read-only, which is how writes
 * are paused, and stays open while it is idle, which the services' sessions of a frozen site do not. Always TLS. Neither
 * the client nor its errors show the password.
 */
export function adminClient(address: DatabaseAddress, options: AdminOptions = {}): Client {
  return clientTo(address, options, { options: ADMIN_OPTIONS });
}

/**
 * A connection of the administrator as anybody else's: where writes are paused it may only read, and a pause ends it. It never
 * leaves a row in a database that a move is about to leave.
 * @param name what the server calls it; none that begins with `changeover`, which would spare it
 */
export function ordinaryClient(address: DatabaseAddress, name: string, options: AdminOptions = {}): Client {
  return clientTo(address, options, { application_name: name });
}

function clientTo(address: DatabaseAddress, { connectTimeoutMs = 2_000, queryTimeoutMs }: AdminOptions, more: ClientConfig = {}): Client {
  const { ca, ...where } = address;
  const client = new Client({
    ...where,
    ssl: ca === undefined ? { rejectUnauthorized: false } : { ca },
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs ?? connectTimeoutMs,
    keepAlive: true,
    application_name: "changeover-driver",
    ...more,
  });
  // Without a listener, a connection that breaks while nothing is asked ends the process. Who asks next hears of it.
  client.on("error", () => undefined);
  return client;
}

/** Ends a connection without waiting for the goodbye, which a frozen server never answers. */
export function hangUp(client: Client): void {
  void client.end().catch(() => undefined);
}

const STREAMING = "exists (select from pg_stat_wal_receiver where status = 'streaming')";

/** The control file hears of a promotion's timeline at the next checkpoint; the name of the current segment has it at once. */
const TIMELINE = `
  case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
       else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int end`;

const STATE = `
  select pg_is_in_recovery() as recovering,
         current_setting('default_transaction_read_only') = 'on' as read_only,
         ${TIMELINE} as timeline,
         ${STREAMING} as streaming,
         coalesce(pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn(), true) as caught_up,
         pg_last_xact_replay_timestamp() as last_replay,
         extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 as age_ms,
         clock_timestamp() as now_at`;

interface StateRow {
  recovering: boolean;
  read_only: boolean;
  timeline: number;
  streaming: boolean;
  caught_up: boolean;
  last_replay: Date | null;
  age_ms: string | null;
  now_at: Date;
}

/** What a site's database is now. Never throws: a database that cannot be asked is `unreachable`, with the reason. */
export async function probeDatabase(address: DatabaseAddress, timeoutMs = 2_000): Promise<DatabaseState> {
  // Not the administrator's settings: `readOnly` is what the services' sessions get.
  const client = clientTo(address, { connectTimeoutMs: timeoutMs });
  try {
    await client.connect();
    const { rows } = await client.query<StateRow>(STATE);
    const row = rows[0];
    if (!row) return { kind: "unreachable", reason: "no answer" };
    const { mark, leaseLeftMs } = await writesOf(client);
    const answering: Answering = { nowAt: row.now_at, leaseLeftMs, ...(mark && { writes: mark }) };
    if (!row.recovering) return { kind: "primary", readOnly: row.read_only, timeline: row.timeline, ...answering };
    return {
      kind: "replica",
      streaming: row.streaming,
      caughtUp: row.caught_up,
      lastReplayAt: row.last_replay ?? undefined,
      lagMs: row.streaming && row.caught_up ? 0 : Math.max(0, Number(row.age_ms ?? 0)),
      ...answering,
    };
  } catch (error) {
    return { kind: "unreachable", reason: reasonOf(error) };
  } finally {
    hangUp(client);
  }
}

/** A mark that may not be read is none: the database answers all the same, and a failover must not be refused for it. */
async function writesOf(client: Client): Promise<Partial<Writes>> {
  try {
    return await readWrites(client);
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith("42")) return {};
    throw error;
  }
}

/** Where a server is in the write-ahead log. Positions are as PostgreSQL writes them: `0/3000148`. */
export type Position =
  | {
      kind: "primary";
      /** Every acknowledged commit lies before it. */
      flushLsn: string;
      timeline: number;
      nowAt: Date;
    }
  | {
      kind: "replica";
      /** `undefined` where it has not streamed since it started. */
      receiveLsn?: string | undefined;
      replayLsn?: string | undefined;
      streaming: boolean;
      timeline: number;
      nowAt: Date;
    };

const POSITION = `
  select pg_is_in_recovery() as recovering,
         case when not pg_is_in_recovery() then pg_current_wal_flush_lsn() end as flushed,
         pg_last_wal_receive_lsn() as received,
         pg_last_wal_replay_lsn() as replayed,
         ${STREAMING} as streaming,
         ${TIMELINE} as timeline,
         clock_timestamp() as now_at`;

interface PositionRow {
  recovering: boolean;
  flushed: string | null;
  received: string | null;
  replayed: string | null;
  streaming: boolean;
  timeline: number;
  now_at: Date;
}

/**
 * @param where an open connection is left open
 * @throws where the server cannot be asked
 */
export function positionOf(where: DatabaseAddress | Client, options: AdminOptions = {}): Promise<Position> {
  return connected(where, options, async (client) => {
    const { rows } = await client.query<PositionRow>(POSITION);
    const row = rows[0];
    if (!row) throw new Error("no answer");
    const { timeline, now_at: nowAt } = row;
    if (!row.recovering) return { kind: "primary", flushLsn: row.flushed ?? "0/0", timeline, nowAt };
    const { received, replayed, streaming } = row;
    return { kind: "replica", receiveLsn: received ?? undefined, replayLsn: replayed ?? undefined, streaming, timeline, nowAt };
  });
}

export interface ReplayOptions {
  /** Milliseconds, the connection included. */
  timeoutMs: number;
  /** Between two looks, in milliseconds. @default 10 */
  everyMs?: number;
  /** After each look that was too early. */
  onLag?: (lag: ReplayLag) => void;
  signal?: AbortSignal;
}

export interface ReplayLag {
  replayLsn: string;
  /** WAL that is still to be replayed. */
  bytes: number;
}

export interface Replayed {
  replayLsn: string;
  /** From the call on, in milliseconds. */
  tookMs: number;
  polls: number;
}

/** The replica did not get there in time. */
export class ReplayTimeout extends Error {}

const REPLAY = `
  select recovering, replayed, replayed >= $1::pg_lsn as reached, ($1::pg_lsn - replayed)::text as bytes
    from (select pg_is_in_recovery() as recovering, pg_last_wal_replay_lsn() as replayed) as now`;

interface ReplayRow {
  recovering: boolean;
  replayed: string | null;
  reached: boolean | null;
  bytes: string | null;
}

/**
 * Resolves as soon as the replica has replayed the position. A replica that was promoted after it had got there still counts.
 * @param where in the pause of a switchover an open connection, which saves its making; it is left open
 * @throws ReplayTimeout; Error where it is no replica, or was promoted too early
 */
export function waitForReplay(where: DatabaseAddress | Client, lsn: string, options: ReplayOptions): Promise<Replayed> {
  const { timeoutMs, everyMs = 10, onLag, signal } = options;
  const started = performance.now();
  return connected(where, { connectTimeoutMs: timeoutMs }, async (client) => {
    for (let polls = 1; ; polls++) {
      signal?.throwIfAborted();
      const { rows } = await client.query<ReplayRow>({ name: "changeover-replay", text: REPLAY, values: [lsn] });
      const { recovering, replayed, reached, bytes } = rows[0] ?? { recovering: false, replayed: null, reached: null, bytes: null };
      const tookMs = performance.now() - started;
      if (replayed === null) throw new Error(`${client.host} is not a replica: it has replayed nothing`);
      if (reached) return { replayLsn: replayed, tookMs, polls };
      if (!recovering) throw new Error(`${client.host} was promoted at ${replayed}, ${bytes ?? "?"} bytes before ${lsn}`);
      if (tookMs > timeoutMs) {
        throw new ReplayTimeout(`${client.host} has replayed up to ${replayed} after ${timeoutMs} ms: ${bytes ?? "?"} bytes before ${lsn}`);
      }
      onLag?.({ replayLsn: replayed, bytes: Number(bytes) });
      await sleep(everyMs, undefined, { signal });
    }
  });
}

async function connected<T>(where: DatabaseAddress | Client, options: AdminOptions, work: (client: Client) => Promise<T>): Promise<T> {
  if (where instanceof Client) return work(where);
  const client = adminClient(where, options);
  try {
    await client.connect();
    return await work(client);
  } finally {
    hangUp(client);
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return [code, message].filter(Boolean).join(": ") || String(error);
}
