import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal, readJournal } from "../../../automation/journal";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "journal-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function written(): string {
  const file = join(folder, "a", "DR-1.jsonl");
  const journal = Journal.create(file, "DR-1");
  journal.append({ event: "begin", step: "promote" });
  journal.append({ event: "end", step: "promote", detail: { ms: 130 } });
  journal.append({ event: "recovered" });
  journal.close();
  return file;
}

describe("journal", () => {
  it("is read back as it was written, each entry chained to the one before", () => {
    const entries = readJournal(written());
    expect(entries.map(({ seq, event }) => [seq, event])).toEqual([
      [0, "begin"],
      [1, "end"],
      [2, "recovered"],
    ]);
    expect(entries[1]?.previous).toBe(entries[0]?.hash);
  });

  it.each([
    ["changed", (lines: string[]) => lines.map((line) => line.replace('"ms":130', '"ms":13')), 2],
    ["taken out", (lines: string[]) => lines.filter((_, i) => i !== 1), 2],
    ["swapped", (lines: string[]) => [lines[1], lines[0], lines[2]] as string[], 1],
  ])("a line that was %s is found and named", (_, alter, line) => {
    const file = written();
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    writeFileSync(file, `${alter(lines).join("\n")}\n`);
    expect(() => readJournal(file)).toThrow(new RegExp(`line ${line} does not follow`));
  });

  it("an incident has one journal", () => {
    const file = written();
    expect(() => Journal.create(file, "DR-1")).toThrow(/EEXIST/);
  });
});
