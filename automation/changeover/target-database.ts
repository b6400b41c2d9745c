import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { adminClient, hangUp, type DatabaseAddress } from "../probes/database";

const POLL_MS = 10;
const AGAIN_MS = 50;

/**
 * The admin's one connection to the database that takes over, made before writes pause and kept until it is open. Made
 * anew where it broke: RDS starts an instance again that it promotes.
 */
export class TargetDatabase {
  private client: Client | undefined;

  constructor(private readonly address: DatabaseAddress) {}

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
   * Resolves once the server is out of recovery. It is asked itself: the engine's provider asks RDS, every ten seconds and
   * first after thirty. @throws only when the signal is given
   */
  async outOfRecovery(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      try {
        const { rows } = await (await this.connect()).query<{ recovering: boolean }>("select pg_is_in_recovery() as recovering");
        if (rows[0]?.recovering === false) return;
        await sleep(POLL_MS, undefined, { signal });
      } catch {
        this.close();
        await sleep(AGAIN_MS, undefined, { signal });
      }
    }
  }

  close(): void {
    if (this.client) hangUp(this.client);
    this.client = undefined;
  }
}
