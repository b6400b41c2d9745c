import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { dropEmptySideFiles, isLocked } from "../../../../automation/pulumi/file-backend";

let folder: string;
let stacks: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "backend-"));
  stacks = join(folder, ".pulumi", "stacks", "changeover");
  mkdirSync(stacks, { recursive: true });
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const minuteAgo = Date.now() / 1_000 - 60;
function write(name: string, text: string, at = minuteAgo): string {
  const file = join(stacks, name);
  writeFileSync(file, text);
  utimesSync(file, at, at);
  return file;
}

it("removes side files that are empty, and nothing else", () => {
  const empty = write("lab-primary.json.attrs", "");
  const kept = [write("lab-primary.json", ""), write("lab-edge.json.attrs", "{}"), write("lab-data.json.attrs", "", Date.now() / 1_000)];
  expect(dropEmptySideFiles(`${pathToFileURL(folder).href}?metadata=skip`)).toEqual([empty]);
  expect([empty, ...kept].map((file) => existsSync(file))).toEqual([false, true, true, true]);
  expect(dropEmptySideFiles(pathToFileURL(folder).href)).toEqual([]);
});

it.each(["s3://state", undefined, "file://~", "file:///nowhere"])("has nothing to do with %s", (backend) => {
  expect(dropEmptySideFiles(backend)).toEqual([]);
});

it("knows whose lock is held", () => {
  const locks = join(folder, ".pulumi", "locks", "organization", "changeover", "lab-primary");
  const backend = pathToFileURL(folder).href;
  expect(isLocked(backend, "lab-primary")).toBe(false);
  mkdirSync(locks, { recursive: true });
  expect(isLocked(backend, "lab-primary")).toBe(false);
  writeFileSync(join(locks, "4242.json"), "{}");
  expect([isLocked(backend, "lab-primary"), isLocked(backend, "lab-data"), isLocked("s3://state", "lab-primary")]).toEqual([
    true,
    false,
    undefined,
  ]);
});
