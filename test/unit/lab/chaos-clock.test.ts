import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { clockOptions } from "../../../lab/chaos/clock";

const HOUR = 3_600_000;

function inside(shiftMs: number | undefined, program: string): any {
  const NODE_OPTIONS = clockOptions(undefined, shiftMs);
  const env = { PATH: process.env["PATH"], ...(NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS }) };
  return JSON.parse(execFileSync(process.execPath, ["-e", `process.stdout.write(JSON.stringify(${program}))`], { env, encoding: "utf8" }));
}

const off = (value: number): number => Math.round((value - Date.now()) / 60_000) + 0;

it("a process sees every reading of the clock moved, in either direction, and so do its children", () => {
  const readings = `[Date.now(), new Date().getTime(), Date.parse(Date()), new (class extends Date {})().getTime(), Number(require("child_process").execFileSync(process.execPath, ["-p", "Date.now()"]))]`;
  expect(inside(HOUR, readings).map(off)).toEqual([60, 60, 60, 60, 60]);
  expect(inside(-HOUR, readings).map(off)).toEqual([-60, -60, -60, -60, -60]);
  expect(inside(undefined, readings).map(off)).toEqual([0, 0, 0, 0, 0]);
});

it("dates that are given stay what they are", () => {
  const given = `[new Date(5).getTime(), new Date("2026-01-02T03:04:05Z").toISOString(), Date.UTC(2026, 0, 2), new Date() instanceof Date, new Date(5).constructor === Date]`;
  expect(inside(HOUR, given)).toEqual([5, "2026-01-02T03:04:05.000Z", Date.UTC(2026, 0, 2), true, true]);
});

it("NODE_OPTIONS keeps what it had, and loses an earlier shift", () => {
  const shifted = clockOptions("--trace-warnings", HOUR);
  expect(shifted).toMatch(/^--trace-warnings --import=file:.*\?ms=3600000$/);
  expect(clockOptions(shifted, 1_000)).toBe(shifted?.replace("3600000", "1000"));
  expect(clockOptions(shifted, undefined)).toBe("--trace-warnings");
  expect(clockOptions(clockOptions(undefined, HOUR), undefined)).toBe("");
  expect(clockOptions("--trace-warnings", undefined)).toBeUndefined();
  expect(clockOptions(undefined, undefined)).toBeUndefined();
});
