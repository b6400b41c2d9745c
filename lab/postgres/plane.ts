import type { Endpoint } from "../world";
import type { AutomatedBackup } from "./automated-backups";
import type { Damage, Harm } from "./damage";
import type { InstanceName } from "./instance-name";
import type { InstanceRecord } from "./records";
import type { Replication } from "./replication";
import type { Snapshot } from "./snapshots";

/** `DBInstanceStatus` values that the lab uses. */
export type InstanceState =
  | "creating"
  | "available"
  | "modifying"
  | "rebooting"
  | "starting"
  | "stopping"
  | "stopped"
  | "deleting"
  | "failed"
  | "incompatible-restore";

/** Something that RDS reports of an instance. */
export interface RdsEvent {
  instance: InstanceName;
  at: Date;
  categories: string[];
  message: string;
}

/** What runs behind the DB instances of Amazon RDS. `undefined` means: no such instance, or not one of PostgreSQL. */
export interface RdsPlane {
  /** Identifiers of a region's instances. */
  identifiersOf(region: string): string[];
  endpointOf(region: string, id: string): Endpoint | undefined;
  /** `available` once the copy of the data is whole; `undefined`: no such DB snapshot, or not one of PostgreSQL. */
  snapshotOf(region: string, id: string): Snapshot | undefined;
  /** What is kept in a region: of its instances, of those that are gone, and of other regions' instances. */
  automatedBackupsOf(region: string): AutomatedBackup[];
  /** Ships the backups of an instance to another region from now on. @throws Error when the instance has none */
  replicateBackups(source: InstanceName, region: string, settings: { retention: number; kmsKeyId?: string }): AutomatedBackup;
  /** ARNs of what an instance's backups are replicated to. */
  replicationsOf(backup: AutomatedBackup): string[];
  stopReplicatingBackups(backup: AutomatedBackup): void;
  deleteAutomatedBackup(backup: AutomatedBackup): void;
  /** `KeyState` of a KMS key; `undefined` when there is none. */
  keyStateOf(region: string, keyId: string): Promise<string | undefined>;
  eventsOf(region: string): RdsEvent[];
  isLost(region: string): boolean;
  /** Damages what is kept of each of a region's instances. @throws Error when nothing is */
  harmBackups(region: string, harm: Harm): Damage[];
  /** `available` only while PostgreSQL accepts connections. */
  stateOf(region: string, id: string): InstanceState | undefined;
  /** Source as RDS shows it (an ARN if it is in another region); `null` for a primary, promoted or born so. */
  replicaSourceOf(region: string, id: string): string | null | undefined;
  /** Replicas as RDS shows them at their source, promoted ones left out. */
  replicasOf(region: string, id: string): string[];
  /** `DbiResourceId`, also of an instance that is about to be made. moto gives all instances the same. */
  resourceIdOf(region: string, id: string): string;
  /** What moto records of the instance, whatever its engine. */
  recordOf(region: string, id: string): Promise<InstanceRecord | undefined>;
  /** To be called before moto deletes the instance. */
  prepareDelete(region: string, id: string): Promise<void>;
  /**
   * Promotes for real; resolves once the instance takes writes. Never touches the source. Nothing to do on a primary.
   * The plane calls it by itself after a `PromoteReadReplica` that moto accepted.
   * @throws Error when there is no such instance
   */
  promote(region: string, id: string): Promise<void>;
  /** `undefined` for what is not a replica. */
  replicationOf(region: string, id: string): Promise<Replication | undefined>;
  /**
   * Cuts a replica off: from the returned WAL position on, nothing that the source commits reaches it, although the
   * source goes on and acknowledges. For losses of known size. Lasts over restarts, until resumed or promoted.
   */
  pauseReplication(region: string, id: string): Promise<{ receivedLsn: string | null }>;
  resumeReplication(region: string, id: string): Promise<void>;
}
