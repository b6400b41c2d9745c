import { describe, expect, it } from "vitest";
import { Backlog } from "../../../lab/clients/backlog";

describe("a backlog", () => {
  it("gives a write back after its delay, which grows with the failures up to 5 s", () => {
    for (const [failures, delay] of [
      [1, 200],
      [2, 400],
      [5, 3_200],
      [6, 5_000],
      [60, 5_000],
    ] as const) {
      const backlog = new Backlog<string>();
      backlog.add("a", failures, 1_000);
      expect(backlog.take(1_000 + delay - 1, 9)).toEqual([]);
      expect(backlog.take(1_000 + delay, 9)).toEqual(["a"]);
      expect(backlog.size).toBe(0);
    }
  });

  it("gives the longest overdue first, no more than asked for, and loses none", () => {
    const backlog = new Backlog<number>();
    backlog.add(3, 3, 0); // due at 800
    backlog.add(1, 1, 100); // due at 300
    backlog.add(2, 1, 700); // due at 900
    expect(backlog.take(1_000, 2)).toEqual([1, 3]);
    expect(backlog.size).toBe(1);
    expect(backlog.take(1_000, 2)).toEqual([2]);
  });

  it("keeps thousands in order", () => {
    const backlog = new Backlog<number>();
    for (let i = 0; i < 5_000; i++) backlog.add(i, 6, i);
    const taken: number[] = [];
    while (backlog.size > 0) taken.push(...backlog.take(1e6, 7));
    expect(taken).toEqual(Array.from({ length: 5_000 }, (_, i) => i));
  });
});
