/** A second in which something was committed, and how much there is to suspect it for. */
export interface Suspect {
  /** Seconds since 1970. */
  second: number;
  /** More than zero. */
  weight: number;
}

/** It never held, as far back as there is something to look at. */
export class NeverHeld extends Error {}

/**
 * Finds the second in which a check ceased to hold, by looking at the data as they were before one second or another. Each
 * look halves what there is to suspect, not the number of seconds: one that is suspected more than all others together is
 * proven, or cleared, by two.
 * @param suspects in ascending order; nothing was committed in any other second, and after the last one the check does not hold
 * @param holds whether it held before that second began
 * @throws NeverHeld where it did not hold before the first one either
 */
export async function breakingSecond(
  suspects: readonly Suspect[],
  holds: (second: number) => Promise<boolean>,
): Promise<{ second: number; looks: number }> {
  let [first, end] = [0, suspects.length];
  let looks = 0;
  let sound = false;
  while (end - first > 1) {
    const middle = split(suspects.slice(first, end)) + first;
    looks++;
    if (await holds(secondOf(suspects, middle))) [first, sound] = [middle, true];
    else end = middle;
  }
  const second = secondOf(suspects, first);
  if (!sound) {
    looks++;
    if (!(await holds(second))) throw new NeverHeld(`not before ${new Date(second * 1_000).toISOString()} either`);
  }
  return { second, looks };
}

/** Where the suspicion before and from there on is as even as can be; never at the first, which would clear nobody. */
function split(suspects: readonly Suspect[]): number {
  const total = suspects.reduce((sum, { weight }) => sum + weight, 0);
  let before = 0;
  let best = { at: 1, uneven: Number.POSITIVE_INFINITY };
  suspects.forEach(({ weight }, at) => {
    const uneven = Math.abs(total - 2 * before);
    if (at > 0 && uneven < best.uneven) best = { at, uneven };
    before += weight;
  });
  return best.at;
}

function secondOf(suspects: readonly Suspect[], at: number): number {
  const suspect = suspects[at];
  if (!suspect) throw new RangeError("there is nothing to suspect");
  return suspect.second;
}
