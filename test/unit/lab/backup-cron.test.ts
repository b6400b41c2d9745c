import { describe, expect, it } from "vitest";
import { backupSchedule } from "../../../components/backup-schedule";
import { comesRound, parseCron } from "../../../lab/backup/cron";

/** Minutes of a span in which the schedule comes round. */
function times(cron: string, from: string, minutes: number): string[] {
  const parsed = parseCron(cron);
  return Array.from({ length: minutes }, (_, i) => new Date(Date.parse(from) + i * 60_000))
    .filter((at) => comesRound(parsed, at))
    .map((at) => at.toISOString().slice(5, 16));
}

describe("schedules", () => {
  it.each([
    ["cron(0 * * * ? *)", ["01-31T21:00", "01-31T22:00", "01-31T23:00", "02-01T00:00"]],
    ["cron(15 22 * * ? *)", ["01-31T22:15"]],
    ["cron(5,35 23 ? * * *)", ["01-31T23:05", "01-31T23:35"]],
    ["cron(0 0/2 * * ? *)", ["01-31T22:00", "02-01T00:00"]],
    ["cron(0 21-22 ? JAN * 2026)", ["01-31T21:00", "01-31T22:00"]],
    ["cron(0 0 1 * ? *)", ["02-01T00:00"]],
    ["cron(30 * ? * SUN *)", ["02-01T00:30"]],
    ["cron(30 * ? * 7 *)", ["01-31T21:30", "01-31T22:30", "01-31T23:30"]],
    ["cron(0 * * * ? 2027)", []],
  ])("%s", (cron, expected) => {
    expect(times(cron, "2026-01-31T20:30:30Z", 4 * 60 + 10).filter((at) => at > "01-31T20:59")).toEqual(expected);
  });

  it.each([
    "",
    "0 * * * ? *",
    "rate(1 hour)",
    "cron(0 * * * *)",
    "cron(0 * * * ? * *)",
    "cron(0 * * * * *)",
    "cron(0 * ? * ? *)",
    "cron(60 * * * ? *)",
    "cron(x * * * ? *)",
    "cron(0/0 * * * ? *)",
    "cron(0 5-3 * * ? *)",
    "cron(0 0 L * ? *)",
    "cron(0 0 ? * 2#1 *)",
  ])("%s is none", (text) => {
    expect(() => parseCron(text)).toThrow(RangeError);
  });

  it.each([1, 2, 3, 4, 6, 8, 12, 24])("of every %d hours, as the stacks have them, come round so often", (hours) => {
    const found = times(backupSchedule(hours * 3_600_000), "2026-03-01T00:00:00Z", 48 * 60);
    expect(found).toHaveLength(48 / hours);
    expect(found.every((at) => at.endsWith(":00"))).toBe(true);
  });
});
