import type { DatabaseAddress } from "../probes/database";
import { openSession } from "./session";
import { listTables } from "./tables";

/** Reads every row of a database once, so that a page that cannot be read is known before anybody relies on it. @returns how many there are */
export async function readAll(address: DatabaseAddress, onTable: (table: string) => void): Promise<number> {
  const session = await openSession(address);
  try {
    let sum = 0;
    for (const { name } of (await listTables(session)).values()) {
      onTable(name);
      const [row] = await session.rows<{ rows: string }>(`reading ${name}`, `select count(t.*)::text as rows from only ${name} as t`);
      sum += Number(row?.rows ?? 0);
    }
    return sum;
  } finally {
    session.end();
  }
}
