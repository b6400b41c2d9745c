import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LabContext } from "../part";
import type { LabProcess } from "../processes";
import type { Endpoint } from "../world";
import { hbaConf, postgresqlConf, type ServerSettings, type Upstream } from "./configuration";
import { freezeFamilies, killFamilies, thawFamilies } from "./family";
import type { Identity } from "./identity";
import { ADMIN, REPLICATION_USER } from "./roles";
import { session, type Login, type Session } from "./sql";

/** How long a server may take until it accepts connections, crash recovery included. */
const START_TIMEOUT_MS = 60_000;
/** How long a fast shutdown may take before it becomes a kill. */
const STOP_TIMEOUT_MS = 3_000;

const TOOLS = ["initdb", "pg_basebackup"] as const;

/** One PostgreSQL server: its data folder and, while it runs, its processes. Knows nothing of Amazon RDS. */
export class PostgresServer {
  private process: LabProcess | undefined;
  /** Set while an end of the server is wanted. */
  private expectEnd = false;
  /** Called when the server ended and nobody had asked for it. */
  onUnexpectedEnd: () => void = () => undefined;

  constructor(
    private readonly lab: LabContext,
    private readonly identity: Identity,
    private readonly spec: { name: string; region: string; folder: string; endpoint: Endpoint; adminPassword: string },
  ) {}

  get folder(): string {
    return this.spec.folder;
  }

  /** Its postmaster; `undefined` while it does not run. */
  get pid(): number | undefined {
    return this.process?.pid;
  }

  private get login(): Login {
    return { endpoint: this.spec.endpoint, user: ADMIN, password: this.spec.adminPassword, ca: this.lab.certificates.caCert };
  }

  admin<T>(work: (session: Session) => Promise<T>, timeoutMs?: number): Promise<T> {
    return session(this.login, work, timeoutMs);
  }

