import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AwsChange, LabContext, LabPart, OutageMode } from "../part";
import { REGIONS, type Endpoint } from "../world";
import { killOrphans } from "./family";
import { databaseIdentity, type Identity } from "./identity";
import { AutomatedBackups, type AutomatedBackup } from "./automated-backups";
import { harm as doHarm, type Damage, type Harm } from "./damage";
import { Instance } from "./instance";
import { DEFAULT_TIMES, type BackupTimes } from "./keeper";
import { Outages } from "./outages";
import { ACCOUNT } from "../account";
import { parseIdentifier, type InstanceName } from "./instance-name";
import type { InstanceState, RdsEvent, RdsPlane } from "./plane";
import { backupToRestore, restoreTimeOf } from "./restore-request";
import { Records, type InstanceRecord } from "./records";
import type { Replication } from "./replication";
import { freezeServers, killServers, removeDataFolder, thawServers } from "./server";
import { parseSnapshotIdentifier, Snapshots, type Snapshot } from "./snapshots";
import { Transfers } from "./transfers";

export type { InstanceState, RdsPlane } from "./plane";
export type { Replication } from "./replication";

/** How long after moto has done something the gateway may take to tell it, on a busy machine. */
const TOLD_WITHIN_MS = 2_000;

/**
 * A PostgreSQL server for each DB instance of PostgreSQL that moto records, at `region.database(n)`.
 * @param times of automated backups, where they differ from the lab's
 */
export function createPostgres(lab: LabContext, times: Partial<BackupTimes> = {}): LabPart & RdsPlane {
  return new PostgresPlane(lab, { ...DEFAULT_TIMES, ...times });
}

class PostgresPlane implements LabPart, RdsPlane {
  readonly name = "postgres";
  private readonly instances = new Map<string, Instance>();
  /** How many each region has had; addresses are not used twice. */
  private readonly created = new Map<string, number>();
  private readonly outages = new Outages();
  private readonly records: Records;
  private readonly snapshots: Snapshots;
  private readonly transfers: Transfers;
  private readonly backups: AutomatedBackups;
  private readonly events: RdsEvent[] = [];
  /** How many instances have had a name. */
  private readonly named = new Map<string, number>();
  private readonly folder: string;
  /** Marks processes of this lab among others on the machine. */
  private readonly token: string;
  /** Of logins that only the lab has; also in `passwords.json` for whoever debugs a server. */
  private readonly passwords = { admin: randomBytes(16).toString("hex"), replication: randomBytes(16).toString("hex") };
  private identity: Identity | undefined;
  private reconciling: Promise<void> | undefined;
  private reconcileAgain = false;
  private readonly ending = new AbortController();

  constructor(
    private readonly lab: LabContext,
    private readonly times: BackupTimes,
  ) {
    this.records = new Records(lab.world);
    this.folder = join(lab.folder, this.name);
    const log = (message: string): void => {
      this.log(message);
    };
    this.snapshots = new Snapshots(join(this.folder, "snapshots"), log);
    this.transfers = new Transfers(lab, this.outages);
    this.backups = new AutomatedBackups(join(this.folder, "backups"), this.transfers, times.markEveryMs, log);
    this.token = `lab-${createHash("sha256").update(lab.folder).digest("hex").slice(0, 8)}-`;
  }

  // --- part ---

  async start(): Promise<void> {
    const orphans = await killOrphans(this.token, this.folder);
    if (orphans > 0) this.log(`ended ${orphans} processes of an earlier lab`);
    // moto keeps nothing over a restart, so what is left here belongs to instances that no longer exist.
    if (existsSync(this.folder)) for (const name of readdirSync(this.folder)) removeDataFolder(join(this.folder, name));
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(join(this.folder, "passwords.json"), JSON.stringify(this.passwords), { mode: 0o600 });
    this.identity = await databaseIdentity(this.folder, this.lab.tool("postgres"));
    this.log(`PostgreSQL runs as ${this.identity.description}`);
    this.lab.events.on("aws", this.onChange);
  }

