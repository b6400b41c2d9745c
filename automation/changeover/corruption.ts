import { openSession, type Session } from "../comparison/session";
import { BadInput } from "../../topology/errors";
import type { DatabaseAddress } from "../probes/database";
import type { RestoreWindow, Restores, Waiting } from "../probes/restores";
import { Refused } from "../errors";
import { breakingSecond, NeverHeld, type Suspect } from "./bisect";

/** What is looked for, and where. */
export interface Search {
  /** The damaged database. */
  damaged: { identifier: string; address: DatabaseAddress };
  check: string;
  window: RestoreWindow;
  /** Nothing before is looked at. */
  since?: Date | undefined;
  restoreTimeoutMs: number;
  signal: AbortSignal;
  onNote: (note: string) => void;
}

/** Whether a query of the operator's holds. @throws BadInput where it is no question, ComparisonError */
export async function holds(address: DatabaseAddress, check: string): Promise<boolean> {
  const session = await openSession(address);
  try {
    await session.rows("setting up the check", "set search_path to default");
    const rows = await session.rows<Record<string, unknown>>("running the check", check);
    const values = rows.flatMap((row) => Object.values(row));
    if (values.length !== 1 || typeof values[0] !== "boolean") {
      throw new BadInput([
        {
          path: "--check",
          value: check,
          message: "a query with one row of one boolean, as in: select count(*) = 0 from payments where amount < 0",
        },
      ]);
    }
    return values[0];
  } finally {
    session.end();
  }
}

/**
 * Finds the last moment at which the check held, to the second, by restoring the database to one moment and another and asking
 * there. Each copy is removed again.
 * @returns that moment, and how many copies it took
 * @throws Refused where there is no such moment
 */
export async function lastSound(restores: Restores, search: Search): Promise<{ at: Date; looks: number }> {
  const { damaged, check, window, since, restoreTimeoutMs: timeoutMs, signal, onNote } = search;
  const from = Math.max(window.earliest.getTime(), since?.getTime() ?? 0);
  const found = await suspectsOf(damaged.address, check, new Date(from));
  // The copy is of the moment before it began, which has to be within the window.
  const suspects = found.suspects.filter(({ second }) => second * 1_000 > from);
  if (suspects.length === 0) throw new Refused("nothing was written that RDS could restore to the moment before", "give --to");
  onNote(`${suspects.length} seconds may have done it`);
  await restores.reaches(damaged.identifier, found.until, { timeoutMs, signal, onState: onNote });
  try {
    const { second, looks } = await breakingSecond(suspects, async (candidate) => {
      const at = momentBefore(candidate);
      onNote(`looking at ${at.toISOString()}`);
      return heldAt(restores, search, at);
    });
    return { at: momentBefore(second), looks };
  } catch (error) {
    if (!(error instanceof NeverHeld)) throw error;
    throw new Refused(
      `the check does not hold at any moment from ${new Date(from).toISOString()} on: ${error.message}`,
      since ? "give an earlier --since, or another check" : "the damage is older than the backups, or the check finds something else",
    );
  }
}

const momentBefore = (second: number): Date => new Date(second * 1_000 - 1);

const copyOf = (identifier: string): string => `${identifier}-look`;

async function heldAt(restores: Restores, { damaged, check, restoreTimeoutMs, signal, onNote }: Search, at: Date): Promise<boolean> {
  const copy = copyOf(damaged.identifier);
  const waiting: Waiting = {
    timeoutMs: restoreTimeoutMs,
    signal,
    onState: (state) => {
      onNote(`a copy as of ${at.toISOString()} is ${state}`);
    },
  };
  return restores.throwAway(
    copy,
    waiting,
    () => restores.begin(damaged.identifier, copy, at),
    ({ address: host, port }) => holds({ ...damaged.address, host, port }, check),
  );
}

/**
 * Seconds in which something was committed to a table that the check reads, as the rows tell that are there now. The more
 * rows of a table one transaction wrote, the more it is suspected: what does damage mostly does much of it. Without commit
 * times, every second is as good as another.
 * @returns in ascending order, and the moment that was looked at: nothing is known of what came after
 */
async function suspectsOf(address: DatabaseAddress, check: string, from: Date): Promise<{ suspects: Suspect[]; until: Date }> {
  const session = await openSession(address);
  try {
    await session.rows("setting up the search", "set search_path to default");
    const [tracked] = await session.rows<{ on: boolean; now: Date }>(
      "asking for commit times",
      "select current_setting('track_commit_timestamp')::boolean as on, clock_timestamp() as now",
    );
    const until = tracked?.now ?? new Date();
    const every = (): Suspect[] => {
      const [first, last] = [from, until].map((at) => Math.floor(at.getTime() / 1_000)) as [number, number];
      return Array.from({ length: last - first + 1 }, (_, i) => ({ second: first + i, weight: 1 }));
    };
    if (tracked?.on !== true) return { suspects: every(), until };
    const weights = new Map<number, number>();
    for (const table of await tablesOf(session, check)) {
      const rows = await session.rows<{ second: number; most: number }>(
        `reading the commit times of ${table}`,
        `select extract(epoch from date_trunc('second', pg_xact_commit_timestamp(xmin)))::float8 as second, max(count)::float8 as most
           from (select xmin, count(*) from only ${table} group by xmin) as transactions
          where pg_xact_commit_timestamp(xmin) is not null group by 1`,
      );
      for (const { second, most } of rows) weights.set(second, (weights.get(second) ?? 0) + most ** 2);
    }
    // What was deleted left no row that could tell: then any second may have done it, and those with rows no more than others.
    for (const { second, weight } of every()) weights.set(second, Math.max(weights.get(second) ?? 0, weight));
    const last = Math.floor(until.getTime() / 1_000);
    const suspects = [...weights].map(([second, weight]) => ({ second, weight })).filter(({ second }) => second <= last);
    return { suspects: suspects.sort((a, b) => a.second - b.second), until };
  } finally {
    session.end();
  }
}

/** Tables that a query reads, as SQL wants their names. */
async function tablesOf(session: Session, query: string): Promise<string[]> {
  const [row] = await session.rows<{ "QUERY PLAN": unknown }>("asking what the check reads", `explain (format json, verbose) ${query}`);
  const found = new Map<string, [string, string]>();
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const { "Relation Name": name, Schema: schema } = node as Record<string, unknown>;
    if (typeof name === "string" && typeof schema === "string") found.set(`${schema}.${name}`, [schema, name]);
    for (const value of Object.values(node)) walk(value);
  };
  walk(row?.["QUERY PLAN"]);
  const quoted = await session.rows<{ name: string }>(
    "naming the tables",
    "select format('%I.%I', one[1], one[2]) as name from (select string_to_array(pair, chr(31)) as one from unnest($1::text[]) as pair) as pairs",
    [[...found.values()].map((pair) => pair.join("\u001f"))],
  );
  return quoted.map(({ name }) => name);
}
