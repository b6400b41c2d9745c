import { KMSClient } from "@aws-sdk/client-kms";
import { CreateDBInstanceCommand, RDSClient, type CreateDBInstanceCommandInput, type DBInstance } from "@aws-sdk/client-rds";
import { Client, type QueryResultRow } from "pg";
import { createGateway, type Gateway } from "../../lab/gateway";
import type { Mend } from "../../lab/gateway/mend";
import { rdsMend } from "../../lab/gateway/rds";
import { createMoto } from "../../lab/moto";
import type { LabPart } from "../../lab/part";
import { createPostgres, type RdsPlane } from "../../lab/postgres";
import type { BackupTimes } from "../../lab/postgres/keeper";
import { url } from "../../lab/world";
import { testLab, type TestLab } from "../unit/lab/context";
import { until as holds } from "./server-pair";

/** Away from every address of a lab that may be running. */
const SHIFT = 50;

export const PASSWORD = "first-password";

/** RDS of a lab's regions, without the other parts of one: moto, the gateway, and PostgreSQL behind the instances. */
export class RdsLab {
  private constructor(
    readonly lab: TestLab,
    readonly plane: LabPart & RdsPlane,
    readonly gateway: Gateway,
    private readonly parts: readonly LabPart[],
  ) {}

  /** @param more another part that the gateway hands calls to */
  static async start(times: Partial<BackupTimes>, more?: (lab: TestLab) => LabPart & { mends: Mend[] }): Promise<RdsLab> {
    const lab = await testLab(SHIFT);
    const plane = createPostgres(lab, times);
    const others = more ? [more(lab)] : [];
    const gateway = createGateway(lab, [...others.flatMap(({ mends }) => mends), rdsMend(plane)]);
    const parts = [createMoto(lab), gateway, plane, ...others];
    for (const part of parts) await part.start();
    return new RdsLab(lab, plane, gateway, parts);
  }

  /** @returns what of its processes was left by then */
  async stop(): Promise<string[]> {
    for (const part of this.parts.toReversed()) await part.stop();
    const left = this.lab.processes.list().map(({ spec }) => spec.name);
    await this.lab.dispose();
    return left;
  }

  /** How a client of AWS reaches a region. */
  options(region: string) {
    return {
      region,
      endpoint: url(this.lab.world.region(region).aws),
      credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
      maxAttempts: 1,
    };
  }

  rds(region: string): RDSClient {
    return new RDSClient(this.options(region));
  }

  kms(region: string): KMSClient {
    return new KMSClient(this.options(region));
  }

  /** Asks for an instance; it becomes available later. */
  async create(region: string, id: string, more: Partial<CreateDBInstanceCommandInput> = {}): Promise<DBInstance | undefined> {
    const input = {
      DBInstanceIdentifier: id,
      DBInstanceClass: "db.m6g.large",
      Engine: "postgres",
      EngineVersion: "15.8",
      MasterUsername: "service",
      MasterUserPassword: PASSWORD,
      DBName: "service",
      AllocatedStorage: 20,
      BackupRetentionPeriod: 7,
    };
    return (await this.rds(region).send(new CreateDBInstanceCommand({ ...input, ...more }))).DBInstance;
  }

  login(region: string, id: string, { password = PASSWORD, timeoutMs = 5_000 } = {}): Client {
    const endpoint = this.plane.endpointOf(region, id);
    if (!endpoint) throw new Error(`nothing runs behind ${region}/${id}`);
    const user = { user: "service", password, database: "service", ssl: { ca: this.lab.certificates.caCert } };
    const connection = new Client({ ...endpoint, ...user, connectionTimeoutMillis: timeoutMs });
    connection.on("error", () => undefined);
    return connection;
  }

  async sql<T extends QueryResultRow>(
    region: string,
    id: string,
    text: string,
    as: { password?: string; timeoutMs?: number } = {},
  ): Promise<T[]> {
    const connection = this.login(region, id, as);
    try {
      await connection.connect();
      return (await connection.query<T>(text)).rows;
    } finally {
      void connection.end().catch(() => undefined);
    }
  }

  async lose(region: string): Promise<void> {
    await Promise.all(this.parts.map(async (part) => part.outage?.(region, "stop")));
  }

  async heal(region: string): Promise<void> {
    for (const part of this.parts) await part.heal?.(region);
  }
}

/** As with a pair of servers, in the time that RDS may take. */
export function until(condition: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  return holds(condition, timeoutMs);
}
