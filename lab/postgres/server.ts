import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LabContext } from "../part";
import type { LabProcess } from "../processes";
import type { Endpoint } from "../world";
import { WAL_SEGMENT_MB } from "./archive";
import { hbaConf, postgresqlConf, type ServerSettings, type Upstream } from "./configuration";
import { freezeFamilies, killFamilies, thawFamilies } from "./family";
import type { Identity } from "./identity";
import { ADMIN, REPLICATION_USER } from "./roles";
import { session, type Login, type Session } from "./sql";

/** How long a server may take until it accepts connections, crash recovery included. */
const START_TIMEOUT_MS = 60_000;
/** How long a fast shutdown may take before it becomes a kill. */
const STOP_TIMEOUT_MS = 3_000;

/** Of a program's log, those among which its last errors are looked for. */
const LOG_LINES = 50;
/** How fast a quiet copy may be read, so that it takes nothing from those who use the database. */
const QUIET_RATE = "128M";

/** One PostgreSQL server: its data folder and, while it runs, its processes. Knows nothing of Amazon RDS. */
export class PostgresServer {
  private process: LabProcess | undefined;
  /** PostgreSQL's other programs that work for it. */
  private readonly tools = new Set<LabProcess>();
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
        `--wal-segsize=${WAL_SEGMENT_MB}`,
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
    rmSync(join(this.folder, "backup_manifest"), { force: true });
    writeFileSync(join(this.folder, "standby.signal"), "", { mode: 0o600 });
  }

  /** Copies a running server's data, with the WAL that makes it whole, into a folder that is not there or empty. @param quiet at low priority */
  async copy(upstream: Upstream, folder: string, quiet = false): Promise<void> {
    const args = ["--wal-method=stream"];
    if (quiet) await this.baseBackup(upstream, folder, [...args, `--max-rate=${QUIET_RATE}`], "snapshot");
    else await this.baseBackup(upstream, folder, args);
  }

  /** The same at low priority, without the WAL, which is archived when this is done. */
  async copyQuietly(upstream: Upstream, folder: string): Promise<void> {
    await this.baseBackup(upstream, folder, ["--wal-method=none", `--max-rate=${QUIET_RATE}`], "base-backup");
  }

  private async baseBackup(upstream: Upstream, folder: string, args: string[], as?: string): Promise<void> {
    await this.tool(
      "pg_basebackup",
      [
        `--pgdata=${folder}`,
        `--host=${upstream.endpoint.host}`,
        `--port=${upstream.endpoint.port}`,
        `--username=${upstream.user}`,
        "--checkpoint=fast",
        "--no-sync",
        "--no-password",
        ...args,
      ],
      {
        ...(as === undefined ? {} : { as, quiet: true }),
        env: {
          PGPASSWORD: upstream.password,
          PGSSLMODE: "verify-full",
          PGSSLROOTCERT: upstream.caFile,
          PGSSLMINPROTOCOLVERSION: "TLSv1.3",
          PGCONNECT_TIMEOUT: "5",
        },
      },
    );
  }

  /**
   * Makes the folder a copy of one that holds a backup, and checks it against the backup's manifest, be it that it has one.
   * @param walFolder where the WAL is that makes the backup whole; default: in the backup
   * @throws Error that says what is damaged
   */
  async takeBackup(backup: string, walFolder?: string): Promise<void> {
    this.remove();
    // Not as PostgreSQL's user: the files keep their owner, which it wants to be.
    await this.run("cp", { command: "cp", args: ["-a", "--reflink=auto", "--no-target-directory", backup, this.folder] });
    if (existsSync(join(this.folder, "backup_manifest"))) {
      await this.tool("pg_verifybackup", [...(walFolder === undefined ? [] : [`--wal-directory=${walFolder}`]), this.folder]);
    }
    // What was copied from a replica is to be none, and the manifest is of data that is going to change.
    for (const name of ["standby.signal", "backup_manifest"]) rmSync(join(this.folder, name), { force: true });
  }

  /** Writes the configuration; a running server takes over what needs no restart. */
  configure(settings: ServerSettings): void {
    // PostgreSQL takes it away itself when it has recovered.
    if (settings.recovery) writeFileSync(join(this.folder, "recovery.signal"), "", { mode: 0o600 });
    writeFileSync(join(this.folder, "postgresql.conf"), postgresqlConf(settings), { mode: 0o600 });
    writeFileSync(join(this.folder, "pg_hba.conf"), hbaConf(settings.parameters, REPLICATION_USER), { mode: 0o600 });
    this.process?.signal("SIGHUP");
  }

  /** Starts it and waits until it answers a query. @throws Error with the last lines of its log when it ends before */
  async start(timeoutMs = START_TIMEOUT_MS): Promise<void> {
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
    const deadline = Date.now() + timeoutMs;
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

  /** Signals the programs that work for this server. */
  signalTools(signal: NodeJS.Signals): void {
    for (const tool of this.tools) tool.signal(signal);
  }

  /**
   * Runs one of PostgreSQL's programs to its end.
   * @param as its name among the server's processes; default: the program's
   * @param quiet behind everybody who wants to compute
   */
  private async tool(
    name: "initdb" | "pg_basebackup" | "pg_verifybackup",
    args: string[],
    { as = name, quiet = false, env = {} }: { as?: string; quiet?: boolean; env?: Record<string, string> } = {},
  ): Promise<void> {
    const program = this.lab.tool(name);
    const { command, args: wrapped } = quiet
      ? this.identity.wrap("nice", ["-n", "19", program, ...args])
      : this.identity.wrap(program, args);
    await this.run(as, { command, args: wrapped, env });
  }

  private async run(as: string, program: { command: string; args: string[]; env?: Record<string, string> }): Promise<void> {
    const processName = `${this.spec.name}-${as}`;
    const child = this.lab.processes.spawn({ name: processName, region: this.spec.region, ...program });
    this.tools.add(child);
    const { code, signal } = await child.ended.finally(() => this.tools.delete(child));
    if (code !== 0) throw new Error(`postgres: ${as} of ${this.spec.name} ended with ${signal ?? code}: ${this.logTail(processName)}`);
  }

  /** What a program said last, its errors first. */
  private logTail(processName: string): string {
    try {
      const lines = readFileSync(join(this.lab.folder, "logs", `${processName}.log`), "utf8")
        .trimEnd()
        .split("\n")
        .slice(-LOG_LINES);
      // Whoever asks too early is told so in the log, too.
      const errors = lines.filter((line) => /\b(FATAL|PANIC|error):/.test(line) && !line.includes("the database system is"));
      return (errors.length > 0 ? errors : lines).slice(-3).join(" | ");
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
