import { describe, expect, it } from "vitest";
import { explainCalculated, FIRST_OPINION, observe, statusOf, type Check, type Opinion } from "../../../lab/dns/health";

const check = (id: string, rest: Partial<Check> = {}): Check => ({
  id,
  type: "HTTPS",
  port: 443,
  path: "/",
  sni: true,
  threshold: 3,
  inverted: false,
  disabled: false,
  children: [],
  healthThreshold: 0,
  ...rest,
});

const status = (checks: Check[], id: string, bad: string[] = []): boolean =>
  statusOf(new Map(checks.map((c) => [c.id, c])), (endpoint) => !bad.includes(endpoint), id);

describe("an opinion", () => {
  const after = (from: Opinion, threshold: number, ...answers: boolean[]): boolean =>
    answers.reduce((opinion, ok) => observe(opinion, ok, threshold), from).healthy;

  it("begins as healthy", () => {
    expect(FIRST_OPINION.healthy).toBe(true);
  });

  it("changes after as many answers in a row as the threshold says, in either direction", () => {
    expect(after(FIRST_OPINION, 3, false, false)).toBe(true);
    expect(after(FIRST_OPINION, 3, false, false, false)).toBe(false);
    const down: Opinion = { healthy: false, streak: 0 };
    expect(after(down, 3, true, true)).toBe(false);
    expect(after(down, 3, true, true, true)).toBe(true);
    expect(after(FIRST_OPINION, 1, false)).toBe(false);
  });

  it("counts from the start again after an answer that agrees", () => {
    expect(after(FIRST_OPINION, 3, false, false, true, false, false)).toBe(true);
    expect(after(FIRST_OPINION, 3, false, false, true, false, false, false)).toBe(false);
  });
});

describe("a status", () => {
  it("is turned by inversion, last of all", () => {
    expect(status([check("a", { inverted: true })], "a")).toBe(false);
    expect(status([check("a", { inverted: true })], "a", ["a"])).toBe(true);
  });

  it("is healthy for a disabled check, unhealthy for a disabled inverted one", () => {
    expect(status([check("a", { disabled: true })], "a", ["a"])).toBe(true);
    expect(status([check("a", { disabled: true, inverted: true })], "a")).toBe(false);
  });

  it("is unhealthy for a check that does not exist", () => {
    expect(status([], "a")).toBe(false);
  });

  const all = (threshold: number, rest: Partial<Check> = {}): Check[] => [
    check("serves"),
    check("not-taken", { inverted: true }),
    check("both", { type: "CALCULATED", children: ["serves", "not-taken"], healthThreshold: threshold, ...rest }),
  ];

  it.each([
    // The takeover switch is an inverted check: healthy while the object is not there.
    [2, ["not-taken"], true],
    [2, ["not-taken", "serves"], false],
    [2, [], false],
    [1, [], true],
    [1, ["serves"], false],
    [0, ["serves"], true],
    [3, ["not-taken"], false],
  ])("of a calculated check that needs %i, endpoints down: %o, is %s", (threshold, bad, expected) => {
    expect(status(all(threshold), "both", bad)).toBe(expected);
  });

  it("of a calculated check can itself be inverted and disabled", () => {
    expect(status(all(2, { inverted: true }), "both", ["not-taken"])).toBe(false);
    expect(status(all(2, { disabled: true }), "both", ["serves"])).toBe(true);
  });

  it("of nested calculated checks comes from the bottom; a circle is unhealthy", () => {
    const outer = check("outer", { type: "CALCULATED", children: ["both"], healthThreshold: 1 });
    expect(status([...all(2), outer], "outer", ["not-taken"])).toBe(true);
    expect(status([...all(2), outer], "outer", [])).toBe(false);
    const a = check("a", { type: "CALCULATED", children: ["b"], healthThreshold: 1 });
    const b = check("b", { type: "CALCULATED", children: ["a"], healthThreshold: 1 });
    expect(status([a, b], "a")).toBe(false);
  });

  it("is explained", () => {
    const checks = all(2);
    expect(explainCalculated(new Map(checks.map((c) => [c.id, c])), (id) => id !== "serves", checks[2]!)).toBe(
      "0 of 2 healthy, 2 needed; unhealthy: serves, not-taken",
    );
  });
});
