import { countRows, differingBuckets, digestTable, sameBucket, type Bucket, type Digest } from "./digest";
import { replayedBy, type Both } from "./both";
import type { TablePair } from "./tables";

/**
 * `behind`: in the time allowed the two were not seen alike, but writes went on, so they may well be. `differs`: they
 * are not alike, and waiting does not help.
 */
export type TableState = "equal" | "behind" | "differs";

export interface TableComparison {
  /** With its schema, quoted where SQL needs it. */
  table: string;
  leftRows: number;
  rightRows: number;
  state: TableState;
  /** `state` is `equal`. */
  equal: boolean;
  /** Numbers of the buckets that were not seen alike. */
  differingBuckets: number[];
  /** Columns that only one side has, which were left out; absent where there are none. */
  columns?: { onlyLeft: string[]; onlyRight: string[] };
}

/**
 * Rounds in a row that must find the same difference, while the left side did not change, until it counts as certain.
 * One is not enough: a row that comes and goes between two looks at the left can be seen on the right.
 */
const CERTAIN = 3;

interface Suspicion {
  left: Bucket | undefined;
  right: Bucket | undefined;
  rounds: number;
}

/** What is known of one table by now. A bucket that was seen alike once is done with. */
export class Look {
  /** Buckets to ask again. */
  private readonly open: Set<number>;
  private readonly certain = new Set<number>();
  private readonly suspicions = new Map<number, Suspicion>();

  private constructor(
    private readonly pair: TablePair,
    private readonly buckets: number,
    private readonly left: Digest,
    private readonly right: Digest,
  ) {
    this.open = new Set(differingBuckets(left, right));
  }

  /** The first look, at the whole table on both sides at once. */
  static async at(pair: TablePair, both: Both, buckets: number): Promise<Look> {
    const [left, right] = await Promise.all([digestTable(both.left, pair, buckets), digestTable(both.right, pair, buckets)]);
    return new Look(pair, buckets, left, right);
  }

  get settled(): boolean {
    return this.open.size === 0;
  }

  /** Nothing is going to change on either side: what differs now, differs. */
  close(): void {
    for (const bucket of this.open) this.certain.add(bucket);
    this.open.clear();
  }

  /**
   * Asks for the open buckets again: left, then right as soon as it has replayed what left had, then left once more. What
   * the right has lies between the two, so a bucket that did not change on the left must be the same on the right.
   * @param deadline as `performance.now()` tells time; when it passes meanwhile, everything stays as it was
   */
  async again(both: Both, deadline: number): Promise<void> {
    const open = [...this.open];
    const before = await digestTable(both.left, this.pair, this.buckets, open);
    if (!(await replayedBy(both, deadline))) return;
    const right = await digestTable(both.right, this.pair, this.buckets, open);
    const after = await digestTable(both.left, this.pair, this.buckets, open);
    for (const bucket of open) {
      const [old, other, now] = [before.get(bucket), right.get(bucket), after.get(bucket)];
      const alike = sameBucket(other, old) || sameBucket(other, now);
      put(this.left, bucket, alike ? other : now);
      put(this.right, bucket, other);
      if (alike) this.open.delete(bucket);
      else if (sameBucket(old, now)) this.suspect(bucket, now, other);
      else this.suspicions.delete(bucket);
    }
  }

  private suspect(bucket: number, left: Bucket | undefined, right: Bucket | undefined): void {
    const known = this.suspicions.get(bucket);
    const again = known && sameBucket(known.left, left) && sameBucket(known.right, right);
    const suspicion = { left, right, rounds: again ? known.rounds + 1 : 1 };
    this.suspicions.set(bucket, suspicion);
    if (suspicion.rounds < CERTAIN) return;
    this.open.delete(bucket);
    this.certain.add(bucket);
  }

  result(): TableComparison {
    const { name, columnsOnlyLeft, columnsOnlyRight } = this.pair;
    const state = this.certain.size > 0 ? "differs" : this.open.size > 0 ? "behind" : "equal";
    const odd = columnsOnlyLeft.length + columnsOnlyRight.length > 0;
    return {
      table: name,
      leftRows: countRows(this.left),
      rightRows: countRows(this.right),
      state,
      equal: state === "equal",
      differingBuckets: [...this.certain, ...this.open].sort((a, b) => a - b),
      ...(odd && { columns: { onlyLeft: columnsOnlyLeft, onlyRight: columnsOnlyRight } }),
    };
  }
}

function put(digest: Digest, number: number, bucket: Bucket | undefined): void {
  if (bucket) digest.set(number, bucket);
  else digest.delete(number);
}
