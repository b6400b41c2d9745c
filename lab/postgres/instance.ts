import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LabContext } from "../part";
import type { Endpoint } from "../world";
import type { Archive } from "./archive";
import { effectiveParameters, type Recovery, type Upstream } from "./configuration";
import { killOrphans } from "./family";
import type { Identity } from "./identity";
import { BackupKeeper, type BackupTimes } from "./keeper";
import type { Outages } from "./outages";
import type { InstanceName } from "./instance-name";
import type { InstanceState } from "./plane";
import type { InstanceRecord, Records } from "./records";
import { measureReplication, type Replication } from "./replication";
import { bootstrapStatements, passwordStatement, REPLICATION_USER, type Master } from "./roles";
import { PostgresServer } from "./server";

const PROMOTE_TIMEOUT_MS = 60_000;
const CUT_TIMEOUT_MS = 10_000;
/** Keeps a server that cannot start from being restarted all the time. */
const RESTART_DELAY_MS = 500;
/** Between two attempts to copy a source that refuses. */
const CLONE_RETRY_MS = 1_000;
/** Between two looks whether a replica's source has become available. */
const SOURCE_POLL_MS = 50;
/** How long a restored server may take to replay what it has to. */
const RECOVERY_TIMEOUT_MS = 30 * 60_000;

/** What the instances of a lab share. */
export interface Surroundings {
  lab: LabContext;
  records: Records;
  identity: Identity;
  outages: Outages;
  passwords: { admin: string; replication: string };
  backupTimes: BackupTimes;
  find(name: InstanceName): Instance | undefined;
  forget(instance: Instance): void;
}

export interface InstanceSpec {
  region: string;
  id: string;
  /** Where it streams from; `null` for a primary. */
  source: InstanceName | null;
  /** `DbiResourceId` */
  resourceId: string;
  endpoint: Endpoint;
  folder: string;
  /** Of its automated backups. */
  archive: Archive;
  /** Name of its processes in the lab's process table. */
  processName: string;
  /** In the title of each of its processes. */
  clusterName: string;
}

/** What an instance is restored from. */
export interface Restoration {
  /** A folder with a backup. */
  folder: string;
  /** Where its WAL is, if not in the folder. */
  walFolder?: string;
  /** How to bring it to a moment; `undefined` leaves it at its own. */
  recovery?: Recovery;
  /** Told why it cannot be restored. */
  failed: (why: string) => void;
}

/** One DB instance as Amazon RDS knows it, over one PostgreSQL server. Its changes run one after the other. */
export class Instance implements InstanceName {
  readonly region: string;
  id: string;
  source: InstanceName | null;
  state: InstanceState = "creating";
  readonly resourceId: string;
  /** What moto recorded of it when its configuration was last written. */
  record: InstanceRecord | undefined;
  readonly endpoint: Endpoint;
  readonly server: PostgresServer;
  /** Cut off from its source, so that it loses what the source goes on to acknowledge. */
  cut = false;
  /** Its data folder is complete. */
  private built = false;
  /** It is to be deleted, or the lab ends. */
  private gone = false;
  private keeper: BackupKeeper | undefined;
  private work: Promise<void> = Promise.resolve();

  constructor(
    private readonly around: Surroundings,
    private readonly spec: InstanceSpec,
  ) {
    this.region = spec.region;
    this.id = spec.id;
    this.resourceId = spec.resourceId;
    this.source = spec.source;
    this.endpoint = spec.endpoint;
    this.server = new PostgresServer(around.lab, around.identity, {
      name: spec.processName,
      region: spec.region,
      folder: spec.folder,
      endpoint: spec.endpoint,
      adminPassword: around.passwords.admin,
    });
    this.server.onUnexpectedEnd = () => {
      if (!this.built || this.gone || this.isLost) return;
      this.log("the server ended by itself; it is restarted");
      this.transition("starting", async () => {
        await sleep(RESTART_DELAY_MS);
        await this.run();
      });
    };
  }

