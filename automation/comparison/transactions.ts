import type { Both } from "./both";

/** Age of a row version that is older than any other, and so in every backup. */
const FROZEN = 2_147_483_647;

/** SQL for when a transaction ended, where the server keeps that. */
const ended = (xid: string): string =>
  `case when current_setting('track_commit_timestamp')::boolean then pg_xact_commit_timestamp(${xid})::text end`;

/**
 * Tells which transactions of a database (`left`) a backup of it (`right`) has. PostgreSQL numbers them in order, and the backup
 * knows the first number that had not been given out when it was made.
 */
export class Transactions {
  private readonly known = new Map<string, boolean>();

  private constructor(
    private readonly both: Both,
    /** 64 bits. */
    private readonly next: bigint,
    /** Where the backup's log began to be read, as in `0/3000148`. */
    readonly lsn: string,
  ) {}

  /** @throws ComparisonError */
  static async of(both: Both): Promise<Transactions> {
    const [row] = await both.right.rows<{ next: string; lsn: string }>(
      "asking for its position",
      "select pg_snapshot_xmax(pg_current_snapshot())::text as next, redo_lsn::text as lsn from pg_control_checkpoint()",
    );
    if (!row) throw new Error("no answer from the backup");
    return new Transactions(both, BigInt(row.next), row.lsn);
  }

  /**
   * Those of the transactions, by their 32-bit numbers, that the backup has. One that was under way when it was made has an early
   * number, too; and the restored database may have given numbers to transactions of its own, which ended at other moments.
   */
  async inBackup(xids: readonly string[]): Promise<Set<string>> {
    const asked = [...new Set(xids)].filter((xid) => !this.known.has(xid));
    if (asked.length > 0) await this.ask(asked);
    return new Set(xids.filter((xid) => this.known.get(xid)));
  }

  private async ask(xids: string[]): Promise<void> {
    const short = (this.next % 2n ** 32n).toString();
    const ours = await this.both.left.rows<{ xid: string; frozen: boolean; before: string; ended: string | null }>(
      "asking for transactions",
      `select xid::text as xid, age(xid) = ${FROZEN} as frozen, (age(xid)::bigint - age('${short}'::xid))::text as before,
              case when age(xid) < ${FROZEN} then ${ended("xid")} end as ended
         from (select one::xid as xid from unnest($1::text[]) as one) as asked`,
      [xids],
    );
    const early = ours.filter(({ frozen, before }) => !frozen && BigInt(before) > 0n);
    const theirs = await this.both.right.rows<{ xid: string; status: string | null; ended: string | null }>(
      "asking for transactions",
      `select xid, pg_xact_status(whole::xid8) as status, ${ended("xid::xid")} as ended
         from unnest($1::text[], $2::text[]) as asked(xid, whole)`,
      [early.map(({ xid }) => xid), early.map(({ before }) => (this.next - BigInt(before)).toString())],
    );
    const there = new Map(theirs.map((row) => [row.xid, row]));
    for (const { xid, frozen, ended: at } of ours) {
      const other = there.get(xid);
      // Of what ended long ago neither the outcome is known any more nor the moment: its number is all there is.
      const committed = other !== undefined && other.status !== "aborted" && other.status !== "in progress";
      const atOnce = at === null || other?.ended === null || other?.ended === at;
      this.known.set(xid, frozen || (committed && atOnce));
    }
  }
}
