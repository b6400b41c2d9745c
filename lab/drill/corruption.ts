import { setTimeout as sleep } from "node:timers/promises";
import { CloudWatchClient, DescribeAlarmsCommand } from "@aws-sdk/client-cloudwatch";
import { Client } from "pg";
import type { Workspace } from "../../automation/pulumi/workspace";
import { DATABASE_APP } from "../../topology/names";
import type { SiteName, Topology } from "../../topology/schema";
import { databaseOf } from "./clients";

/** What a corruption leaves, as monitoring finds it and as `changeover restore` is asked for it. */
export const SOUND = "select count(*) = 0 from public.writes where service = ''";

/** Rows that are overwritten, and rows that are deleted, in one transaction: what an update without its `where` does. */
const OVERWRITTEN = 200;
const DELETED = 50;

const OVERWRITE = `update public.writes set service = '', body = '"damaged"'
                    where id in (select id from public.writes order by id limit ${OVERWRITTEN})`;
const DELETE = `delete from public.writes where id in (select id from public.writes where service <> '' order by id limit ${DELETED})`;

/** How often monitoring asks. */
const WATCH_MS = 500;

/** A session of the services' own role: whoever damages data mostly may. */
export async function asService<T>(workspace: Workspace, site: SiteName, run: (client: Client) => Promise<T>): Promise<T> {
  const { database, appPassword, ca } = await databaseOf(workspace, site);
  const client = new Client({ ...database, user: DATABASE_APP, password: appPassword, ssl: { ca } });
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

/** @returns rows that were damaged */
export async function damage(client: Client): Promise<number> {
  await client.query("begin");
  const overwritten = await client.query(OVERWRITE);
  const deleted = await client.query(DELETE);
  await client.query("commit");
  return (overwritten.rowCount ?? 0) + (deleted.rowCount ?? 0);
}

/** Asks until the check does not hold. @returns when that was, milliseconds since 1970 */
export async function noticed(client: Client, signal: AbortSignal): Promise<number> {
  for (;;) {
    const { rows } = await client.query<[boolean]>({ text: SOUND, rowMode: "array" });
    if (rows[0]?.[0] === false) return Date.now();
    await sleep(WATCH_MS, undefined, { signal });
  }
}

/** Alarms of a site that watch a database which it does not work with any more, or none of whose alarms watches the one it does. */
export async function blindAlarms({ sites }: Topology, workspace: Workspace, site: SiteName): Promise<string[]> {
  const { identifier } = (await workspace.outputs(site))["database"] as { identifier: string };
  const cloudwatch = new CloudWatchClient({ region: sites[site]?.region ?? "" });
  try {
    const { MetricAlarms = [] } = await cloudwatch.send(new DescribeAlarmsCommand({}));
    const watched = MetricAlarms.flatMap(({ AlarmName: alarm = "", Dimensions = [] }) =>
      Dimensions.flatMap(({ Name, Value }) => (Name === "DBInstanceIdentifier" ? [{ alarm, database: Value }] : [])),
    );
    const blind = watched.filter(({ database }) => database !== identifier).map(({ alarm }) => alarm);
    return watched.length === 0 ? [`none watches ${identifier}`] : blind;
  } finally {
    cloudwatch.destroy();
  }
}
