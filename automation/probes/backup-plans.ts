import type { BackupClient } from "@aws-sdk/client-backup";
import { backupIn } from "./backup-client";

/** The number that AWS Backup gave a plan of this name. @throws where it does not answer */
export function planNamed(region: string, name: string): Promise<string | undefined> {
  return asked(region, async (client) => {
    const { paginateListBackupPlans } = await import("@aws-sdk/client-backup");
    for await (const { BackupPlansList = [] } of paginateListBackupPlans({ client }, {})) {
      const found = BackupPlansList.find(({ BackupPlanName }) => BackupPlanName === name);
      if (found) return found.BackupPlanId;
    }
    return undefined;
  });
}

/** The number that it gave a plan's selection of this name. @throws where it does not answer */
export function selectionNamed(region: string, planId: string, name: string): Promise<string | undefined> {
  return asked(region, async (client) => {
    const { paginateListBackupSelections } = await import("@aws-sdk/client-backup");
    for await (const { BackupSelectionsList = [] } of paginateListBackupSelections({ client }, { BackupPlanId: planId })) {
      const found = BackupSelectionsList.find(({ SelectionName }) => SelectionName === name);
      if (found) return found.SelectionId;
    }
    return undefined;
  });
}

async function asked<T>(region: string, ask: (client: BackupClient) => Promise<T>): Promise<T> {
  const client = await backupIn(region);
  try {
    return await ask(client);
  } finally {
    client.destroy();
  }
}