  async stop(): Promise<void> {
    this.lab.events.off("aws", this.onChange);
    this.ending.abort();
    while (this.reconciling) await this.reconciling;
    await this.transfers.close();
    await this.backups.end();
    await Promise.all([...this.instances.values()].map((instance) => instance.close()));
    this.records.close();
  }

  async outage(region: string, mode: OutageMode): Promise<void> {
    const before = this.outages.modeOf(region);
    if (before === "stop" || before === mode) return;
    this.outages.begin(region, mode);
    this.transfers.interrupt(region);
    const servers = this.in(region).map(({ server }) => server);
    if (mode === "stop") {
      for (const server of servers) server.signalTools("SIGKILL");
      await killServers(servers);
    } else {
      for (const server of servers) server.signalTools("SIGSTOP");
      await freezeServers(servers);
    }
  }

  async heal(region: string): Promise<void> {
    const mode = this.outages.modeOf(region);
    if (mode === undefined) return;
    const affected = this.in(region);
    if (mode === "blackhole") {
      thawServers(affected.map(({ server }) => server));
      for (const { server } of affected) server.signalTools("SIGCONT");
    }
    this.outages.end(region);
    if (mode === "stop") await Promise.all(affected.map((instance) => instance.recover()));
  }

  status(): unknown {
    return [...this.instances.values()].map((i) => ({
      region: i.region,
      id: i.id,
      state: i.state,
      role: i.source === null ? "primary" : "replica",
      host: i.endpoint.host,
      port: i.endpoint.port,
      ...(i.source === null ? {} : { source: shown(i.region, i.source) }),
      ...(i.cut ? { cut: true } : {}),
      ...(i.server.pid === undefined ? {} : { pid: i.server.pid }),
    }));
  }

  // --- plane ---

  identifiersOf(region: string): string[] {
    return this.in(region).map(({ id }) => id);
  }

  endpointOf(region: string, id: string): Endpoint | undefined {
    return this.find(region, id)?.endpoint;
  }

  stateOf(region: string, id: string): InstanceState | undefined {
    return this.find(region, id)?.state;
  }

  snapshotOf(region: string, id: string): Snapshot | undefined {
    return this.snapshots.find(region, id);
  }

  automatedBackupsOf(region: string): AutomatedBackup[] {
    for (const instance of this.in(region)) this.describeBackups(instance);
    return this.backups.in(region).filter((backup) => backup.origin !== "own" || backup.retention > 0);
  }

  /** Has the instance's backups say what they are of. */
  private describeBackups({ region, id, source, resourceId, record }: Instance): void {
    const backup = this.backups.find(region, resourceId);
    if (backup)
      Object.assign(backup, { instance: { region, id }, record, retention: source === null ? (record?.BackupRetentionPeriod ?? 0) : 0 });
  }

  replicateBackups(
    source: InstanceName,
    region: string,
    { retention, kmsKeyId }: { retention: number; kmsKeyId?: string },
  ): AutomatedBackup {
    const instance = this.need(source.region, source.id);
    this.describeBackups(instance);
    const own = this.backups.find(source.region, instance.resourceId);
    if (!own) throw new Error(`postgres: ${source.region}/${source.id} has no automated backups`);
    return this.backups.replicate(own, region, retention, kmsKeyId);
  }

  replicationsOf({ resourceId }: AutomatedBackup): string[] {
    return REGIONS.flatMap((region) => this.backups.in(region)).flatMap((other) =>
      other.resourceId === resourceId && other.origin === "replicated" ? [other.arn] : [],
    );
  }

  stopReplicatingBackups(backup: AutomatedBackup): void {
    this.backups.stopReplicating(backup);
  }

  deleteAutomatedBackup({ region, resourceId }: AutomatedBackup): void {
    this.backups.remove(region, resourceId);
  }

  keyStateOf(region: string, keyId: string): Promise<string | undefined> {
    return this.records.keyState(region, keyId);
  }

  eventsOf(region: string): RdsEvent[] {
    return this.events.filter(({ instance }) => instance.region === region);
  }

  isLost(region: string): boolean {
    return this.outages.modeOf(region) !== undefined;
  }

