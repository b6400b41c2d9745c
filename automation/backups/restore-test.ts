import type { SiteName } from "../../topology/schema";
import { compareWithBackup, type BackupComparison } from "../comparison/backup";
import { databaseOf } from "../changeover/sites";
import { Refused } from "../errors";
import type { Environment, SiteFacts } from "../facts";
import type { RecoveryPoint } from "../probes/recovery-points";
import { Restores, type RestoredIn } from "../probes/restores";

/** What came of restoring a copy into a database that is thrown away afterwards. */
export interface RestoreTest {
  site: SiteName;
  /** The snapshot. */
  id: string;
  /** When it was taken, ISO 8601. */
  at: string;
  /** From the request to a database that answers, in milliseconds. */
  restoredMs: number;
  comparison: BackupComparison;
}

export interface TestOptions {
  timeoutMs: number;
  signal: AbortSignal;
  /** Told what it waits for. */
  onNote: (note: string) => void;
}

/**
 * Restores a snapshot where it lies, and holds it against the active site's database. The restored one is removed again, whatever happens.
 * @param active the site whose database it is a snapshot of
 * @throws Refused where the site has nothing to restore into; what RDS says; ComparisonError
 */
export async function restoreTest(
  env: Environment,
  active: SiteFacts,
  site: SiteName,
  point: RecoveryPoint,
  { timeoutMs, signal, onNote }: TestOptions,
): Promise<RestoreTest> {
  const { topology, names, workspace } = env;
  const place = (await workspace.outputs(site))["databaseIn"] as RestoredIn | undefined;
  if (!place) throw new Refused(`${site}'s stack names nothing to restore a database into`, `update ${workspace.environment}-${site} once`);
  const restores = new Restores(topology.sites[site]?.region ?? "");
  const target = `${names.site(site).database(1).replace(/-1$/, "")}-verify`;
  const waiting = {
    timeoutMs,
    signal,
    onState: (state: string) => {
      onNote(`${target} is ${state}`);
    },
  };
  const started = performance.now();
  try {
    return await restores.throwAway(
      target,
      waiting,
      () => restores.beginFrom(point.snapshot, target, place, topology.database.instanceClass, false),
      async ({ address: host, port }) => {
        const restoredMs = Math.round(performance.now() - started);
        // The master's password is part of what was backed up.
        const source = databaseOf(active, await workspace.secrets(active.site));
        const copy = { ...source, host, port };
        const comparison = await compareWithBackup(source, copy, {
          onTable: ({ table, rows }) => {
            onNote(`${table}: ${rows} rows`);
          },
        });
        return { site, id: point.snapshot, at: point.at.toISOString(), restoredMs, comparison };
      },
    );
  } finally {
    restores.close();
  }
}
