import type { PostgresServer } from "./server";

/** What is known of a replica's distance to its source, for `lab status`. */
export interface Replication {
  /** `streaming`; `disconnected`: the source does not send; `cut`: a test holds it; `unreachable`: the replica does not answer. */
  state: "streaming" | "disconnected" | "cut" | "unreachable";
  /** TLS version of the stream, as the source reports it. */
  tls?: string;
  /** WAL position that the source has written; `undefined` while it does not answer. */
  sentLsn?: string;
  receivedLsn?: string;
  replayedLsn?: string;
  /** Bytes that the source has written and the replica has not replayed. */
  lagBytes?: number;
  /** Age of the last replayed transaction; 0 when nothing is missing. */
  lagMs?: number;
}

/** Queries both sides; one that does not answer within a second counts as gone. */
export async function measureReplication(
  replica: PostgresServer,
  source: PostgresServer | undefined,
  cut: boolean,
  applicationName: string,
): Promise<Replication> {
  const [own, other] = await Promise.all([onReplica(replica), source ? onSource(source, applicationName) : undefined]);
  if (!own) return { state: "unreachable" };
  const lagBytes = other && own.replayedLsn !== undefined ? Math.max(0, lsn(other.sentLsn) - lsn(own.replayedLsn)) : undefined;
  const lagMs = lagBytes === 0 ? 0 : own.lastReplayMs;
  return {
    state: cut ? "cut" : own.streaming ? "streaming" : "disconnected",
    ...(other?.tls === undefined ? {} : { tls: other.tls }),
    ...(other === undefined ? {} : { sentLsn: other.sentLsn }),
    ...(own.receivedLsn === undefined ? {} : { receivedLsn: own.receivedLsn }),
    ...(own.replayedLsn === undefined ? {} : { replayedLsn: own.replayedLsn }),
    ...(lagBytes === undefined ? {} : { lagBytes }),
    ...(lagMs === undefined ? {} : { lagMs }),
  };
}

interface ReplicaSide {
  streaming: boolean;
  receivedLsn?: string;
  replayedLsn?: string;
  lastReplayMs?: number;
}

async function onReplica(server: PostgresServer): Promise<ReplicaSide | undefined> {
  const [row] = await answer<{ streaming: boolean; received: string | null; replayed: string | null; age: number | null }>(
    server,
    `SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streaming,
            pg_last_wal_receive_lsn() AS received, pg_last_wal_replay_lsn() AS replayed,
            (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::float8 AS age`,
  );
  if (!row) return undefined;
  return {
    streaming: row.streaming,
    ...(row.received === null ? {} : { receivedLsn: row.received }),
    ...(row.replayed === null ? {} : { replayedLsn: row.replayed }),
    ...(row.age === null ? {} : { lastReplayMs: Math.max(0, Math.round(row.age)) }),
  };
}

async function onSource(server: PostgresServer, applicationName: string): Promise<{ sentLsn: string; tls?: string } | undefined> {
  const [row] = await answer<{ lsn: string; tls: string | null }>(
    server,
    `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn,
            (SELECT version FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)
              WHERE application_name = '${applicationName.replace(/'/g, "''")}' LIMIT 1) AS tls`,
  );
  return row && { sentLsn: row.lsn, ...(row.tls === null ? {} : { tls: row.tls }) };
}

async function answer<T extends object>(server: PostgresServer, sql: string): Promise<T[]> {
  if (server.pid === undefined) return [];
  try {
    return await server.admin((s) => s.rows<T & Record<string, unknown>>(sql), 1_000);
  } catch {
    return [];
  }
}

/** A WAL position such as `0/3000148` as a number of bytes. */
export function lsn(text: string): number {
  const [high = "", low = ""] = text.split("/");
  return parseInt(high, 16) * 2 ** 32 + parseInt(low, 16);
}
