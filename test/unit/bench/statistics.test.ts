import { describe, expect, it } from "vitest";
import { median, summary } from "../../bench/statistics";

describe("what several measurements come to", () => {
  it("orders them as numbers", () => {
    expect(summary([1_000, 9, 30, 7, 200])).toEqual({ n: 5, min: 7, median: 30, max: 1_000, iqr: 191 });
  });

  it("lies between two where their number is even", () => {
    expect(summary([4, 1, 2, 3])).toEqual({ n: 4, min: 1, median: 2.5, max: 4, iqr: 1.5 });
  });

  it("takes one measurement for what it is, and leaves the list as it was", () => {
    const values = [3, 1];
    expect(summary([5])).toEqual({ n: 1, min: 5, median: 5, max: 5, iqr: 0 });
    expect([median(values), values]).toEqual([2, [3, 1]]);
  });

  it("makes up no figure where nothing was measured", () => {
    expect(() => summary([])).toThrow(RangeError);
  });
});
