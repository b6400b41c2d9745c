import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal, readJournal } from "../../../automation/journal";
import { dropDisk, fillDisk, freeDisk } from "../../../lab/chaos/disk";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "full disk-"));
});

afterEach(() => {
  dropDisk(folder);
  rmSync(folder, { recursive: true });
});

function mayMount(): boolean {
  const where = mkdtempSync(join(tmpdir(), "may-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "none", where], { stdio: "ignore" });
    execFileSync("umount", [where], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(where, { recursive: true });
  }
}

describe.runIf(mayMount())("a full disk under the journals", () => {
  it("takes what is left of it and no more, keeps the files, and gives all of them back", async () => {
    writeFileSync(join(folder, "DR-1.jsonl"), "before\n");
    await fillDisk(folder, 8_192);
    expect(readFileSync(join(folder, "DR-1.jsonl"), "utf8")).toBe("before\n");
    writeFileSync(join(folder, "DR-2.jsonl"), "x".repeat(8_192));
    expect(() => {
      writeFileSync(join(folder, "DR-3.jsonl"), "x");
    }).toThrow(/ENOSPC/);
    await freeDisk(folder);
    expect(readFileSync(join(folder, "DR-1.jsonl"), "utf8")).toBe("before\n");
    expect(readFileSync(join(folder, "DR-2.jsonl"), "utf8")).toHaveLength(8_192);
    expect(statfsSync(folder).blocks * statfsSync(folder).bsize).toBeGreaterThan(64 * 2 ** 20);
  });

  it("breaks a journal, which goes on when there is room again, although the folder is still in use", async () => {
    const file = join(folder, "DR-1.jsonl");
    await fillDisk(folder, 4_096);
    const journal = Journal.create(file, "DR-1");
    journal.append({ event: "opened" });
    journal.append({ event: "begin", detail: { pad: "x".repeat(5_000) } });
    expect(journal.broken?.message).toMatch(/ENOSPC/);
    expect(readdirSync(folder)).toEqual(["DR-1.jsonl.partial"]);
    expect(journal.file).toBe(`${file}.partial`);
    await expect(freeDisk(folder)).rejects.toThrow(/in use.*busy/);
    journal.append({ event: "end" });
    expect(journal.broken).toBeUndefined();
    journal.close();
    await freeDisk(folder);
    expect(readJournal(file).map(({ event }) => event)).toEqual(["opened", "begin", "end"]);
  });

  it("is not filled twice; a lab that goes down takes it away in use", async () => {
    mkdirSync(join(folder, "journals"));
    const journals = join(folder, "journals");
    await fillDisk(journals, 0);
    await expect(fillDisk(journals, 0)).rejects.toThrow(/already/);
    const open = openSync(join(journals, "DR-1.jsonl"), "w");
    expect(() => writeSync(open, "x".repeat(8_192)) === 8_192 || writeSync(open, "x".repeat(8_192))).toThrow(/ENOSPC/);
    dropDisk(journals);
    closeSync(open);
    rmSync(journals, { recursive: true });
  });
});

it("where there is none, nothing is taken away", async () => {
  writeFileSync(join(folder, "DR-1.jsonl"), "before\n");
  await freeDisk(folder);
  dropDisk(folder);
  dropDisk(join(folder, "missing"));
  expect(readFileSync(join(folder, "DR-1.jsonl"), "utf8")).toBe("before\n");
});
