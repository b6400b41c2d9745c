/** What several measurements of one thing come to. In the unit of the measurements. */
export interface Summary {
  n: number;
  min: number;
  median: number;
  max: number;
  /** Distance between the quartiles: half of the measurements lie within it. */
  iqr: number;
}

/** @throws RangeError for no measurement at all: there is no figure to make up */
export function summary(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    n: sorted.length,
    min: quantile(sorted, 0),
    median: quantile(sorted, 0.5),
    max: quantile(sorted, 1),
    iqr: quantile(sorted, 0.75) - quantile(sorted, 0.25),
  };
}

export function median(values: readonly number[]): number {
  return summary(values).median;
}

/** Between two measurements, in proportion (Hyndman and Fan's type 7, which R and NumPy use). */
function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  if (low === undefined || high === undefined) throw new RangeError("nothing was measured");
  return low + (high - low) * (at - Math.floor(at));
}