  /** Makes an empty cluster in place of whatever the folder held. */
  async initialize(): Promise<void> {
    this.remove();
    const passwordFile = `${this.folder}.password`;
    writeFileSync(passwordFile, this.spec.adminPassword, { mode: 0o600 });
    try {
      await this.tool("initdb", [
        `--pgdata=${this.folder}`,
        `--username=${ADMIN}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
      ]);
    } finally {
      rmSync(passwordFile, { force: true });
    }
  }

  /** Makes the folder a copy of a running server's and marks it a replica. */
  async cloneFrom(upstream: Upstream): Promise<void> {
    this.remove();
    await this.copy(upstream, this.folder);
    writeFileSync(join(this.folder, "standby.signal"), "", { mode: 0o600 });
  }

  /** Copies a running server's data, with the WAL that makes it whole, into a folder that is not there or empty. */
  async copy(upstream: Upstream, folder: string): Promise<void> {
    await this.tool(
      "pg_basebackup",
      [
        `--pgdata=${folder}`,
        `--host=${upstream.endpoint.host}`,
        `--port=${upstream.endpoint.port}`,
        `--username=${upstream.user}`,
        "--wal-method=stream",
        "--checkpoint=fast",
        "--no-sync",
        "--no-password",
      ],
      {
        PGPASSWORD: upstream.password,
        PGSSLMODE: "verify-full",
        PGSSLROOTCERT: upstream.caFile,
        PGSSLMINPROTOCOLVERSION: "TLSv1.3",
        PGCONNECT_TIMEOUT: "5",
      },
    );
  }

  /** Writes the configuration; a running server takes over what needs no restart. */
  configure(settings: ServerSettings): void {
    writeFileSync(join(this.folder, "postgresql.conf"), postgresqlConf(settings), { mode: 0o600 });
    writeFileSync(join(this.folder, "pg_hba.conf"), hbaConf(settings.parameters, REPLICATION_USER), { mode: 0o600 });
    this.process?.signal("SIGHUP");
  }

  /** Starts it and waits until it answers a query. */
  async start(): Promise<void> {
    this.expectEnd = false;
    const started = this.lab.processes.spawn({
      name: this.spec.name,
      region: this.spec.region,
      ...this.identity.wrap(this.lab.tool("postgres"), ["-D", this.folder]),
    });
    this.process = started;
    const finish = (): void => {
      if (this.process !== started) return;
      this.process = undefined;
      if (!this.expectEnd) this.onUnexpectedEnd();
    };
    started.ended.then(finish, finish);
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await this.admin((s) => s.run("SELECT 1"), 2_000);
        return;
      } catch (error) {
        if (this.pid !== started.pid)
          throw new Error(`postgres: server ${this.spec.name} ended while it started: ${this.logTail(this.spec.name)}`);
        if (Date.now() > deadline) throw new Error(`postgres: server ${this.spec.name} does not answer: ${(error as Error).message}`);
        await sleep(25);
      }
    }
  }

  /** Fast shutdown: sessions are ended, the WAL is complete. Kills what does not go. */
  async stop(): Promise<void> {
    const running = this.process;
    if (!running) {
      releaseSharedMemory(this.folder);
      return;
    }
    this.expectEnd = true;
    thawFamilies([running.pid]);
    running.signal("SIGINT");
    const timer = new AbortController();
    await Promise.race([running.ended, sleep(STOP_TIMEOUT_MS, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    if (this.process === running) await this.kill();
  }

  /** The power is gone. */
  async kill(): Promise<void> {
    await killServers([this]);
  }

  remove(): void {
    removeDataFolder(this.folder);
  }

  /** For killServers: ends are expected from now on. @returns the process to be ended */
  takeDown(): LabProcess | undefined {
    this.expectEnd = true;
    return this.process;
  }

  /** Signals the initdb or pg_basebackup that works for this server. */
  signalTools(signal: NodeJS.Signals): void {
    for (const name of TOOLS) this.lab.processes.get(`${this.spec.name}-${name}`)?.signal(signal);
  }

  /** Runs one of PostgreSQL's programs to its end. */
  private async tool(name: (typeof TOOLS)[number], args: string[], env: Record<string, string> = {}): Promise<void> {
    const processName = `${this.spec.name}-${name}`;
    const child = this.lab.processes.spawn({
      name: processName,
      region: this.spec.region,
      ...this.identity.wrap(this.lab.tool(name), args),
      env,
    });
    const { code, signal } = await child.ended;
    if (code !== 0) throw new Error(`postgres: ${name} of ${this.spec.name} ended with ${signal ?? code}: ${this.logTail(processName)}`);
  }

  private logTail(processName: string): string {
    try {
      const lines = readFileSync(join(this.lab.folder, "logs", `${processName}.log`), "utf8")
        .trimEnd()
        .split("\n");
      return lines.slice(-3).join(" | ");
    } catch {
      return "no log";
    }
  }
}

/** Takes a data folder away. */
export function removeDataFolder(folder: string): void {
  releaseSharedMemory(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** A killed server leaves a shared memory segment in the kernel; its lock file has the id. None is left after a clean shutdown. */
function releaseSharedMemory(folder: string): void {
  const lockFile = join(folder, "postmaster.pid");
  if (!existsSync(lockFile)) return;
  // The seventh line: key and id.
  const [, segment] = /^[ \t]*\d+[ \t]+(\d+)[ \t]*$/m.exec(readFileSync(lockFile, "utf8")) ?? [];
  // It is 56 bytes, so it may stay where `ipcrm` is missing.
  if (segment !== undefined) spawnSync("ipcrm", ["-m", segment], { stdio: "ignore" });
}

/** SIGKILL for all processes of all these servers at once; resolves when none is left. */
export async function killServers(servers: PostgresServer[]): Promise<void> {
  const doomed = servers.map((server) => server.takeDown()).filter((p) => p !== undefined);
  await killFamilies(doomed.map(({ pid }) => pid));
  await Promise.all(doomed.map(({ ended }) => ended));
  for (const { folder } of servers) releaseSharedMemory(folder);
}

export async function freezeServers(servers: PostgresServer[]): Promise<void> {
  await freezeFamilies(pidsOf(servers));
}

export function thawServers(servers: PostgresServer[]): void {
  thawFamilies(pidsOf(servers));
}

function pidsOf(servers: PostgresServer[]): number[] {
  return servers.map(({ pid }) => pid).filter((pid) => pid !== undefined);
}
