/**
 * Whether a site's database takes writes, and who said so last. Two things hold a database shut, and both are in the
 * database itself, so that they hold against clients that come straight to its address:
 *
 * - The lease. The services' role is valid until a moment that the guard keeps moving ahead. PostgreSQL looks at it when
 *   somebody logs in. After an outage every session is a new one, and nobody gets one before the guard has looked.
 * - The mark: one row that says open, paused or fenced, since which epoch and at which site. Paused and fenced make new
 *   sessions read-only and end the ones that were there. The row is in the WAL, so a replica has it, and a replica that
 *   is promoted comes up as its source was left.
 *
 * Everything here works for an administrator that is no superuser, as on Amazon RDS: the owner of the database, allowed to make roles,
 * with pg_signal_backend and pg_monitor.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { escapeIdentifier, escapeLiteral, type ClientBase } from "pg";
import { DATABASE_APP } from "../topology/names";
import type { Epoch } from "../topology/roles";
import type { SiteName } from "../topology/schema";

export type WritesState = "open" | "paused" | "fenced";

/** The last word on the database's writes. */
export interface Mark {
  /** Site whose database was marked. Replication carries the row to other sites, where it is still this one's. */
  site: SiteName;
  epoch: Epoch;
  state: WritesState;
  /** Who: a guard, or a driver and its incident. */
  by: string;
  reason: string;
  at: Date;
}

export interface Writes {
  /** When this was read, by the server's clock. */
  at: Date;
  /** It streams from another database; nothing can be changed here. */
  recovering: boolean;
  /** `undefined` before anybody marked it. */
  mark?: Mark;
  /** Milliseconds until the role cannot log in any more, negative after; `undefined` where there is no limit or no role yet. */
  leaseLeftMs?: number;
}

export interface MarkChange {
  /** Name of the database inside; the client is connected to it. */
  database: string;
  /** The services' role. */
  role: string;
  /** Site of this database. */
  site: SiteName;
  epoch: Epoch;
  by: string;
  reason: string;
  /**
   * The mark that was read before this was decided, `null` for none: where it is another one by now, nothing happens.
   * @default whatever it is
   */
  replacing?: Mark | null;
}

export interface Shut {
  /** Flushed end of the WAL, as in `0/3000148`, after the last session that could write was gone: all that was ever acknowledged is before it. */
  lsn: string;
  /** Sessions that were ended. */
  ended: number;
}

/** The mark does not allow it: it is another one than was thought, or belongs to a later epoch. Nothing was changed. */
export class WritesRefused extends Error {
  constructor(
    message: string,
    readonly mark: Mark | undefined,
  ) {
    super(message);
    this.name = "WritesRefused";
  }
}

/**
 * Options of the administrator's own sessions, for `options` of a pg client: they write where everybody else may only
 * read, and stay where idle ones are ended.
 */
export const ADMIN_OPTIONS = "-c default_transaction_read_only=off -c idle_session_timeout=0";

/** How long sessions may take to end, in milliseconds. They need a few; a server that is stuck must not hold the caller for ever. */
const END_MS = 5_000;
const LOOK_AGAIN_MS = 5;

/** Names of client programs that may stay: the guards and the driver, who do not write what they did not mean to. */
const OURS = "changeover%";

/** How long the services may log in. */
export interface Lease {
  /** Milliseconds, by the server's clock. */
  leaseMs: number;
  /**
   * Moment from which it goes: `at` of what was read before this was decided. Whoever was held up between the look and
   * the deed, however long, then gives a lease that has run out already. @default now
   */
  seen?: Date;
}

/** Reads on a primary and on a replica, and changes nothing. @param role the services' role */
export async function readWrites(client: ClientBase, role: string = DATABASE_APP): Promise<Writes> {
  const { rows } = await client.query<{ at: Date; recovering: boolean; marked: boolean; left_ms: number | null }>(
    `select clock_timestamp() as at,
            pg_is_in_recovery() as recovering,
            to_regclass('changeover_guard.writes') is not null as marked,
            (select extract(epoch from rolvaliduntil - clock_timestamp())::float8 * 1000
               from pg_roles where rolname = $1 and isfinite(rolvaliduntil)) as left_ms`,
    [role],
  );
  const [row] = rows;
  if (!row) throw new Error("no answer from the database");
  const mark = row.marked ? await readMark(client) : undefined;
  const { at, recovering, left_ms } = row;
  return { at, recovering, ...(mark && { mark }), ...(left_ms !== null && { leaseLeftMs: left_ms }) };
}

/**
 * Stops writes before a planned move: new sessions are read-only, the ones that were there are ended. Reads go on.
 * @throws WritesRefused where the database is fenced or in a later epoch
 */
