import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Archive, missingSegment } from "../../../lab/postgres/archive";
import { harm } from "../../../lab/postgres/damage";

const segment = (n: number): string => `00000001${"0".repeat(8)}${n.toString(16).toUpperCase().padStart(8, "0")}`;
let folder: string;
let archive: Archive;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "archive-"));
  archive = new Archive(join(folder, "it's 5%"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function base(name: string, firstWal: string, completedAt: number): void {
  mkdirSync(join(archive.baseFolder(name), "base", "1"), { recursive: true });
  writeFileSync(join(archive.baseFolder(name), "base", "1", "small"), "x");
  writeFileSync(join(archive.baseFolder(name), "base", "1", "large"), "0123456789");
  archive.bases.push({ name, firstWal, completedAt });
}

describe("the restore window", () => {
  it("begins with the first base backup that is complete, and ends with what is archived", () => {
    expect(archive.window).toBeUndefined();
    archive.mark = { at: 50, wal: segment(1) };
    expect(archive.window).toBeUndefined();
    base("a", segment(1), 100);
    expect(archive.window).toBeUndefined();
    archive.mark = { at: 150, wal: segment(2) };
    base("b", segment(3), 200);
    expect(archive.window).toEqual({ earliest: 100, latest: 150 });
  });

  it("is reached from the newest base backup before the moment", () => {
    base("a", segment(1), 100);
    base("b", segment(3), 200);
    expect([99, 100, 199, 200, 300].map((at) => archive.baseFor(at)?.name)).toEqual([undefined, "a", "a", "b", "b"]);
  });

  it("moves on with the retention, which drops what no moment within it needs", () => {
    for (const n of [1, 2, 3, 4, 5]) writeFileSync(join(archive.walFolder, segment(n)), "");
    base("a", segment(1), 100);
    base("b", segment(3), 200);
    base("c", segment(5), 300);
    archive.prune(199);
    expect(archive.bases.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    archive.prune(250);
    expect(archive.bases.map(({ name }) => name)).toEqual(["b", "c"]);
    expect(existsSync(archive.baseFolder("a"))).toBe(false);
    expect(archive.segments()).toEqual([segment(3), segment(4), segment(5)]);
  });
});

describe("commands for PostgreSQL", () => {
  /** As PostgreSQL fills it in. */
  const run = (command: string, path: string, file: string): unknown =>
    execFileSync("sh", ["-c", command.replace(/%([pf%])/g, (_, what: string) => ({ p: path, f: file })[what] ?? "%")], { cwd: folder });

  it("bring a segment into the archive and back", () => {
    writeFileSync(join(folder, "wal"), "content");
    run(archive.archiveCommand, "wal", segment(7));
    expect(archive.walFiles()).toEqual([segment(7)]);
    run(archive.restoreCommand, "back", segment(7));
    expect(readFileSync(join(folder, "back"), "utf8")).toBe("content");
    expect(() => run(archive.restoreCommand, "back", segment(8))).toThrow();
  });
});

describe("a missing segment", () => {
  it("is the first of the timeline that is not there", () => {
    const [first, , third] = [segment(1), segment(2), segment(3)];
    expect(missingSegment([first, segment(2), third], first, third)).toBeUndefined();
    expect(missingSegment([first, third], first, third)).toBe(segment(2));
    expect(missingSegment([first], first, third)).toBe(segment(2));
  });

  it("is found behind a multiple of 4 GB, where the names carry over", () => {
    const last = segment(0xfff);
    const next = "000000010000000100000000";
    expect(missingSegment([last, next], last, next)).toBeUndefined();
    expect(missingSegment([last, "000000010000000100000001"], last, "000000010000000100000001")).toBe(next);
  });
});

describe("harm", () => {
  const large = (): string => readFileSync(join(archive.baseFolder("b"), "base", "1", "large"), "latin1");

  it("is done to the newest base backup, and undone", () => {
    base("a", segment(1), 100);
    base("b", segment(3), 200);
    const truncated = harm("db", archive, "truncate");
    expect([truncated.what, large()]).toEqual([expect.stringMatching(/^db: truncated .*large$/), "01234"]);
    truncated.undo();
    const altered = harm("db", archive, "alter");
    expect(large()).toMatch(/^01234[^5]6789$/);
    altered.undo();
    expect(large()).toBe("0123456789");
  });

  it("takes the newest segment away, and brings it back", () => {
    for (const n of [1, 2]) writeFileSync(join(archive.walFolder, segment(n)), "");
    archive.mark = { at: 1, wal: segment(2) };
    base("a", segment(1), 0);
    const removed = harm("db", archive, "remove-wal");
    expect(removed.what).toBe(`db: removed WAL segment ${segment(2)}`);
    expect(archive.missingAfter(archive.bases[0]!)).toBe(segment(2));
    removed.undo();
    expect(archive.missingAfter(archive.bases[0]!)).toBeUndefined();
    expect(readdirSync(archive.walFolder)).toHaveLength(2);
  });

  it("wants something to be done to", () => {
    expect(() => harm("db", archive, "alter")).toThrow("db has no base backup");
    expect(() => harm("db", archive, "remove-wal")).toThrow("db has no archived WAL");
  });
});
