import { setTimeout as sleep } from "node:timers/promises";
import type { DBInstance, RDSClient } from "@aws-sdk/client-rds";
import { RESTORED_TAG } from "../../topology/names";
import { callsIn } from "./calls";

const POLL_MS = 500;
/** Attempts at one call of RDS, and how long each may take. */
const ATTEMPTS = 5;
const CALL_MS = 10_000;

/** Moments that an instance can be restored to. */
export interface RestoreWindow {
  earliest: Date;
  latest: Date;
}

/** A copy of an instance that was taken once. */
export interface Snapshot {
  id: string;
  /** Moment of its content. */
  at: Date;
}

export interface Place {
  address: string;
  port: number;
  /** AWS's own number of the instance, as in `db-ABCDEFGHIJKL`. */
  resourceId: string;
}

/** Where an instance is made: names of the region's groups. */
export interface RestoredIn {
  subnetGroup: string;
  parameterGroup: string;
  securityGroupId: string;
}

export interface Waiting {
  timeoutMs: number;
  signal: AbortSignal;
  /** Told what RDS calls the instance's state, each time that it was asked. */
  onState: (state: string) => void;
}

/** RDS made no database of it, and says why. */
export class RestoreFailed extends Error {}

/** Restores of RDS instances in one region. Credentials and endpoint come from the environment, as for any AWS tool. */
export class Restores {
  private client: Promise<RDSClient> | undefined;

  constructor(private readonly region: string) {}

