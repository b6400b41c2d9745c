import { Client, type QueryResultRow } from "pg";
import type { Endpoint } from "../world";

/** A login to one server: always TLS 1.3, always checked against the lab's CA. */
export interface Login {
  endpoint: Endpoint;
  user: string;
  password: string;
  /** Default `postgres`. */
  database?: string;
  /** PEM text. */
  ca: string;
}

export interface Session {
  rows<T extends QueryResultRow>(sql: string): Promise<T[]>;
  run(sql: string): Promise<void>;
}

/**
 * Runs `work` on a connection of its own.
 * @param timeoutMs for the connection and for each statement
 */
export async function session<T>(login: Login, work: (session: Session) => Promise<T>, timeoutMs = 5_000): Promise<T> {
  const client = new Client({
    host: login.endpoint.host,
    port: login.endpoint.port,
    user: login.user,
    password: login.password,
    database: login.database ?? "postgres",
    application_name: "changeover-lab",
    ssl: { ca: login.ca, minVersion: "TLSv1.3" },
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  // A server that is killed under an idle connection reports here; whoever waits for an answer hears it as well.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work({
      rows: async <R extends QueryResultRow>(sql: string) => (await client.query<R>(sql)).rows,
      run: async (sql) => {
        await client.query(sql);
      },
    });
  } finally {
    // Not awaited: a frozen server never answers the goodbye.
    void client.end().catch(() => undefined);
  }
}
