import { readWrites } from "../../guard/writes";
import { BadInput } from "../../topology/errors";
import type { SiteName } from "../../topology/schema";
import { putRows } from "../comparison/put-rows";
import { countRows, type RowCounts } from "../comparison/rows-file";
import { openSession } from "../comparison/session";
import { listTables } from "../comparison/tables";
import { Refused } from "../errors";
import { factsOf, latestActivation, siteFacts, type Environment } from "../facts";
import { Journal } from "../journal";
import type { DatabaseAddress } from "../probes/database";
import type { StepList } from "../steps";
import type { Confirm } from "./failover";
import { thisDriver } from "./incident";
import { journalFile, newIncidentId } from "./incidents";
import { asAdmin, databaseOf } from "./sites";

export interface ReinstateRequest {
  /** File of rows, as a restore or a re-protection wrote it. */
  rows: string;
  /** Names as the file has them. @default every table of the file */
  tables: string[];
  /** A query whose one value is true where the data are sound: with the rows in, or none is put in. */
  check?: string | undefined;
}

export interface Reinstated {
  site: SiteName;
  tables: {
    table: string;
    /** Rows that were put in. */
    inserted: number;
    /** Rows whose key, or another value that may be there only once, is taken. */
    taken: number;
    /** Rows that the file has of both databases, differently: they stay as they are. */
    different: number;
  }[];
  journal: string;
}

/**
 * Puts rows that only a database has which was left into the active one: those that a restore dropped, or that a lost site had
 * acknowledged and never sent on. All of them or none. What is there already stays as it is.
 * @throws BadInput, Refused; Stopped where the database or the check does not take them
 */
export async function reinstate(env: Environment, request: ReinstateRequest, confirm: Confirm, steps: StepList): Promise<Reinstated> {
  const { topology, workspace } = env;
  const { rows, check } = request;
  const counts = chosen(await countRows(rows), request);
  const tables = [...counts.keys()];
  const facts = await siteFacts(env);
  const { activeSite: site, epoch } = latestActivation(topology, facts);
  const own = factsOf(facts, site);
  const address = databaseOf(own, await workspace.secrets(site));
  await refuseUnfit(site, address, tables);

  const missing = [...counts.values()].reduce((sum, count) => sum + count.missing, 0);
  if (!(await confirm(`Put ${missing} rows of ${tables.join(", ")} into ${site}'s database?`)))
    throw new Refused("the operator said no", "run the command again and agree, or give --yes");

  const id = newIncidentId();
  const journal = Journal.create(journalFile(workspace.environment, id), id);
  try {
    journal.append({ event: "reinstating", detail: { site, epoch, ...request, driver: thisDriver() } });
    const inserted = await putRows(address, rows, tables, { check, name: `reinstate ${id}`, steps });
    const found = [...counts].map(([table, count]) => {
      const put = inserted.get(table) ?? 0;
      return { table, inserted: put, taken: count.missing - put, different: count.different };
    });
    journal.append({ event: "finished", detail: { tables: found } });
    return { site, tables: found, journal: journal.file };
  } catch (error) {
    journal.append({ event: "stopped", detail: { message: (error as Error).message } });
    throw error;
  } finally {
    journal.close();
  }
}

/** @throws BadInput where a table is named that the file does not have, or where it has no row to put back */
function chosen(counts: Map<string, RowCounts>, { rows, tables }: ReinstateRequest): Map<string, RowCounts> {
  const absent = tables.filter((table) => !counts.has(table));
  if (absent.length > 0) {
    const may = [...counts.keys()].join(", ") || "it has none";
    throw new BadInput(absent.map((table) => ({ path: "--table", value: table, message: `a table of the file: ${may}` })));
  }
  const found = new Map([...counts].filter(([table, { missing }]) => missing > 0 && (tables.length === 0 || tables.includes(table))));
  if (found.size === 0) throw new BadInput([{ path: "--rows", value: rows, message: "a file with rows that one database had alone" }]);
  return found;
}

/** @throws Refused where it takes no writes, or has not the tables */
async function refuseUnfit(site: SiteName, address: DatabaseAddress, tables: string[]): Promise<void> {
  const { mark, recovering } = await asAdmin(address, (client) => readWrites(client));
  if (recovering || mark?.state !== "open") {
    throw new Refused(
      `${site}'s database takes no writes: ${mark ? `${mark.state} by ${mark.by}` : "nobody has opened it"}`,
      "changeover status shows why",
    );
  }
  const session = await openSession(address);
  const known = await listTables(session).finally(() => {
    session.end();
  });
  const unknown = tables.filter((table) => !known.has(table));
  if (unknown.length > 0) throw new Refused(`${site}'s database has no table ${unknown.join(", ")}`, "name the others with --table");
}