export async function pauseWrites(client: ClientBase, change: MarkChange): Promise<Shut> {
  const { database, epoch } = change;
  await changing(client, async (mark) => {
    refuseOther(mark, change);
    refuseLater(mark, epoch);
    if (mark?.state === "fenced") throw new WritesRefused(`it is fenced in epoch ${mark.epoch} by ${mark.by}: ${mark.reason}`, mark);
    await client.query(`alter database ${escapeIdentifier(database)} set default_transaction_read_only = on`);
    await writeMark(client, change, "paused");
  });
  return shut(client, change, "paused");
}

/**
 * Shuts the database until it is opened by name: as paused, and the services' role cannot log in at all. One that is fenced
 * already stays as it was marked; sessions that got in nevertheless are ended.
 *
 * A fence of the site's own epoch is one that its guard lifts when it may. Whoever wants it to stay gives the next epoch.
 * @throws WritesRefused where the database is in a later epoch
 */
export async function fenceWrites(client: ClientBase, change: MarkChange): Promise<Shut> {
  const { database, role, epoch } = change;
  await changing(client, async (mark) => {
    refuseOther(mark, change);
    refuseLater(mark, epoch);
    const { rows } = await client.query<{ read_only: boolean; valid: boolean }>(
      `select exists (select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
                       where d.datname = $1 and s.setrole = 0 and 'default_transaction_read_only=on' = any (s.setconfig)) as read_only,
              exists (select from pg_roles
                       where rolname = $2 and (rolvaliduntil is null or rolvaliduntil > clock_timestamp())) as valid`,
      [database, role],
    );
    if (rows[0]?.read_only !== true) {
      await client.query(`alter database ${escapeIdentifier(database)} set default_transaction_read_only = on`);
    }
    if (rows[0]?.valid !== false) await client.query(`alter role ${escapeIdentifier(role)} valid until '1970-01-01 00:00:00+00'`);
    if (mark?.state !== "fenced" || mark.epoch < epoch) await writeMark(client, change, "fenced");
  });
  return shut(client, change, "fenced");
}

/**
 * Lets the services write, for as long as the lease goes. Undoes a pause and a fence.
 * @param change.replacing also lifts a fence of a later epoch, if that is the mark: whoever set it takes it back
 * @throws WritesRefused where the database is in a later epoch, or `replacing` is not the mark any more
 */
export async function openWrites(client: ClientBase, change: Omit<MarkChange, "reason"> & { reason?: string } & Lease): Promise<void> {
  const { database, role, epoch, replacing } = change;
  await changing(client, async (mark) => {
    refuseOther(mark, change);
    if (!replacing) refuseLater(mark, epoch);
    await client.query(`alter database ${escapeIdentifier(database)} reset default_transaction_read_only`);
    await lease(client, role, change);
    await writeMark(client, { ...change, reason: change.reason ?? "" }, "open");
  });
}

/**
 * Moves the end of the services' role on.
 * @returns whether it did: not where the mark is fenced or another epoch's, nor where there is no such role yet
 */
export async function renewLease(client: ClientBase, of: { role: string; epoch: Epoch } & Lease): Promise<boolean> {
  return changing(client, async (mark) => {
    if (mark?.epoch !== of.epoch || mark.state === "fenced") return false;
    return lease(client, of.role, of);
  });
}

/**
 * One transaction that no other one of these runs beside. Short, and given up rather than waited for: a caller that
 * hangs in it would stop every guard from renewing.
 */
