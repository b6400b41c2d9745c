import type { Client } from "pg";
import type { DatabaseAddress } from "../probes/database";
import { asAdmin } from "./sites";

interface Sequence {
  /** As SQL wants it. */
  name: string;
  /** Digits of a bigint. */
  last: string;
  descending: boolean;
}

/** One that was never asked, or may not be read, has no last value. */
const SEQUENCES = `
  select format('%I.%I', schemaname, sequencename) as name, last_value::text as last, increment_by < 0 as descending
    from pg_sequences where last_value is not null`;

const QUERY_MS = 30_000;

async function sequencesOf(client: Client): Promise<Sequence[]> {
  // Or the same sequence has one name at one server and another at the other.
  await client.query("set quote_all_identifiers = off");
  return (await client.query<Sequence>(SEQUENCES)).rows;
}

/**
 * Moves the sequences of a restored database to where those of the damaged one are: a number that was given out once, and may
 * be known outside, is not given to another row.
 * @param left nobody writes to it any more @returns how many were moved
 */
export async function advanceSequences(left: DatabaseAddress, right: DatabaseAddress): Promise<number> {
  const before = await asAdmin(left, sequencesOf, QUERY_MS);
  return asAdmin(
    right,
    async (client) => {
      const now = new Map((await sequencesOf(client)).map(({ name, last }) => [name, last]));
      const behind = before.filter(({ name, last, descending }) => isBehind(now.get(name), last, descending));
      // One that is younger than the restored data is not there.
      for (const { name, last } of behind) {
        await client.query("select setval(to_regclass($1), $2::bigint) where to_regclass($1) is not null", [name, last]);
      }
      return behind.length;
    },
    QUERY_MS,
  );
}

/** Whether a sequence whose last value is `now`, `undefined` where it was never asked, has yet to come to `last`. */
export function isBehind(now: string | undefined, last: string, descending: boolean): boolean {
  if (now === undefined) return true;
  return descending ? BigInt(now) > BigInt(last) : BigInt(now) < BigInt(last);
}

/** Numbers that are left out, at most: more than are given out while a copy is on its way. */
const LEAP = 100_000;

/**
 * Moves every sequence of a restored database on, by what may have been given out since, where nobody can be asked: at most half of
 * what is left of it.
 * @returns how many were moved
 */
export function leapSequences(address: DatabaseAddress): Promise<number> {
  return asAdmin(
    address,
    async (client) => {
      const { rowCount } = await client.query(
        `select setval(format('%I.%I', schemaname, sequencename)::regclass,
                       case when increment_by > 0 then last_value + least(${LEAP}, (max_value - last_value) / 2)
                            else last_value - least(${LEAP}, (last_value - min_value) / 2) end)
           from pg_sequences where last_value is not null`,
      );
      return rowCount ?? 0;
    },
    QUERY_MS,
  );
}
