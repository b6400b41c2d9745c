import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { StepList } from "../../../automation/steps";

const [WRAP_OFF, WRAP_ON] = ["\u001b[?7l", "\u001b[?7h"];
const isTTY = process.stderr.isTTY;
let written: string[];

beforeEach(() => {
  written = [];
  vi.useFakeTimers();
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});
afterEach(() => {
  process.stderr.isTTY = isTTY;
  vi.restoreAllMocks();
  vi.useRealTimers();
});

it("on a terminal each step is one row, however long its note is, until nothing is drawn over it any more", () => {
  process.stderr.isTTY = true;
  const list = new StepList();
  list.start("compare", "Compare every table");
  list.note("compare", "x".repeat(200));
  list.start("approve", "Approval");
  vi.advanceTimersByTime(250);
  list.done("compare", "y".repeat(200));
  const drawn = written.splice(0);
  expect(drawn.length).toBeGreaterThan(3);
  for (const each of drawn) expect([each.includes(WRAP_OFF), each.endsWith(WRAP_ON)]).toEqual([true, true]);
  expect(drawn.at(-1)?.startsWith("\u001b[2A")).toBe(true);
  list.close();
  expect(written.join("")).not.toContain(WRAP_OFF);
  expect(written.join("")).toContain("y".repeat(200));
});

it("elsewhere it is a line when a step ends, and one every ten seconds while it runs", () => {
  process.stderr.isTTY = false;
  const list = new StepList();
  list.start("restore", "Restore");
  vi.advanceTimersByTime(25_000);
  list.done("restore", "as of noon");
  list.close();
  expect(written).toHaveLength(3);
  expect(written.join("")).not.toContain("\u001b");
  expect(written.at(-1)).toMatch(/^✔ Restore +\d+.* as of noon\n$/);
});