  get leaving(): boolean {
    return this.gone;
  }

  /** A new cluster with the master user and its database. A wrong setting makes the instance `failed`. */
  buildPrimary(master: Partial<Master>): void {
    const { username, password, database } = master;
    this.build(async () => {
      if (username === undefined || password === undefined) throw new Error("the lab needs MasterUsername and MasterUserPassword");
      await this.server.initialize();
      await this.launch();
      await this.server.admin(async (s) => {
        const user = { username, password, ...(database ? { database } : {}) };
        for (const statement of bootstrapStatements(user, this.around.passwords.replication)) await s.run(statement);
      });
    });
  }

  /** A copy of the source that goes on to stream from it. Waits for a source that is not there yet. */
  buildReplica(): void {
    this.build(async () => {
      const source = this.source && this.around.find(this.source);
      if (source?.state !== "available") throw new SourceNotReady(`its source is ${source?.state ?? "not there"}`);
      await this.around.records.withoutBackups(this.region, this.id);
      await this.server.cloneFrom(this.upstream(source));
      await this.launch();
    });
  }

  /** An instance of its own from a backup, available once it takes writes. What does not come up whole is `incompatible-restore`. */
  restore({ folder, walFolder, recovery, failed }: Restoration): void {
    this.build(
      async () => {
        await this.server.takeBackup(folder, walFolder);
        await this.launch(recovery);
        if (recovery) await this.configure();
      },
      "incompatible-restore",
      failed,
    );
  }

  /** Starts the server where it should run and does not: after an outage, by what is on disk. */
  recover(): Promise<void> {
    // One that is still being built goes on by itself, and may have to wait for another region.
    return this.built ? this.enqueue(() => this.run()) : Promise.resolve();
  }

  /** @see RdsPlane.promote */
  promote(): Promise<void> {
    if (this.source === null) return Promise.resolve();
    this.state = "modifying";
    return this.enqueue(() => this.promoteNow());
  }

  /** @see RdsPlane.pauseReplication */
  async cutOff(): Promise<{ receivedLsn: string | null }> {
    this.cut = true;
    let receivedLsn: string | null = null;
    await this.enqueue(async () => {
      // Without `primary_conninfo` PostgreSQL ends its WAL receiver, and starts none.
      await this.configure();
      const deadline = Date.now() + CUT_TIMEOUT_MS;
      for (;;) {
        const [row] = await this.server.admin((s) =>
          s.rows<{ receiving: boolean; received: string | null }>(
            "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver) AS receiving, pg_last_wal_receive_lsn() AS received",
          ),
        );
        if (row?.receiving === false) {
          receivedLsn = row.received;
          return;
        }
        if (Date.now() > deadline) throw new Error(`postgres: ${this.region}/${this.id} goes on receiving WAL`);
        await sleep(10);
      }
    });
    return { receivedLsn };
  }

  async reconnect(): Promise<void> {
    this.cut = false;
    await this.enqueue(() => this.configure());
  }

  async replication(): Promise<Replication | undefined> {
    if (this.source === null) return undefined;
    return measureReplication(this.server, this.around.find(this.source)?.server, this.cut, this.id);
  }

  /** After a change of what moto records. @param password the master user's new one */
  modify(password: string | undefined): void {
    this.transition("modifying", async () => {
      await this.configure();
      if (password === undefined || this.source !== null) return;
      const username = (await this.around.records.instance(this.region, this.id))?.MasterUsername;
      if (username !== undefined) await this.server.admin((s) => s.run(passwordStatement(username, password)));
    });
  }

  /** After a change of what moto records that needs no time, and of a parameter group, which may be this instance's. */
  reread(): void {
    if (this.built) this.background(this.enqueue(() => this.configure()));
  }

  reboot(): void {
    this.transition("rebooting", async () => {
      await this.server.stop();
      await this.launch();
    });
  }

  halt(): void {
    this.transition("stopping", () => this.server.stop(), "stopped");
  }

