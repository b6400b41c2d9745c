import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AwsChange, LabContext, LabPart, OutageMode } from "../part";
import { REGIONS, type Endpoint } from "../world";
import { killOrphans } from "./family";
import { databaseIdentity, type Identity } from "./identity";
import { Instance } from "./instance";
import { Outages } from "./outages";
import { parseIdentifier, type InstanceName, type InstanceState, type RdsPlane } from "./plane";
import { Records, type InstanceRecord } from "./records";
import type { Replication } from "./replication";
import { freezeServers, killServers, removeDataFolder, thawServers } from "./server";
import { Snapshots, type SnapshotState } from "./snapshots";

export type { InstanceState, RdsPlane } from "./plane";
export type { Replication } from "./replication";

/** Account of all ARNs in the lab. */
const ACCOUNT = "123456789012";

/** A PostgreSQL server for each DB instance of PostgreSQL that moto records, at `region.database(n)`. */
export function createPostgres(lab: LabContext): LabPart & RdsPlane {
  return new PostgresPlane(lab);
}

class PostgresPlane implements LabPart, RdsPlane {
  readonly name = "postgres";
  private readonly instances = new Map<string, Instance>();
  /** How many each region has had; addresses are not used twice. */
  private readonly created = new Map<string, number>();
  private readonly outages = new Outages();
  private readonly records: Records;
  private readonly snapshots: Snapshots;
  private readonly folder: string;
  /** Marks processes of this lab among others on the machine. */
  private readonly token: string;
  /** Of logins that only the lab has; also in `passwords.json` for whoever debugs a server. */
  private readonly passwords = { admin: randomBytes(16).toString("hex"), replication: randomBytes(16).toString("hex") };
  private identity: Identity | undefined;
  private reconciling: Promise<void> | undefined;
  private reconcileAgain = false;

  constructor(private readonly lab: LabContext) {
    this.records = new Records(lab.world);
    this.folder = join(lab.folder, this.name);
    this.snapshots = new Snapshots(join(this.folder, "snapshots"), (message) => {
      this.log(message);
    });
    this.token = `lab-${createHash("sha256").update(lab.folder).digest("hex").slice(0, 8)}-`;
  }

  // --- part ---

  async start(): Promise<void> {
    const orphans = await killOrphans(this.token);
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
    while (this.reconciling) await this.reconciling;
    await Promise.all([...this.instances.values()].map((instance) => instance.close()));
    this.records.close();
  }

  async outage(region: string, mode: OutageMode): Promise<void> {
    const before = this.outages.modeOf(region);
    if (before === "stop" || before === mode) return;
    this.outages.begin(region, mode);
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

  snapshotStateOf(region: string, id: string): SnapshotState | undefined {
    return this.snapshots.stateOf(region, id);
  }

  resourceIdOf(region: string, id: string): string {
    const name = this.find(region, id)?.bornAs ?? key(region, id);
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
        this.snapshots.take(instance.region, parameters.DBSnapshotIdentifier ?? "", (folder) => instance.copyTo(folder));
        break;
      case "DeleteDBInstance": {
        const final = parameters.SkipFinalSnapshot === "true" ? undefined : parameters.FinalDBSnapshotIdentifier;
        if (final === undefined) void instance.delete();
        else this.snapshots.take(instance.region, final, (folder) => instance.delete(folder));
        break;
      }
    }
  }

  /** Removes what moto no longer knows, whatever made it forget: a reset, a call that went past the gateway. */
  private reconcile(): void {
    if (this.reconciling) {
      this.reconcileAgain = true;
      return;
    }
    const look = async (): Promise<void> => {
      this.reconcileAgain = false;
      for (const region of REGIONS) {
        const known = this.in(region);
        if (known.length === 0) continue;
        const recorded = new Set((await this.records.instances(region)).map((r) => r.DBInstanceIdentifier));
        for (const instance of known) if (!recorded.has(instance.id) && !instance.leaving) void instance.delete();
      }
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

  private register(region: string, id: string, source: InstanceName | null): Instance {
    if (!this.identity) throw new Error("postgres: not started");
    const n = this.created.get(region) ?? 0;
    this.created.set(region, n + 1);
    const instance = new Instance(
      {
        lab: this.lab,
        records: this.records,
        identity: this.identity,
        outages: this.outages,
        passwords: this.passwords,
        find: (name) => this.find(name.region, name.id),
        forget: (gone) => {
          if (this.find(gone.region, gone.id) === gone) this.instances.delete(key(gone.region, gone.id));
        },
      },
      {
        region,
        id,
        source,
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

/** How RDS in `region` writes the name of another instance. */
function shown(region: string, other: InstanceName): string {
  return other.region === region ? other.id : `arn:aws:rds:${other.region}:${ACCOUNT}:db:${other.id}`;
}
