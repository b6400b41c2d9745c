import type { Session } from "./session";

/** A part of a schema. */
export interface Part {
  /** As PostgreSQL writes it. */
  definition: string;
  /** The transaction that wrote it down last, 32 bits. */
  xid: string;
}

/** Not the system's schemas, nor the driver's, nor what is not replicated. */
const PARTS = `
  with schemas as (
    select oid, nspname from pg_namespace
     where nspname not in ('pg_catalog', 'information_schema', 'changeover_guard') and nspname not like 'pg\\_%'
  )
  select format('column %I.%I.%I', n.nspname, c.relname, a.attname) as name,
         concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end, nullif(a.attgenerated, ''),
                   nullif(a.attidentity, ''), pg_get_expr(d.adbin, d.adrelid)) as definition,
         a.xmin::text as xid
    from pg_attribute a join pg_class c on c.oid = a.attrelid join schemas n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f') and c.relpersistence = 'p'
  union all
  select format('constraint %I.%I on %s', n.nspname, k.conname,
                case when k.conrelid = 0 then k.contypid::regtype::text else k.conrelid::regclass::text end),
         pg_get_constraintdef(k.oid), k.xmin::text
    from pg_constraint k join schemas n on n.oid = k.connamespace
   where k.conrelid = 0 or exists (select from pg_class c where c.oid = k.conrelid and c.relpersistence = 'p')
  union all
  select format('index %I.%I', n.nspname, c.relname), pg_get_indexdef(i.indexrelid), c.xmin::text
    from pg_index i join pg_class c on c.oid = i.indexrelid join schemas n on n.oid = c.relnamespace
   where c.relpersistence = 'p'
  union all
  select format('view %I.%I', n.nspname, c.relname), pg_get_viewdef(c.oid), r.xmin::text
    from pg_rewrite r join pg_class c on c.oid = r.ev_class join schemas n on n.oid = c.relnamespace
   where c.relkind in ('v', 'm')
  union all
  select format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
         md5(pg_get_functiondef(p.oid)), p.xmin::text
    from pg_proc p join schemas n on n.oid = p.pronamespace
   where p.prokind in ('f', 'p')
  union all
  select format('trigger %I on %s', t.tgname, t.tgrelid::regclass), pg_get_triggerdef(t.oid), t.xmin::text
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join schemas n on n.oid = c.relnamespace
   where not t.tgisinternal`;

/** Columns, constraints, indexes, views, functions and triggers of a database, by kind and name. @throws ComparisonError */
export async function schemaOf(session: Session): Promise<Map<string, Part>> {
  const rows = await session.rows<Part & { name: string }>("reading the schema", PARTS);
  return new Map(rows.map(({ name, definition, xid }) => [name, { definition, xid }]));
}
