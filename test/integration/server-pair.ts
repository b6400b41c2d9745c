import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { QueryResultRow } from "pg";
import { adminClient, hangUp, type DatabaseAddress } from "../../automation/probes/database";
import { CertificateAuthority } from "../../lab/certificates";
import type { LabContext } from "../../lab/part";
import type { ServerSettings, Upstream } from "../../lab/postgres/configuration";
import { databaseIdentity } from "../../lab/postgres/identity";
import { bootstrapStatements, REPLICATION_USER } from "../../lab/postgres/roles";
import { PostgresServer } from "../../lab/postgres/server";
import { ProcessTable } from "../../lab/processes";
import { world, type Endpoint } from "../../lab/world";
import { ensure } from "../../setup";
import { postgresql } from "../../setup/postgresql";

const PASSWORD = "p4ss'w\\ord of the pair";

export type Side = "left" | "right";

/** Addresses of their own, with a port that the kernel gives to no client: what it gives (32768 and up) may be taken at any moment. */
const ENDPOINTS: Record<Side, Endpoint> = { left: { host: "127.66.5.1", port: 5432 }, right: { host: "127.66.5.2", port: 5432 } };

/** Two PostgreSQL servers with TLS and an administrator as on Amazon RDS; `right` streams from `left` until it is promoted. */
export class ServerPair {
  private constructor(
    private readonly lab: LabContext,
    private readonly servers: Record<Side, PostgresServer>,
    private readonly settings: Record<Side, ServerSettings>,
  ) {}

  static async start(): Promise<ServerPair> {
    const folder = mkdtempSync(join(tmpdir(), "changeover-pair-"));
    const { tool } = await ensure([postgresql]);
    const lab: LabContext = {
      world: world(false),
      folder,
      tool,
      processes: new ProcessTable(folder),
      certificates: await CertificateAuthority.open(folder),
      events: new EventEmitter(),
      log: () => undefined,
    };
    const identity = await databaseIdentity(folder, tool("postgres"));
    const { certFile, keyFile } = await lab.certificates.issue("pair", {
      commonName: "pair",
      addresses: Object.values(ENDPOINTS).map(({ host }) => host),
    });
    const upstream = {
      endpoint: ENDPOINTS.left,
      user: REPLICATION_USER,
      password: PASSWORD,
      caFile: lab.certificates.caFile,
      applicationName: "right",
    };
    const settings = (side: Side): ServerSettings => ({
      endpoint: ENDPOINTS[side],
      clusterName: `pair-${side}`,
      certFile,
      keyFile,
      parameters: { track_commit_timestamp: "on" },
      ...(side === "right" && { upstream }),
    });
    const server = (side: Side): PostgresServer =>
      new PostgresServer(lab, identity, {
        name: side,
        region: side,
        folder: join(folder, side),
        endpoint: ENDPOINTS[side],
        adminPassword: PASSWORD,
      });
    const pair = new ServerPair(
      lab,
      { left: server("left"), right: server("right") },
      { left: settings("left"), right: settings("right") },
    );
    try {
      await pair.stream(upstream);
    } catch (error) {
      await pair.dispose();
      throw error;
    }
    return pair;
  }

  private async stream(upstream: Upstream): Promise<void> {
    const { left, right } = this.servers;
    await left.initialize();
    left.configure(this.settings.left);
    await left.start();
    const master = { username: "changeover", password: PASSWORD, database: "service" };
    for (const statement of bootstrapStatements(master, PASSWORD)) await this.root("left", statement);
    await right.cloneFrom(upstream);
    right.configure(this.settings.right);
    await right.start();
  }

  address(side: Side): DatabaseAddress {
    return {
      ...this.settings[side].endpoint,
      database: "service",
      user: "changeover",
      password: PASSWORD,
      ca: this.lab.certificates.caCert,
    };
  }

  /** As the administrator, in the database of the service. */
  async sql<T extends QueryResultRow>(side: Side, text: string, values: unknown[] = []): Promise<T[]> {
    const client = adminClient(this.address(side), { connectTimeoutMs: 60_000 });
    try {
      await client.connect();
      return (await client.query<T>(text, values)).rows;
    } finally {
      hangUp(client);
    }
  }

  /** As the superuser that nobody else has, in the database `postgres`. */
  root(side: Side, text: string): Promise<void> {
    return this.servers[side].admin((session) => session.run(text));
  }

  /** `right` goes on to receive, and replays nothing. */
  async pauseReplay(): Promise<void> {
    await this.root("right", "select pg_wal_replay_pause()");
    await until(async () => {
      const [row] = await this.sql<{ state: string }>("right", "select pg_get_wal_replay_pause_state() as state");
      return row?.state === "paused";
    });
  }

  async resumeReplay(): Promise<void> {
    await this.root("right", "select pg_wal_replay_resume()");
  }

  /** What `left` commits from now on never gets to `right`. */
  async cut(): Promise<void> {
    const { upstream: _, ...alone } = this.settings.right;
    this.servers.right.configure(alone);
    await until(async () => {
      const [row] = await this.sql<{ cut: boolean }>("right", "select not exists (select from pg_stat_wal_receiver) as cut");
      return row?.cut === true;
    });
  }

  async promote(): Promise<void> {
    await this.root("right", "select pg_promote()");
  }

  /** Resolves when `right` has replayed all that `left` has. */
  async caughtUp(): Promise<void> {
    const [at] = await this.sql<{ lsn: string }>("left", "select pg_current_wal_flush_lsn() as lsn");
    await until(async () => {
      const [row] = await this.sql<{ there: boolean }>("right", "select pg_last_wal_replay_lsn() >= $1 as there", [at?.lsn]);
      return row?.there === true;
    });
  }

  async dispose(): Promise<void> {
    await Promise.all([this.servers.right.stop(), this.servers.left.stop()]);
    rmSync(this.lab.folder, { recursive: true, force: true });
  }
}

export async function until(condition: () => Promise<boolean> | boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
    await sleep(10);
  }
}
