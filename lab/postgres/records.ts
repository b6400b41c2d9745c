import {
  DescribeDBInstancesCommand,
  DescribeDBParametersCommand,
  ModifyDBInstanceCommand,
  PromoteReadReplicaCommand,
  RDSClient,
  type DBInstance,
} from "@aws-sdk/client-rds";
import { DescribeKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { url, type World } from "../world";

export type InstanceRecord = DBInstance;

/** What moto records about DB instances, read from it directly: these calls are not counted as the product's. */
export class Records {
  private readonly clients = new Map<string, RDSClient>();

  constructor(private readonly world: Pick<World, "moto">) {}

  private client(region: string): RDSClient {
    const known = this.clients.get(region);
    if (known) return known;
    const made = new RDSClient(this.options(region));
    this.clients.set(region, made);
    return made;
  }

  private options(region: string) {
    return { region, endpoint: url(this.world.moto), credentials: { accessKeyId: "lab", secretAccessKey: "lab" }, maxAttempts: 1 };
  }

  /** `KeyState` of a KMS key; `undefined` when there is none. */
  async keyState(region: string, keyId: string): Promise<string | undefined> {
    const kms = new KMSClient(this.options(region));
    try {
      return (await kms.send(new DescribeKeyCommand({ KeyId: keyId }))).KeyMetadata?.KeyState;
    } catch (error) {
      if ((error as Error).name === "NotFoundException") return undefined;
      throw error;
    } finally {
      kms.destroy();
    }
  }

  async instances(region: string): Promise<InstanceRecord[]> {
    const found: InstanceRecord[] = [];
    let marker: string | undefined;
    do {
      const page = await this.client(region).send(new DescribeDBInstancesCommand({ Marker: marker }));
      found.push(...(page.DBInstances ?? []));
      marker = page.Marker;
    } while (marker !== undefined);
    return found;
  }

  async instance(region: string, id: string): Promise<InstanceRecord | undefined> {
    try {
      const page = await this.client(region).send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }));
      return page.DBInstances?.[0];
    } catch (error) {
      if ((error as Error).name.startsWith("DBInstanceNotFound")) return undefined;
      throw error;
    }
  }

  /** Parameters that the owner of the instance's DB parameter group has set. */
  async parameters(region: string, record: InstanceRecord): Promise<Record<string, string>> {
    const group = record.DBParameterGroups?.[0]?.DBParameterGroupName;
    if (group === undefined || group.startsWith("default.")) return {};
    const found: Record<string, string> = {};
    let marker: string | undefined;
    do {
      const page = await this.client(region).send(new DescribeDBParametersCommand({ DBParameterGroupName: group, Marker: marker }));
      for (const { ParameterName: name, ParameterValue: value } of page.Parameters ?? []) {
        if (name !== undefined && value !== undefined) found[name] = value;
      }
      marker = page.Marker;
    } while (marker !== undefined);
    return found;
  }

  /** A replica starts without automated backups; moto copies its source's. */
  async withoutBackups(region: string, id: string): Promise<void> {
    await this.client(region).send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: id, BackupRetentionPeriod: 0 }));
  }

  /** Makes moto forget that the instance is a replica, without which it cannot delete a replica of another region. */
  async unlink(region: string, id: string): Promise<void> {
    await this.client(region).send(new PromoteReadReplicaCommand({ DBInstanceIdentifier: id }));
  }

  close(): void {
    for (const client of this.clients.values()) client.destroy();
    this.clients.clear();
  }
}