  resume(): void {
    this.transition("starting", () => this.run());
  }

  /**
   * Copies the data as it is into a folder. An outage of the region holds it up.
   * @param quiet behind everybody who wants to compute
   * @throws Error where the instance goes first
   */
  copyTo(folder: string, quiet = false): Promise<void> {
    return this.enqueue(async () => {
      for (;;) {
        await this.around.outages.over(this.region, () => this.gone);
        if (this.gone) throw new Error(`postgres: ${this.region}/${this.id} was deleted before it was copied`);
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(dirname(folder), { recursive: true });
        try {
          await this.run();
          await this.server.copy(this.upstream(this), folder, quiet);
          return;
        } catch (error) {
          if (!this.isLost) throw error;
        }
      }
    });
  }

  /** @param keepAt folder that the data goes to; `undefined` keeps nothing */
  delete(keepAt?: string): Promise<void> {
    this.state = "deleting";
    this.abandon();
    const done = this.enqueue(async () => {
      await this.keeper?.stop();
      await this.server.stop();
      const kept = keepAt !== undefined && this.built;
      if (kept) {
        mkdirSync(dirname(keepAt), { recursive: true });
        renameSync(this.server.folder, keepAt);
      } else {
        this.server.remove();
      }
      this.around.forget(this);
      this.log("deleted");
      if (keepAt !== undefined && !kept) throw new Error(`postgres: ${this.region}/${this.id} had no data to keep`);
    });
    this.background(done);
    return done;
  }

  /** The lab ends. */
  async close(): Promise<void> {
    this.abandon();
    await this.keeper?.stop();
    await this.server.stop();
    await this.work;
    await this.server.stop();
  }

  private abandon(): void {
    this.gone = true;
    this.server.signalTools("SIGKILL");
    this.around.outages.lookAgain();
  }

  private get isLost(): boolean {
    return this.around.outages.modeOf(this.region) !== undefined;
  }

  /**
   * Runs `steps` until they succeed. A replica's source may be slow or away; a primary that fails has a wrong setting.
   * @param failure state of a primary that fails
   */
  private build(steps: () => Promise<void>, failure: InstanceState = "failed", failed: (why: string) => void = () => undefined): void {
    const began = Date.now();
    const attempts = async (): Promise<void> => {
      for (let last = ""; ;) {
        await this.around.outages.over(this.region, () => this.gone);
        if (this.gone) return;
        try {
          await steps();
          this.built = true;
          this.state = "available";
          await this.keepBackups();
          this.log(`available at ${this.endpoint.host} after ${Date.now() - began} ms`);
          return;
        } catch (error) {
          await this.server.kill();
          if (this.leaving) return;
          if (this.isLost) continue;
          const { message } = error as Error;
          if (message !== last) this.log(message);
          last = message;
          if (this.source === null) {
            this.state = failure;
            failed(message);
            return;
          }
          await sleep(error instanceof SourceNotReady ? SOURCE_POLL_MS : CLONE_RETRY_MS);
        }
      }
    };
    this.background(this.enqueue(attempts));
  }

  private async launch(recovery?: Recovery): Promise<void> {
    await this.configure(recovery);
    if (this.isLost) throw new Error("the region is lost");
    await this.server.start(recovery && RECOVERY_TIMEOUT_MS);
  }

  private async run(): Promise<void> {
    if (this.gone || !this.built || this.state === "stopped" || this.isLost || this.server.pid !== undefined) return;
    const after = this.state === "modifying" ? "modifying" : "available";
    this.state = "starting";
    // Children that outlive their postmaster for a moment hold its shared memory.
    await killOrphans(this.spec.clusterName, this.spec.folder);
    await this.launch();
    this.state = after;
  }

