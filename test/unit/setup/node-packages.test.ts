import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { stalePackages } from "../../../setup/node-packages.mjs";
import { scratchHome } from "./scratch";

const home = scratchHome();
const lock = {
  "": { name: "x" },
  "node_modules/a": { version: "1.0.0" },
  "node_modules/b": { version: "2.0.0" },
  "node_modules/mac": { version: "1.0.0", optional: true },
};
const installed = { "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0" } };

function write(file: string, packages: object, seconds: number): void {
  const path = join(home.path, file);
  writeFileSync(path, JSON.stringify({ packages }));
  utimesSync(path, seconds, seconds);
}

beforeEach(() => {
  mkdirSync(join(home.path, "node_modules"));
  write("package-lock.json", lock, 2_000);
});

test("no node_modules, or one that npm did not finish", () => {
  expect(stalePackages(home.path)).toMatch(/missing/);
});

test("installed after the lock file was written", () => {
  write("node_modules/.package-lock.json", {}, 3_000);
  expect(stalePackages(home.path)).toBeUndefined();
});

test("a lock file that is newer and says the same; packages for other platforms may be absent", () => {
  write("node_modules/.package-lock.json", installed, 1_000);
  expect(stalePackages(home.path)).toBeUndefined();
});

test.each([
  ["another version", { ...installed, "node_modules/a": { version: "0.9.0" } }, /node_modules\/a is not at 1.0.0/],
  ["a package too few", { "node_modules/a": { version: "1.0.0" } }, /node_modules\/b is not at 2.0.0/],
  ["a package too many", { ...installed, "node_modules/c": { version: "1.0.0" } }, /node_modules\/c/],
])("%s", (_, have, reason) => {
  write("node_modules/.package-lock.json", have, 1_000);
  expect(stalePackages(home.path)).toMatch(reason);
});
