import { ComparisonError, type Session } from "./session";

/** A table that holds rows of its own. Names are as SQL wants them, quoted where they must be. */
export interface UserTable {
  /** With its schema: `public.writes`, `public."Weird Table"`. */
  name: string;
  columns: string[];
  /** Columns of the primary key, in its order; empty where there is none. */
  key: string[];
}

/**
 * What replication carries and a user made: ordinary tables and the leaves of partitioned ones. Not views, which hold
 * nothing; not unlogged and temporary tables, which are not replicated; not the driver's own schema.
 */
const TABLES = `
  select format('%I.%I', n.nspname, c.relname) as name,
         array(select quote_ident(a.attname) from pg_attribute a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns,
         array(select quote_ident(a.attname)
                 from pg_constraint p cross join unnest(p.conkey) with ordinality as part(attnum, place)
                 join pg_attribute a on a.attrelid = c.oid and a.attnum = part.attnum
                where p.conrelid = c.oid and p.contype = 'p' order by part.place) as key,
         has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
         quote_ident(pg_get_userbyid(c.relowner)) as owner,
         quote_ident(current_user) as reader
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'r' and c.relpersistence = 'p'
     and n.nspname not in ('pg_catalog', 'information_schema', 'changeover_guard')
   order by 1`;

interface Row extends UserTable {
  readable: boolean;
  owner: string;
  reader: string;
}

/** The user tables of a database, by name. @throws ComparisonError, also where the login may not read one of them */
export async function listTables(session: Session): Promise<Map<string, UserTable>> {
  const rows = await session.rows<Row>("listing the tables", TABLES);
  const closed = rows.filter(({ readable }) => !readable);
  if (closed.length > 0) {
    const grants = new Set(closed.map(({ owner, reader }) => `grant ${owner} to ${reader}`));
    throw new ComparisonError(
      "listing the tables",
      session.name,
      "42501",
      `no permission to read ${closed.map(({ name }) => name).join(", ")}; at the active site: ${[...grants].join("; ")}`,
    );
  }
  return new Map(rows.map(({ name, columns, key }) => [name, { name, columns, key }]));
}

/** One table on both sides. Only what both have is compared: a migration since does not make every row differ. */
export interface TablePair {
  name: string;
  columns: string[];
  /** Empty: rows are compared whole, as many of each. */
  key: string[];
  columnsOnlyLeft: string[];
  columnsOnlyRight: string[];
}

export interface Pairing {
  pairs: TablePair[];
  /** Tables that the other side does not have. */
  onlyLeft: UserTable[];
  onlyRight: UserTable[];
}

/** Finds for each table the one of the same name on the other side. */
export function pairTables(left: Map<string, UserTable>, right: Map<string, UserTable>): Pairing {
  const pairs: TablePair[] = [];
  for (const table of left.values()) {
    const other = right.get(table.name);
    if (!other) continue;
    const columns = table.columns.filter((column) => other.columns.includes(column));
    const sameKey = table.key.join() === other.key.join();
    pairs.push({
      name: table.name,
      columns,
      key: sameKey ? table.key : [],
      columnsOnlyLeft: table.columns.filter((column) => !columns.includes(column)),
      columnsOnlyRight: other.columns.filter((column) => !columns.includes(column)),
    });
  }
  return {
    pairs,
    onlyLeft: [...left.values()].filter(({ name }) => !right.has(name)),
    onlyRight: [...right.values()].filter(({ name }) => !left.has(name)),
  };
}
