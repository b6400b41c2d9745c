import { Client } from "pg";
import type { Settings } from "./settings";
import { ADMIN_OPTIONS, WritesRefused } from "./writes";

/** For a connection, and for each statement: a server that is stuck must not stop the guard from looking again. */
const CONNECT_MS = 2_000;
const STATEMENT_MS = 4_000;

/** The site's database as its administrator sees it: one connection, made anew after any trouble. */
export class Database {
  private client: Client | undefined;

  constructor(private readonly settings: Pick<Settings, "database" | "site">) {}

  /** @param work is given the connection for itself; calls do not overlap */
  async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      this.client ??= await this.connect();
      return await work(this.client);
    } catch (error) {
      if (!(error instanceof WritesRefused)) this.drop();
      throw error;
    }
  }

  private async connect(): Promise<Client> {
    const { host, port, name, user, password, ca } = this.settings.database;
    const client = new Client({
      host,
      port,
      database: name,
      user,
      password,
      // `host` is what the certificate is checked for: pg names it to TLS only when it is no IP address.
      ssl: ca === "" ? { ca: [], rejectUnauthorized: false } : { ca, host, minVersion: "TLSv1.3" },
      options: ADMIN_OPTIONS,
      application_name: `changeover guard of ${this.settings.site}`,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: STATEMENT_MS,
      keepAlive: true,
    });
    client.on("error", () => {
      if (this.client === client) this.client = undefined;
    });
    try {
      await client.connect();
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    return client;
  }

  private drop(): void {
    // Not awaited: a server that is stuck never answers the goodbye.
    void this.client?.end().catch(() => undefined);
    this.client = undefined;
  }
}
