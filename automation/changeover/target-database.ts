import { setTimeout as sleep } from "node:timers/promises";
import type { RDSClient } from "@aws-sdk/client-rds";
import type { Client } from "pg";
import { adminClient, hangUp, type DatabaseAddress } from "../probes/database";
import { callsIn } from "../probes/calls";

const POLL_MS = 10;
const AGAIN_MS = 50;
/** Attempts at one call of RDS, and how long each may take. */
const ATTEMPTS = 5;
const CALL_MS = 5_000;
/** RDS refuses to promote what it is promoting: an answer that was lost, and the call made again. Then it is done soon. */
const REFUSED_MS = 10_000;

/** The instance, as RDS knows it. */
export interface TargetInstance {
  region: string;
  identifier: string;
  /** As its stack has it: a promotion that does not say it sets it to one day. */
  backupRetentionDays: number;
}

/**
 * The database that takes over: RDS's word to promote it, and the admin's one connection to it, made before writes pause and
 * kept until it is open. Made anew where it broke: RDS starts an instance again that it promotes.
 */
export class TargetDatabase {
  private client: Client | undefined;
  private rds: Promise<RDSClient> | undefined;

  constructor(
    private readonly address: DatabaseAddress,
    private readonly instance: TargetInstance,
  ) {}

  /** Asks RDS for the instance, so that the promotion need not load and connect. @throws where RDS or the instance is not there */
  async warmUp(): Promise<void> {
    const { DescribeDBInstancesCommand } = await import("@aws-sdk/client-rds");
    await (
      await this.service()
    ).send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: this.instance.identifier }), {
      abortSignal: AbortSignal.timeout(ATTEMPTS * CALL_MS),
    });
  }

  /** @throws what keeps it from connecting */
  async connect(): Promise<Client> {
    if (this.client) return this.client;
    const client = adminClient(this.address);
    const gone = (): void => {
      if (this.client === client) this.client = undefined;
    };
    client.once("error", gone).once("end", gone);
    try {
      await client.connect();
    } catch (error) {
      hangUp(client);
      throw error;
    }
    return (this.client = client);
  }

  /**
   * Promotes it, and resolves once the server, which is asked itself, is out of recovery.
   * @returns AWS's id of the request @throws what RDS says, where the server stays in recovery
   */
  async promote(signal: AbortSignal): Promise<{ requestId?: string }> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    let requestId: string | undefined;
    const refused = this.ask(either).then(
      (id) => {
        requestId = id;
        return new Promise<never>(() => undefined);
      },
      async (error: unknown) => {
        await sleep(REFUSED_MS, undefined, { signal: either });
        throw error;
      },
    );
    try {
      await Promise.race([this.outOfRecovery(either), refused]);
      return requestId === undefined ? {} : { requestId };
    } finally {
      over.abort();
    }
  }

  private async ask(signal: AbortSignal): Promise<string | undefined> {
    const { PromoteReadReplicaCommand } = await import("@aws-sdk/client-rds");
    const { identifier, backupRetentionDays } = this.instance;
    const command = new PromoteReadReplicaCommand({ DBInstanceIdentifier: identifier, BackupRetentionPeriod: backupRetentionDays });
    const { $metadata } = await (await this.service()).send(command, { abortSignal: signal });
    return $metadata.requestId;
  }

  /** @throws only when the signal is given */
  private async outOfRecovery(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      try {
        const { rows } = await (await this.connect()).query<{ recovering: boolean }>("select pg_is_in_recovery() as recovering");
        if (rows[0]?.recovering === false) return;
        await sleep(POLL_MS, undefined, { signal });
      } catch {
        this.hangUp();
        await sleep(AGAIN_MS, undefined, { signal });
      }
    }
  }

  private service(): Promise<RDSClient> {
    this.rds ??= import("@aws-sdk/client-rds").then(
      ({ RDSClient: Service }) => new Service(callsIn(this.instance.region, ATTEMPTS, CALL_MS)),
    );
    return this.rds;
  }

  private hangUp(): void {
    if (this.client) hangUp(this.client);
    this.client = undefined;
  }

  /** Lets go of both; whoever asks again connects again. */
  close(): void {
    this.hangUp();
    void this.rds?.then((rds) => {
      rds.destroy();
    });
    this.rds = undefined;
  }
}
