import { describe, expect, it } from "vitest";
import { breakingSecond, NeverHeld, type Suspect } from "../../../automation/changeover/bisect";

const START = 1_767_323_045;
/** An hour in which every second had writes. */
const hour = (weight: (second: number) => number): Suspect[] =>
  Array.from({ length: 3_600 }, (_, i) => ({ second: START + i, weight: weight(i) }));
const brokenAt = (at: number) => (second: number) => Promise.resolve(second <= START + at);

describe("the second in which a check ceased to hold", () => {
  it.each([0, 1, 17, 1_800, 3_598, 3_599])("is found in 7 looks at most where one transaction did more than all others: %i", async (at) => {
    // A normal transaction touches 3 rows of a table, the one that did the damage 1000; suspicion goes with the square.
    const suspects = hour((i) => (i === at ? 1_000 ** 2 : 3 ** 2));
    const { second, looks } = await breakingSecond(suspects, brokenAt(at));
    expect(second).toBe(START + at);
    expect(looks).toBeLessThanOrEqual(7);
  });

  it("is found as well where nothing tells the seconds apart", async () => {
    for (const at of [0, 1, 2_047, 3_599]) {
      const { second, looks } = await breakingSecond(
        hour(() => 1),
        brokenAt(at),
      );
      expect(second).toBe(START + at);
      expect(looks).toBeLessThanOrEqual(13);
    }
  });

  it("is found where suspicion leads astray", async () => {
    const suspects = hour((i) => (i % 600 === 0 ? 10_000 : 1));
    expect((await breakingSecond(suspects, brokenAt(1_234))).second).toBe(START + 1_234);
  });

  it("is known only once the check was seen to hold before it", async () => {
    const only = [{ second: START, weight: 1 }];
    expect(await breakingSecond(only, brokenAt(0))).toEqual({ second: START, looks: 1 });
    await expect(breakingSecond(only, () => Promise.resolve(false))).rejects.toThrow(NeverHeld);
    await expect(
      breakingSecond(
        hour(() => 1),
        () => Promise.resolve(false),
      ),
    ).rejects.toThrow(/^not before 2026-01-02T03:04:05.000Z either$/);
    await expect(breakingSecond([], brokenAt(0))).rejects.toThrow(RangeError);
  });
});