  harmBackups(region: string, harm: Harm): Damage[] {
    const kept = this.automatedBackupsOf(region).filter(({ archive }) => archive.window !== undefined);
    if (kept.length === 0) throw new Error(`${region} keeps no automated backups`);
    return kept.map(({ instance, archive }) => doHarm(instance.id, archive, harm));
  }

  resourceIdOf(region: string, id: string): string {
    const known = this.find(region, id);
    if (known) return known.resourceId;
    const nth = this.named.get(key(region, id)) ?? 0;
    const name = nth === 0 ? key(region, id) : `${key(region, id)}#${nth}`;
    return `db-${createHash("sha256").update(name).digest("hex").slice(0, 26).toUpperCase()}`;
  }

  replicaSourceOf(region: string, id: string): string | null | undefined {
    const instance = this.find(region, id);
    return instance && (instance.source === null ? null : shown(region, instance.source));
  }

  replicasOf(region: string, id: string): string[] {
    const source = key(region, id);
    return [...this.instances.values()]
      .filter((i) => !i.leaving && i.source !== null && key(i.source.region, i.source.id) === source)
      .map((i) => shown(region, i));
  }

  recordOf(region: string, id: string): Promise<InstanceRecord | undefined> {
    return this.records.instance(region, id);
  }

  async prepareDelete(region: string, id: string): Promise<void> {
    if (this.find(region, id)?.source) await this.records.unlink(region, id);
  }

  async promote(region: string, id: string): Promise<void> {
    await this.need(region, id).promote();
  }

  async replicationOf(region: string, id: string): Promise<Replication | undefined> {
    return this.find(region, id)?.replication();
  }

  async pauseReplication(region: string, id: string): Promise<{ receivedLsn: string | null }> {
    return this.replica(region, id).cutOff();
  }

  async resumeReplication(region: string, id: string): Promise<void> {
    await this.replica(region, id).reconnect();
  }

  // --- what moto tells ---

  private readonly onChange = (change: AwsChange): void => {
    if (change.service !== "rds") return;
    const { region, parameters } = change;
    const id = (parameters.DBInstanceIdentifier ?? "").toLowerCase();
    switch (change.action) {
      case "CreateDBInstance":
        if (parameters.Engine === "postgres" && parameters.DBClusterIdentifier === undefined) {
          const { MasterUsername: username, MasterUserPassword: password, DBName: database } = parameters;
          this.register(region, id, null).buildPrimary({
            ...(username === undefined ? {} : { username }),
            ...(password === undefined ? {} : { password }),
            ...(database === undefined ? {} : { database }),
          });
        }
        break;
      case "CreateDBInstanceReadReplica": {
        const source = parseIdentifier(region, parameters.SourceDBInstanceIdentifier ?? "");
        if (this.find(source.region, source.id)) this.register(region, id, source).buildReplica();
        break;
      }
      case "RestoreDBInstanceFromDBSnapshot":
        this.restoreSnapshot(region, id, parameters);
        break;
      case "RestoreDBInstanceToPointInTime":
        this.restoreToTime(region, parameters);
        break;
      case "CopyDBSnapshot":
        this.copySnapshot(region, parameters);
        break;
      case "DeleteDBSnapshot":
        this.snapshots.remove(region, parameters.DBSnapshotIdentifier ?? "");
        break;
      case "ModifyDBParameterGroup":
      case "ResetDBParameterGroup":
        // Which instances use the group is in moto; rereading a handful is quicker than being clever.
        for (const instance of this.in(region)) instance.reread();
        break;
      default: {
        const instance = this.find(region, id);
        if (instance) this.apply(change, instance);
      }
    }
    this.reconcile();
  };

