import type { Client } from "pg";
import { DATABASE_ADMIN, DATABASE_APP } from "../../topology/names";
import { sitesThatAre } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import type { Environment, SiteFacts } from "../facts";
import { adminClient, hangUp, type DatabaseAddress } from "../probes/database";

/** Who is named in the marks that a driver leaves in a database. */
export const markedBy = (incident: { id: string }): string => `driver ${incident.id}`;

/** Where the admin finds a site's database. @throws where the site has none */
export function databaseOf({ site, database }: SiteFacts, secrets: Record<string, string>): DatabaseAddress {
  if (!database) throw new Error(`${site} has no database`);
  return {
    host: database.address,
    port: database.port,
    database: database.name,
    user: DATABASE_ADMIN,
    password: secrets["databasePassword"] ?? "",
    ca: secrets["databaseCa"],
  };
}

/** Runs statements as the admin and disconnects. @param connectTimeoutMs for the connection and for each answer, default 2000 */
export async function asAdmin<T>(address: DatabaseAddress, run: (client: Client) => Promise<T>, connectTimeoutMs = 2_000): Promise<T> {
  const client = adminClient(address, { connectTimeoutMs });
  try {
    await client.connect();
    return await run(client);
  } finally {
    hangUp(client);
  }
}

/** The database and the role whose writes are paused, fenced and opened. */
export function subjectOf({ topology }: Environment): { database: string; role: string } {
  return { database: topology.database.name, role: DATABASE_APP };
}

export function servicesOf({ topology }: Environment): string[] {
  return topology.tiers.flatMap(({ services }) => Object.keys(services));
}

/** Path of the service through which a changeover is verified. */
export function verifyPath({ topology }: Environment): string {
  for (const tier of topology.tiers) {
    const workload = tier.services[topology.verify.service];
    if (workload) return workload.path;
  }
  throw new Error(`no service ${topology.verify.service}`);
}

/** Other sites that may become active: all that are warm. */
export function warmSitesBut({ topology }: Environment, ...sites: SiteName[]): SiteName[] {
  return sitesThatAre("warm", topology).filter((site) => !sites.includes(site));
}
