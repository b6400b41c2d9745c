import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { Part, Way } from "../../../setup/part";

/** A cache folder for each test of a file, set as `CHANGEOVER_HOME`. */
export function scratchHome(): { readonly path: string } {
  let path = "";
  const before = process.env["CHANGEOVER_HOME"];
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), "changeover-unit-"));
    process.env["CHANGEOVER_HOME"] = path;
  });
  afterEach(() => {
    if (before === undefined) delete process.env["CHANGEOVER_HOME"];
    else process.env["CHANGEOVER_HOME"] = before;
    rmSync(path, { recursive: true, force: true });
  });
  return {
    get path() {
      return path;
    },
  };
}

export function executable(path: string, script = "#!/bin/sh\n"): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}

export function part(name: string, ways: Way[], more: Partial<Part> = {}): Part {
  return { name, version: "1.0.0", neededFor: "the lab", tools: [name], ways, advice: `install ${name}`, ...more };
}