  private apply({ action, parameters }: AwsChange, instance: Instance): void {
    switch (action) {
      case "PromoteReadReplica":
        instance.promote().catch((error: unknown) => {
          this.log(`${instance.region}/${instance.id}: ${(error as Error).message}`);
        });
        break;
      case "ModifyDBInstance": {
        const renamed = parameters.NewDBInstanceIdentifier?.toLowerCase();
        if (renamed !== undefined) this.rename(instance, renamed);
        const password = parameters.MasterUserPassword;
        if (password !== undefined || parameters.DBParameterGroupName !== undefined) instance.modify(password);
        else instance.reread();
        break;
      }
      case "RebootDBInstance":
        instance.reboot();
        break;
      case "StopDBInstance":
        instance.halt();
        break;
      case "StartDBInstance":
        instance.resume();
        break;
      case "CreateDBSnapshot":
        this.takeSnapshot(instance, parameters.DBSnapshotIdentifier ?? "", (folder) =>
          // Nobody waits for those of AWS Backup.
          instance.copyTo(folder, parameters.DBSnapshotIdentifier?.startsWith("awsbackup:")),
        );
        break;
      case "DeleteDBInstance": {
        const final = parameters.SkipFinalSnapshot === "true" ? undefined : parameters.FinalDBSnapshotIdentifier;
        const retain = parameters.DeleteAutomatedBackups === "false";
        if (final === undefined) void this.delete(instance, retain);
        else this.takeSnapshot(instance, final, (folder) => this.delete(instance, retain, folder));
        break;
      }
    }
  }

  private async delete(instance: Instance, retainBackups: boolean, keepAt?: string): Promise<void> {
    const { region, resourceId } = instance;
    this.describeBackups(instance);
    try {
      await instance.delete(keepAt);
    } finally {
      this.backups.close(region, resourceId, retainBackups);
    }
  }

  private takeSnapshot(instance: Instance, id: string, copy: (folder: string) => Promise<void>): void {
    const { region, resourceId, record = {} } = instance;
    this.snapshots.take({ region, id, resourceId, record, ...encryption(record.KmsKeyId) }, copy);
  }

  private copySnapshot(region: string, parameters: Record<string, string>): void {
    const from = parseSnapshotIdentifier(region, parameters.SourceDBSnapshotIdentifier ?? "");
    const source = this.snapshots.find(from.region, from.id);
    if (!source) return;
    const { resourceId, record } = source;
    const id = parameters.TargetDBSnapshotIdentifier ?? "";
    const about = { region, id, resourceId, record, source: from, ...encryption(parameters.KmsKeyId ?? source.kmsKeyId) };
    this.snapshots.take(about, (folder) => this.transfers.folder([from.region, region], source.folder, folder));
  }

  private restoreSnapshot(region: string, id: string, parameters: Record<string, string>): void {
    const snapshot = this.snapshots.find(region, parseSnapshotIdentifier(region, parameters.DBSnapshotIdentifier ?? "").id);
    if (!snapshot) return;
    this.register(region, id, null).restore({
      folder: snapshot.folder,
      failed: (why) => {
        this.report({ region, id }, `The DB instance could not be restored from DB snapshot ${snapshot.id}: ${why}`);
      },
    });
  }

  private restoreToTime(region: string, parameters: Record<string, string>): void {
    const id = (parameters.TargetDBInstanceIdentifier ?? "").toLowerCase();
    const archive = backupToRestore(this.automatedBackupsOf(region), parameters)?.archive;
    const until = archive && restoreTimeOf(archive, parameters);
    const base = until === undefined ? undefined : archive?.baseFor(until);
    if (!archive || until === undefined || !base) return;
    this.register(region, id, null).restore({
      folder: archive.baseFolder(base.name),
      walFolder: archive.walFolder,
      recovery: { restoreCommand: archive.restoreCommand, until },
      failed: (why) => {
        const missing = archive.missingAfter(base);
        const hint = missing === undefined ? "" : `WAL segment ${missing} is missing from the archive; `;
        this.report({ region, id }, `The DB instance could not be restored to ${new Date(until).toISOString()}: ${hint}${why}`);
      },
    });
  }

  private report(instance: InstanceName, message: string): void {
    this.events.push({ instance, at: new Date(), categories: ["failure"], message });
    this.log(`${instance.region}/${instance.id}: ${message}`);
  }