  private async promoteNow(): Promise<void> {
    for (;;) {
      await this.around.outages.over(this.region, () => this.gone);
      if (this.gone) return;
      try {
        await this.run();
        const tookMs = await promoteServer(this.server);
        this.source = null;
        this.cut = false;
        this.state = "available";
        this.log(`promoted in ${tookMs} ms`);
        break;
      } catch (error) {
        // A promotion that the loss of its own region interrupts goes on when the region is back.
        if (this.isLost) continue;
        this.state = "available";
        throw error;
      }
    }
    await this.configure();
  }

  /** Writes the server's configuration from what moto records now. */
  private async configure(recovery?: Recovery): Promise<void> {
    const { region, id, endpoint } = this;
    const { lab, records } = this.around;
    const record = await records.instance(region, id);
    if (record) this.record = record;
    const parameters = record ? await records.parameters(region, record) : {};
    const { ignored } = effectiveParameters(parameters);
    if (ignored.length > 0) this.log(`parameters without effect in the lab: ${ignored.join(", ")}`);
    const { certFile, keyFile } = await lab.certificates.issue(`postgres-${endpoint.host}`, {
      commonName: endpoint.host,
      addresses: [endpoint.host],
    });
    const source = this.source && this.around.find(this.source);
    this.server.configure({
      endpoint,
      clusterName: this.spec.clusterName,
      certFile,
      keyFile,
      parameters,
      ...(source && !this.cut ? { upstream: this.upstream(source) } : {}),
      // A replica archives nothing before it is promoted, and then from its first segment on.
      ...(this.source !== null || this.retention > 0 ? { archiveCommand: this.spec.archive.archiveCommand } : {}),
      ...(recovery && { recovery }),
    });
    if (this.built) await this.keepBackups();
  }

  /** Days that automated backups are kept; 0 makes none. */
  private get retention(): number {
    return this.record?.BackupRetentionPeriod ?? 0;
  }

  private async keepBackups(): Promise<void> {
    if (this.gone) return;
    if (this.source !== null || this.retention === 0) {
      if (!this.keeper) return;
      await this.keeper.stop();
      this.keeper = undefined;
      this.spec.archive.clear();
      return;
    }
    this.keeper ??= new BackupKeeper(
      this.server,
      this.spec.archive,
      this.upstream(this),
      this.around.backupTimes,
      () => this.retention,
      () => this.gone || this.isLost || this.server.pid === undefined,
      (message) => {
        this.log(message);
      },
    );
  }

  private upstream(source: Instance): Upstream {
    return {
      endpoint: source.endpoint,
      user: REPLICATION_USER,
      password: this.around.passwords.replication,
      caFile: this.around.lab.certificates.caFile,
      applicationName: this.id,
    };
  }

  /** Shows `state` from now until `work` is done, then `after`. */
  private transition(state: InstanceState, work: () => Promise<void>, after: InstanceState = "available"): void {
    this.state = state;
    this.background(
      this.enqueue(async () => {
        try {
          await work();
        } finally {
          if (!this.gone) this.state = after;
        }
      }),
    );
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.work.then(work);
    this.work = done.catch(() => undefined);
    return done;
  }

  private background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.log((error as Error).message);
    });
  }

  private log(message: string): void {
    this.around.lab.log("postgres", `${this.region}/${this.id}: ${message}`);
  }
}

class SourceNotReady extends Error {}

/** @returns how long it took until the server took writes, in ms */
async function promoteServer(server: PostgresServer): Promise<number> {
  const began = performance.now();
  await server.admin(async (s) => {
    const recovering = async (): Promise<boolean> =>
      (await s.rows<{ recovering: boolean }>("SELECT pg_is_in_recovery() AS recovering"))[0]?.recovering ?? true;
    // Not pg_promote's own wait: it looks every 100 ms, and this is time in which nobody can write.
    if (await recovering()) await s.run("SELECT pg_promote(wait => false)");
    while (await recovering()) {
      if (performance.now() - began > PROMOTE_TIMEOUT_MS) throw new Error(`not promoted within ${PROMOTE_TIMEOUT_MS} ms`);
      await sleep(5);
    }
  });
  return Math.round(performance.now() - began);
}
