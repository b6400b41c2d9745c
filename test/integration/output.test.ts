import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(__dirname, "..", "..");

it("a command whose output nobody reads any more comes to its end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "output-"));
  try {
    const env = { ...process.env, PULUMI_BACKEND_URL: `file://${folder}`, PULUMI_CONFIG_PASSPHRASE: "x" };
    const child = spawn(process.execPath, [join(ROOT, "bin", "changeover.mjs"), "status"], {
      cwd: ROOT,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    child.stderr.destroy();
    const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
    const ended = await new Promise((resolve) =>
      child.once("exit", (code, signal) => {
        resolve([code, signal]);
      }),
    );
    clearTimeout(late);
    expect(ended).toEqual([2, null]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