  /** Removes what moto no longer knows, whatever made it forget: a reset, a call that went past the gateway. */
  private reconcile(): void {
    if (this.reconciling) {
      this.reconcileAgain = true;
      return;
    }
    const look = async (): Promise<void> => {
      this.reconcileAgain = false;
      const missing = await this.unrecorded();
      if (missing.length === 0) return;
      // Most often moto has done what the lab is about to be told: a deletion that keeps the data, a new name.
      await sleep(TOLD_WITHIN_MS, undefined, { signal: this.ending.signal }).catch(() => undefined);
      const still = await this.unrecorded();
      for (const instance of missing) if (still.includes(instance)) void this.delete(instance, false);
    };
    this.reconciling = look()
      .catch((error: unknown) => {
        this.log(`moto did not answer: ${String(error)}`);
      })
      .finally(() => {
        this.reconciling = undefined;
        if (this.reconcileAgain) this.reconcile();
      });
  }

  /** Instances that run and that moto has no record of. */
  private async unrecorded(): Promise<Instance[]> {
    const missing: Instance[] = [];
    for (const region of REGIONS) {
      const known = this.in(region);
      if (known.length === 0) continue;
      const recorded = new Set((await this.records.instances(region)).map((r) => r.DBInstanceIdentifier));
      missing.push(...known.filter((instance) => !recorded.has(instance.id) && !instance.leaving));
    }
    return missing;
  }

  private register(region: string, id: string, source: InstanceName | null): Instance {
    if (!this.identity) throw new Error("postgres: not started");
    const n = this.created.get(region) ?? 0;
    this.created.set(region, n + 1);
    const resourceId = this.resourceIdOf(region, id);
    this.named.set(key(region, id), (this.named.get(key(region, id)) ?? 0) + 1);
    const instance = new Instance(
      {
        lab: this.lab,
        records: this.records,
        identity: this.identity,
        outages: this.outages,
        passwords: this.passwords,
        backupTimes: this.times,
        find: (name) => this.find(name.region, name.id),
        forget: (gone) => {
          if (this.find(gone.region, gone.id) === gone) this.instances.delete(key(gone.region, gone.id));
        },
      },
      {
        region,
        id,
        source,
        resourceId,
        archive: this.backups.open({ region, id }, resourceId),
        endpoint: this.lab.world.region(region).database(n),
        folder: join(this.folder, `${region}-${n}`),
        processName: `postgres-${region}-${n}`,
        clusterName: `${this.token}${region}-${n}-`,
      },
    );
    this.instances.set(key(region, id), instance);
    return instance;
  }

  private rename(instance: Instance, id: string): void {
    const { region, id: old } = instance;
    this.instances.delete(key(region, old));
    instance.id = id;
    this.instances.set(key(region, id), instance);
    for (const each of this.instances.values()) {
      if (each.source?.region === region && each.source.id === old) each.source = { region, id };
    }
  }

  private in(region: string): Instance[] {
    return [...this.instances.values()].filter((i) => i.region === region);
  }

  private find(region: string, id: string): Instance | undefined {
    return this.instances.get(key(region, id));
  }

  private need(region: string, id: string): Instance {
    const instance = this.find(region, id);
    if (instance) return instance;
    throw new Error(`postgres: no DB instance ${id} in ${region}; there are ${this.identifiersOf(region).join(", ") || "none"}`);
  }

  private replica(region: string, id: string): Instance {
    const instance = this.need(region, id);
    if (instance.source === null) throw new Error(`postgres: ${region}/${id} is not a replica`);
    return instance;
  }

  private log(message: string): void {
    this.lab.log(this.name, message);
  }
}

function key(region: string, id: string): string {
  return `${region}/${id.toLowerCase()}`;
}

function encryption(kmsKeyId: string | undefined): { kmsKeyId?: string } {
  return kmsKeyId === undefined ? {} : { kmsKeyId };
}

/** How RDS in `region` writes the name of another instance. */
function shown(region: string, other: InstanceName): string {
  return other.region === region ? other.id : `arn:aws:rds:${other.region}:${ACCOUNT}:db:${other.id}`;
}