  /** @returns `undefined` where RDS keeps no automated backup of it that is complete */
  async window(identifier: string): Promise<RestoreWindow | undefined> {
    const { DescribeDBInstanceAutomatedBackupsCommand } = await import("@aws-sdk/client-rds");
    const { DBInstanceAutomatedBackups = [] } = await (
      await this.rds()
    ).send(new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier: identifier }));
    const { EarliestTime: earliest, LatestTime: latest } =
      DBInstanceAutomatedBackups.find(({ Status }) => Status === "active")?.RestoreWindow ?? {};
    return earliest && latest ? { earliest, latest } : undefined;
  }

  /**
   * Waits until RDS can restore an instance to a moment that has passed: it ships the log every few minutes.
   * @throws RestoreFailed where it does not in time
   */
  async reaches(identifier: string, moment: Date, { timeoutMs, signal, onState }: Waiting): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const window = await this.window(identifier);
      if (window && window.latest >= moment) return;
      const kept = window ? `RDS keeps ${identifier} up to ${window.latest.toISOString()} so far` : `RDS keeps nothing of ${identifier}`;
      if (performance.now() > until) throw new RestoreFailed(`${kept}, not up to ${moment.toISOString()}`);
      onState(`${kept}; waiting for ${moment.toISOString()}`);
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** Complete snapshots of an instance, the newest first. */
  async snapshots(identifier: string): Promise<Snapshot[]> {
    const { DescribeDBSnapshotsCommand } = await import("@aws-sdk/client-rds");
    const { DBSnapshots = [] } = await (await this.rds()).send(new DescribeDBSnapshotsCommand({ DBInstanceIdentifier: identifier }));
    return DBSnapshots.flatMap(({ DBSnapshotIdentifier: id, SnapshotCreateTime: at, Status }) =>
      id !== undefined && at && Status === "available" ? [{ id, at }] : [],
    ).sort((a, b) => b.at.getTime() - a.at.getTime());
  }

  /**
   * Asks RDS for a new instance with what the source had at a moment, set up as the source is. Once: one of the name that is
   * there already is the answer to an earlier call.
   * @returns AWS's id of the request @throws what RDS says; then there is nothing new
   */
  async begin(source: string, target: string, at: Date): Promise<string | undefined> {
    const { DBInstanceAlreadyExistsFault, RestoreDBInstanceToPointInTimeCommand } = await import("@aws-sdk/client-rds");
    const like = await this.instance(source);
    if (!like) throw new Error(`RDS knows no instance ${source}`);
    try {
      const { $metadata } = await (
        await this.rds()
      ).send(
        new RestoreDBInstanceToPointInTimeCommand({
          SourceDBInstanceIdentifier: source,
          TargetDBInstanceIdentifier: target,
          RestoreTime: at,
          DBInstanceClass: like.DBInstanceClass,
          MultiAZ: like.MultiAZ,
          StorageType: like.StorageType,
          DBSubnetGroupName: like.DBSubnetGroup?.DBSubnetGroupName,
          VpcSecurityGroupIds: like.VpcSecurityGroups?.flatMap(({ VpcSecurityGroupId: id }) => id ?? []),
          DBParameterGroupName: like.DBParameterGroups?.[0]?.DBParameterGroupName,
          AutoMinorVersionUpgrade: like.AutoMinorVersionUpgrade,
          PubliclyAccessible: like.PubliclyAccessible,
          CopyTagsToSnapshot: like.CopyTagsToSnapshot,
          Tags: [...(like.TagList ?? []), { Key: RESTORED_TAG.key, Value: RESTORED_TAG.value }],
        }),
      );
      return $metadata.requestId;
    } catch (error) {
      if (error instanceof DBInstanceAlreadyExistsFault) return undefined;
      throw error;
    }
  }

  /**
   * Asks RDS for a new instance with what a snapshot of this region has. Once, as `begin`. It is not protected: `keep` does that.
   * @param snapshot identifier @param instanceClass as in `db.r6g.large` @param multiAz whether it is to be in two zones
   * @returns AWS's own number of it
   */
  async beginFrom(
    snapshot: string,
    target: string,
    { subnetGroup, parameterGroup, securityGroupId }: RestoredIn,
    instanceClass: string,
    multiAz: boolean,
  ): Promise<string> {
    const { DBInstanceAlreadyExistsFault, RestoreDBInstanceFromDBSnapshotCommand } = await import("@aws-sdk/client-rds");
    let made: DBInstance | undefined;
    try {
      ({ DBInstance: made } = await (
        await this.rds()
      ).send(
        new RestoreDBInstanceFromDBSnapshotCommand({
          DBSnapshotIdentifier: snapshot,
          DBInstanceIdentifier: target,
          DBInstanceClass: instanceClass,
          MultiAZ: multiAz,
          StorageType: "gp3",
          CopyTagsToSnapshot: true,
          DBSubnetGroupName: subnetGroup,
          DBParameterGroupName: parameterGroup,
          VpcSecurityGroupIds: [securityGroupId],
          PubliclyAccessible: false,
          AutoMinorVersionUpgrade: false,
          Tags: [{ Key: RESTORED_TAG.key, Value: RESTORED_TAG.value }],
        }),
      ));
    } catch (error) {
      if (!(error instanceof DBInstanceAlreadyExistsFault)) throw error;
      made = await this.instance(target);
    }
    if (made?.DbiResourceId === undefined) throw new Error(`RDS does not say which instance ${target} is`);
    return made.DbiResourceId;
  }

  /** Waits until the new instance can be used. @throws RestoreFailed with what RDS says of it */
  async done(target: string, { timeoutMs, signal, onState }: Waiting): Promise<Place> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const found = await this.instance(target);
      const state = found?.DBInstanceStatus ?? "gone";
      onState(state);
      if (/^(incompatible-|failed|gone)/.test(state)) throw new RestoreFailed(`${target} is ${state}: ${await this.lastWord(target)}`);
      const { Address: address, Port: port } = found?.Endpoint ?? {};
      const resourceId = found?.DbiResourceId;
      if (state === "available" && address !== undefined && port !== undefined && resourceId !== undefined)
        return { address, port, resourceId };
      if (performance.now() > until) throw new RestoreFailed(`${target} is still ${state}`);
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** Begins to remove an instance that nobody uses; one that is not there is no error. */
  async remove(target: string): Promise<void> {
    const { DBInstanceNotFoundFault, DeleteDBInstanceCommand, ModifyDBInstanceCommand } = await import("@aws-sdk/client-rds");
    const rds = await this.rds();
    try {
      const found = await this.instance(target);
      if (!found) return;
      if (found.DeletionProtection === true)
        await rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: target, DeletionProtection: false, ApplyImmediately: true }));
      await rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: target, SkipFinalSnapshot: true, DeleteAutomatedBackups: true }));
    } catch (error) {
      if (!(error instanceof DBInstanceNotFoundFault)) throw error;
    }
  }

  /** Waits until an instance that was removed is not there any more: only then its name may be given again. */
  async gone(target: string, { timeoutMs, signal }: Waiting): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (await this.instance(target)) {
      if (performance.now() > until) throw new Error(`${target} is still being removed`);
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /**
   * Has an instance made, uses it, and removes it again, whatever happens.
   * @param begin asks RDS for it
   */
  async throwAway<T>(target: string, waiting: Waiting, begin: () => Promise<unknown>, use: (place: Place) => Promise<T>): Promise<T> {
    try {
      // One that somebody left who was killed has other data.
      await this.remove(target);
      await this.gone(target, waiting);
      await begin();
      return await use(await this.done(target, waiting));
    } finally {
      await this.remove(target);
      await this.gone(target, { ...waiting, signal: new AbortController().signal });
    }
  }

  close(): void {
    void this.client?.then((client) => {
      client.destroy();
    });
    this.client = undefined;
  }

  /** Gives an instance what a restore does not take: automated backups, and protection from deletion. */
  async keep(backupRetentionDays: number, target: string, waiting: Waiting): Promise<void> {
    const { ModifyDBInstanceCommand } = await import("@aws-sdk/client-rds");
    await (
      await this.rds()
    ).send(
      new ModifyDBInstanceCommand({
        DBInstanceIdentifier: target,
        DeletionProtection: true,
        BackupRetentionPeriod: backupRetentionDays,
        ApplyImmediately: true,
      }),
    );
    await this.done(target, waiting);
  }

  private async instance(identifier: string): Promise<DBInstance | undefined> {
    const { DBInstanceNotFoundFault, DescribeDBInstancesCommand } = await import("@aws-sdk/client-rds");
    try {
      const { DBInstances = [] } = await (await this.rds()).send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }));
      return DBInstances[0];
    } catch (error) {
      if (error instanceof DBInstanceNotFoundFault) return undefined;
      throw error;
    }
  }

  /** What RDS last reported of an instance. */
  private async lastWord(identifier: string): Promise<string> {
    const { DescribeEventsCommand } = await import("@aws-sdk/client-rds");
    const { Events = [] } = await (
      await this.rds()
    ).send(new DescribeEventsCommand({ SourceIdentifier: identifier, SourceType: "db-instance", Duration: 24 * 60 }));
    return Events.at(-1)?.Message ?? "RDS says no more of it";
  }

  private rds(): Promise<RDSClient> {
    this.client ??= import("@aws-sdk/client-rds").then(({ RDSClient: Service }) => new Service(callsIn(this.region, ATTEMPTS, CALL_MS)));
    return this.client;
  }
}
