import type { BackupClient } from "@aws-sdk/client-backup";
import { callsIn } from "./calls";

/** Attempts at one call of AWS Backup, and how long each may take. */
const ATTEMPTS = 3;
const CALL_MS = 10_000;

/** AWS Backup in one region. Credentials and endpoint come from the environment, as for any AWS tool. */
export async function backupIn(region: string): Promise<BackupClient> {
  const { BackupClient: Service } = await import("@aws-sdk/client-backup");
  return new Service(callsIn(region, ATTEMPTS, CALL_MS));
}
