import {
  CopyDBSnapshotCommand,
  CreateDBSnapshotCommand,
  DeleteDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
  RestoreDBInstanceFromDBSnapshotCommand,
  type DBInstance,
  type DBSnapshot,
  type RestoreDBInstanceFromDBSnapshotMessage,
} from "@aws-sdk/client-rds";
import { setTimeout as sleep } from "node:timers/promises";
import { BACKUP_AGENT } from "../gateway/identify";
import { url, type World } from "../world";

/** Between two looks whether a snapshot or an instance is there. */
const POLL_MS = 250;
/** An endpoint that hangs has to become an error: its region may be lost. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Amazon RDS as AWS Backup uses it, through the gateway like everybody. Each call is made again after a failure without harm. */
export class Rds {
  private readonly clients = new Map<string, RDSClient>();

  /** @param stopped ends what waits, with an error */
  constructor(
    private readonly world: Pick<World, "region">,
    private readonly stopped: AbortSignal,
  ) {}

  async instance(region: string, id: string): Promise<DBInstance | undefined> {
    try {
      return (await this.client(region).send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }))).DBInstances?.[0];
    } catch (error) {
      if ((error as Error).name.startsWith("DBInstanceNotFound")) return undefined;
      throw error;
    }
  }

  async snapshot(region: string, id: string): Promise<DBSnapshot | undefined> {
    try {
      return (await this.client(region).send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: id }))).DBSnapshots?.[0];
    } catch (error) {
      if ((error as Error).name.startsWith("DBSnapshotNotFound")) return undefined;
      throw error;
    }
  }

  /** Resolves when the snapshot is whole. */
  async takeSnapshot(region: string, instance: string, id: string): Promise<DBSnapshot> {
    if (!(await this.snapshot(region, id))) {
      await this.client(region).send(new CreateDBSnapshotCommand({ DBInstanceIdentifier: instance, DBSnapshotIdentifier: id }));
    }
    return this.whole(region, id);
  }

  /** Resolves when the copy is whole. @param source ARN @param keyArn key of `region`; default: the copy is not encrypted */
  async copySnapshot(region: string, source: string, id: string, keyArn?: string): Promise<DBSnapshot> {
    if (!(await this.snapshot(region, id))) {
      await this.client(region).send(
        new CopyDBSnapshotCommand({ SourceDBSnapshotIdentifier: source, TargetDBSnapshotIdentifier: id, KmsKeyId: keyArn }),
      );
    }
    return this.whole(region, id);
  }

  async deleteSnapshot(region: string, id: string): Promise<void> {
    if (await this.snapshot(region, id)) await this.client(region).send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: id }));
  }

  /** Resolves when the instance is available. */
  async restore(region: string, request: RestoreDBInstanceFromDBSnapshotMessage): Promise<DBInstance> {
    const id = request.DBInstanceIdentifier ?? "";
    if (!(await this.instance(region, id))) await this.client(region).send(new RestoreDBInstanceFromDBSnapshotCommand(request));
    for (;;) {
      const found = await this.instance(region, id);
      if (found?.DBInstanceStatus === "available") return found;
      if (found?.DBInstanceStatus !== "creating") throw new Error(`DB instance ${id} is ${found?.DBInstanceStatus ?? "gone"}.`);
      await sleep(POLL_MS, undefined, { signal: this.stopped });
    }
  }

  close(): void {
    for (const client of this.clients.values()) client.destroy();
    this.clients.clear();
  }

  private async whole(region: string, id: string): Promise<DBSnapshot> {
    for (;;) {
      const found = await this.snapshot(region, id);
      if (found?.Status === "available") return found;
      if (found?.Status !== "creating") throw new Error(`DB snapshot ${id} is ${found?.Status ?? "gone"}.`);
      await sleep(POLL_MS, undefined, { signal: this.stopped });
    }
  }

  private client(region: string): RDSClient {
    const known = this.clients.get(region);
    if (known) return known;
    const made = new RDSClient({
      region,
      endpoint: url(this.world.region(region).aws),
      credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
      maxAttempts: 1,
      customUserAgent: BACKUP_AGENT,
      requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
    });
    this.clients.set(region, made);
    return made;
  }
}
