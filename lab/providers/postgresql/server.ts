import { readFileSync } from "node:fs";
import { checkServerIdentity } from "node:tls";
import { Client, DatabaseError, escapeIdentifier as identifier, type ClientConfig } from "pg";

export interface ServerConfig {
  host: string;
  port: number;
  username: string;
  password: string | undefined;
  /** Database of what names none. */
  database: string;
  /** `disable`, `require` (encrypted, unchecked), `verify-ca` or `verify-full`. */
  sslmode: string;
  /** File with the authority's certificate. */
  sslrootcert: string | undefined;
  connectTimeoutMs: number;
}

/** A statement's parameters. */
type Parameters = (string | number | boolean | null | string[])[];

export interface Session {
  query(text: string, parameters?: Parameters): Promise<Record<string, unknown>[]>;
}

/** A server that falls silent, or a lock that nobody lets go, must not hang an update. Milliseconds. */
const QUERY_TIMEOUT_MS = 30_000;

/** SSL modes of the official provider that the stand-in knows. */
export const SSL_MODES = ["disable", "require", "verify-ca", "verify-full"];

/**
 * One PostgreSQL server: a connection per database, made when it is first needed and kept. Changes run one after another, because two
 * grants on the same object at a time fail with 'tuple concurrently updated'.
 */
export class Server {
  private readonly clients = new Map<string, Promise<Client>>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(readonly config: ServerConfig) {}

  /**
   * Runs `work` in a transaction.
   * @param database default: the provider's
   * @param secrets texts that must not show up in an error
   */
  transaction<T>(database: string | undefined, work: (session: Session) => Promise<T>, secrets: string[] = []): Promise<T> {
    return this.alone(database, secrets, async (session) => {
      await session.query("BEGIN");
      try {
        const result = await work(session);
        await session.query("COMMIT");
        return result;
      } catch (error) {
        // The error that counts is the one before; a connection that is gone has rolled back by itself.
        await session.query("ROLLBACK").catch(() => undefined);
        throw error;
      }
    });
  }

  /** Runs `work` without a transaction: `CREATE DATABASE` and its kin take none. */
  direct<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.alone(undefined, [], work);
  }

  /** Ends the connection to a database, which could not be dropped or renamed while it is open. */
  async disconnect(database: string): Promise<void> {
    const client = this.clients.get(database);
    this.clients.delete(database);
    await client?.then((open) => open.end()).catch(() => undefined);
  }

  async close(): Promise<void> {
    await Promise.all([...this.clients.keys()].map((database) => this.disconnect(database)));
  }

  private alone<T>(database = this.config.database, secrets: string[], work: (session: Session) => Promise<T>): Promise<T> {
    const turn = this.last.then(async () => {
      try {
        const client = await this.client(database);
        return await work({
          async query(text, parameters = []) {
            return (await client.query<Record<string, unknown>>(text, parameters)).rows;
          },
        });
      } catch (error) {
        throw this.explained(error, database, secrets);
      }
    });
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private client(database: string): Promise<Client> {
    const existing = this.clients.get(database);
    if (existing !== undefined) return existing;
    const client = new Client(this.options(database));
    const connected = client.connect().then(() => client);
    this.clients.set(database, connected);
    const forget = (): void => {
      if (this.clients.get(database) === connected) this.clients.delete(database);
    };
    client.on("error", forget);
    client.once("end", forget);
    connected.catch(forget);
    return connected;
  }

  private options(database: string): ClientConfig {
    const { host, port, username, password, sslmode, sslrootcert, connectTimeoutMs } = this.config;
    const ca = sslrootcert === undefined ? undefined : readFileSync(sslrootcert, "utf8");
    // As libpq and the official provider have it, `require` with an authority checks the certificate, too.
    const checked = sslmode === "verify-full" || sslmode === "verify-ca" || ca !== undefined;
    return {
      host,
      port,
      user: username,
      password,
      database,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: QUERY_TIMEOUT_MS,
      application_name: "changeover lab provider",
      keepAlive: true,
      ssl:
        sslmode === "disable"
          ? false
          : {
              rejectUnauthorized: checked,
              ...(ca === undefined ? {} : { ca }),
              // By our own host: for an address, Node would check against `localhost`.
              checkServerIdentity: (_host, certificate) => (sslmode === "verify-full" ? checkServerIdentity(host, certificate) : undefined),
            },
    };
  }

  private explained(error: unknown, database: string, secrets: string[]): Error {
    const { host, port, username, password } = this.config;
    const where = `PostgreSQL at ${host}:${port}, database ${database}, user ${username}`;
    const raw = error instanceof DatabaseError ? [error.message, error.detail, error.hint].filter(Boolean).join("; ") : textOf(error);
    const message = [...secrets, password ?? ""]
      .filter((secret) => secret !== "")
      .reduce((text, secret) => text.replaceAll(secret, "[secret]"), raw);
    // Not the cause itself: it holds the statement's details, and with them perhaps a password.
    return new Error(`${where}: ${message}`);
  }
}

/** A refused connection to several addresses is an AggregateError without a message. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}

/**
 * Runs `work` as a member of roles whose objects it changes. A master user that is no superuser, as on RDS, has to become one first;
 * the membership ends with the work.
 */
export async function asMemberOf<T>(session: Session, roles: string[], work: () => Promise<T>): Promise<T> {
  const [self] = await session.query("SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user");
  if (self?.superuser === true) return work();
  const missing = await session.query(
    `SELECT rolname AS role FROM pg_roles
     WHERE rolname = ANY($1) AND NOT rolsuper AND NOT pg_has_role(current_user, oid, 'USAGE')`,
    [roles],
  );
  for (const { role } of missing) await session.query(`GRANT ${identifier(String(role))} TO CURRENT_USER`);
  const result = await work();
  for (const { role } of missing) await session.query(`REVOKE ${identifier(String(role))} FROM CURRENT_USER`);
  return result;
}

/** The one value of a one-row, one-column query. */
export async function single(session: Session, text: string, parameters: Parameters): Promise<string | undefined> {
  const [row] = await session.query(text, parameters);
  const value = row === undefined ? undefined : Object.values(row)[0];
  return typeof value === "string" ? value : undefined;
}

export { escapeIdentifier as identifier, escapeLiteral as literal } from "pg";
