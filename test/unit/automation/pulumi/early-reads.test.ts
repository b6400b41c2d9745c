import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EarlyReads, SECRETS, STATE } from "../../../../automation/pulumi/early-reads";

let folder: string;
let reads: EarlyReads;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "early-"));
  const cli = join(folder, "pulumi");
  writeFileSync(cli, `#!/bin/sh\necho "$@" >> calls\ncase "$*" in *none*) exit 255;; esac\necho "$PWD $GOGC $PULUMI_AUTOMATION_API: $*"\n`);
  chmodSync(cli, 0o755);
  reads = new EarlyReads(cli, folder);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it("gives what the CLI said, once", async () => {
  reads.start("lab-primary", STATE);
  expect(await reads.take("lab-primary", STATE)).toBe(`${folder} off true: stack export --stack lab-primary --non-interactive\n`);
  expect(await reads.take("lab-primary", STATE)).toBeUndefined();
});

it("knows stacks and questions apart, and nothing that was not asked for", async () => {
  reads.start("lab-primary", STATE);
  reads.start("lab-secondary", SECRETS);
  expect(await reads.take("lab-primary", SECRETS)).toBeUndefined();
  expect(await reads.take("lab-secondary", STATE)).toBeUndefined();
  expect(await reads.take("lab-secondary", SECRETS)).toContain("config --show-secrets --json --stack lab-secondary");
  await reads.take("lab-primary", STATE);
  expect(readFileSync(join(folder, "calls"), "utf8").trim().split("\n")).toHaveLength(2);
});

it("gives nothing where the CLI failed: whoever asks anew is told why", async () => {
  reads.start("lab-none", STATE);
  expect(await reads.take("lab-none", STATE)).toBeUndefined();
});