async function changing<T>(client: ClientBase, work: (mark: Mark | undefined) => Promise<T>): Promise<T> {
  try {
    await client.query(
      // An advisory lock, because the first of all has no row to lock. Durable here; what a replica has is the drain's business.
      `begin isolation level read committed read write;
       set local lock_timeout = '2s';
       set local idle_in_transaction_session_timeout = '5s';
       set local synchronous_commit = local;
       select pg_advisory_xact_lock(hashtextextended('changeover_guard.writes', 0))`,
    );
    await prepare(client);
    const result = await work(await readMark(client, "for update"));
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

async function prepare(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ marked: boolean }>("select to_regclass('changeover_guard.writes') is not null as marked");
  if (rows[0]?.marked === true) return;
  // Not called as the administrator is: a schema of one's own name comes first in the search path, also for new tables.
  await client.query(
    `create schema if not exists changeover_guard;
     create table changeover_guard.writes (
       the_only boolean primary key default true check (the_only),
       site text not null,
       epoch int not null,
       state text not null check (state in ('open', 'paused', 'fenced')),
       by text not null,
       reason text not null,
       at timestamptz not null,
       sessions_ended int not null default 0
     );
     comment on table changeover_guard.writes is 'whether this database takes writes, and who said so last'`,
  );
}

async function readMark(client: ClientBase, lock: "" | "for update" = ""): Promise<Mark | undefined> {
  const { rows } = await client.query<Mark>(`select site, epoch, state, by, reason, at from changeover_guard.writes ${lock}`);
  return rows[0];
}

async function writeMark(client: ClientBase, { site, epoch, by, reason }: MarkChange, state: WritesState): Promise<void> {
  await client.query(
    `insert into changeover_guard.writes (site, epoch, state, by, reason, at)
     values ($1, $2, $3, $4, $5, date_trunc('milliseconds', clock_timestamp()))
     on conflict (the_only) do update
        set (site, epoch, state, by, reason, at, sessions_ended) =
            (excluded.site, excluded.epoch, excluded.state, excluded.by, excluded.reason, excluded.at, 0)`,
    [site, epoch, state, by, reason],
  );
}

function refuseOther(mark: Mark | undefined, { replacing }: Pick<MarkChange, "replacing">): void {
  if (replacing === undefined || same(mark, replacing ?? undefined)) return;
  throw new WritesRefused(`it was marked ${mark ? `${mark.state} by ${mark.by} in epoch ${mark.epoch}` : "by nobody"} meanwhile`, mark);
}

function refuseLater(mark: Mark | undefined, epoch: Epoch): void {
  if (mark && mark.epoch > epoch) {
    throw new WritesRefused(`it is ${mark.state} in epoch ${mark.epoch}, which is later than ${epoch}`, mark);
  }
}

function same(a: Mark | undefined, b: Mark | undefined): boolean {
  if (!a || !b) return a === b;
  return a.site === b.site && a.epoch === b.epoch && a.state === b.state && a.by === b.by && a.at.getTime() === b.at.getTime();
}

async function lease(client: ClientBase, role: string, { leaseMs, seen }: Lease): Promise<boolean> {
  const { rows } = await client.query("select from pg_roles where rolname = $1", [role]);
  if (rows.length === 0) return false;
  const from = seen ? `${escapeLiteral(seen.toISOString())}::timestamptz` : "clock_timestamp()";
  // ALTER ROLE takes a literal only.
  await client.query(
    `do $lease$ begin
       execute format('alter role %I valid until %L', ${escapeLiteral(role)}, ${from} + interval '${Math.round(leaseMs)} milliseconds');
     end $lease$`,
  );
  return true;
}

/** Ends the sessions that do not know yet, and reads how far the WAL goes when the last one is gone. */
async function shut(client: ClientBase, { database, role, epoch }: MarkChange, state: WritesState): Promise<Shut> {
  const ended = await endSessions(client, database, role);
  // This commit is flushed, and with it all that was committed before it without waiting for that.
  await changing(client, async (mark) => {
    if (mark?.state !== state || mark.epoch !== epoch) {
      throw new WritesRefused(`it was marked ${mark?.state ?? "by nobody"} while sessions were ended`, mark);
    }
    await client.query("update changeover_guard.writes set sessions_ended = sessions_ended + $1", [ended]);
  });
  const { rows } = await client.query<{ lsn: string }>("select pg_current_wal_flush_lsn()::text as lsn");
  const [row] = rows;
  if (!row) throw new Error("no answer from the database");
  return { lsn: row.lsn, ended };
}

/**
 * Ends every session that began before the settings were committed and may not know them. A session that is just coming
 * up is not listed yet, but it holds a lock on its database from before it reads the settings until after it is listed:
 * so the locks are looked at first, then the list, and who is in neither reads the new settings.
 * @returns how many were ended
 */
export async function endSessions(client: ClientBase, database: string, role: string): Promise<number> {
  const deadline = performance.now() + END_MS;
  const ended = new Set<number>();
  let coming = await comingUp(client, database);
  let writers = await couldWrite(client, database, role);
  const unaware = new Set([...coming, ...writers]);
  for (;;) {
    const left = writers.filter((pid) => unaware.has(pid));
    if (left.length === 0 && !coming.some((pid) => unaware.has(pid))) return ended.size;
    if (performance.now() > deadline) {
      throw new Error(`sessions of ${database} did not end within ${END_MS} ms: ${[...left, ...coming].join(", ")}`);
    }
    if (left.length > 0) await client.query("select pg_terminate_backend(pid) from unnest($1::int[]) as pid", [left]);
    for (const pid of left) ended.add(pid);
    await sleep(LOOK_AGAIN_MS);
    coming = await comingUp(client, database);
    writers = await couldWrite(client, database, role);
  }
}

async function comingUp(client: ClientBase, database: string): Promise<number[]> {
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_locks
      where locktype = 'object' and mode = 'RowExclusiveLock' and pid <> pg_backend_pid()
        and classid = 'pg_database'::regclass and objid = (select oid from pg_database where datname = $1)`,
    [database],
  );
  return rows.map(({ pid }) => pid);
}

/** Replication is not a client backend, and sessions of a superuser (the provider's own) nobody else may end. */
async function couldWrite(client: ClientBase, database: string, role: string): Promise<number[]> {
  const { rows } = await client.query<{ pid: number }>(
    `select a.pid from pg_stat_activity a left join pg_roles r on r.oid = a.usesysid
      where a.datname = $1 and a.pid <> pg_backend_pid()
        and coalesce(a.backend_type, 'client backend') = 'client backend' and r.rolsuper is not true
        and (a.usename = $2 or a.application_name not like '${OURS}')`,
    [database, role],
  );
  return rows.map(({ pid }) => pid);
}
