import { z } from "zod";

/** A length of time in milliseconds. Written in YAML with its unit: `1s`, `15m`, `4h`, `7d`. */
export type Duration = number & { readonly __unit: "ms" };

/** In milliseconds. */
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const MS = { ms: 1, s: 1_000, m: MINUTE, h: HOUR, d: DAY } as const;
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** @param ms milliseconds, zero or more */
export function duration(ms: number): Duration {
  if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`a duration is zero or more milliseconds, not ${ms}`);
  return ms as Duration;
}

/** Reads `15m` and the like; `undefined` where the text is no duration. */
export function parseDuration(text: string): Duration | undefined {
  const match = PATTERN.exec(text.trim());
  if (!match) return undefined;
  return duration(Number(match[1]) * MS[match[2] as keyof typeof MS]);
}

/** The shortest text that says it to a person: `350ms`, `4.2s`, `15m`, `1h 5m`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${trim(ms / 1_000)}s`;
  const parts: string[] = [];
  let rest = Math.round(ms / 1_000);
  for (const [unit, seconds] of [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${count}${unit}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

function trim(value: number): string {
  return value.toFixed(1).replace(/\.0$/, "");
}

/** A duration as it stands in YAML: text with a unit. */
export const Duration = z
  .string()
  .regex(PATTERN, "a duration has a unit: ms, s, m, h or d, as in 15m")
  .transform((text) => parseDuration(text) as Duration);
