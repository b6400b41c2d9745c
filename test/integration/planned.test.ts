import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DryRun } from "../../automation/changeover/dry-run";
import type { MoveReport } from "../../automation/changeover/report";
import { labFiles, labFolder } from "../../lab/folder";
import { ROOT } from "./command";
import { readyCircle } from "./circle";

describe("a switchover that waits", () => {
  const { lab, roles, after } = readyCircle();
  const switchover = (): string[] => ["switchover", "--to", roles().standby];

  it("for a decision: a dry run looks at everything and changes nothing", async () => {
    const since = Date.now();
    const before = written();
    const { readiness, comparison, operations } = await lab().done<DryRun>([...switchover(), "--dry-run"]);
    expect(readiness).toMatchObject({ from: roles().active, to: roles().standby, epoch: roles().epoch + 1 });
    expect(comparison.tables.length).toBeGreaterThan(0);
    expect(comparison.tables.filter(({ state }) => state === "differs")).toEqual([]);
    expect(new Set(operations.map(({ stack }) => stack))).toEqual(new Set([`lab-${roles().standby}`, "lab-data", `lab-${roles().active}`]));
    expect(written()).toEqual(before);
    await lab().expectProtected(roles());
    await lab().expectNothingLost(roles(), since);
  });

  it("for a window that is over is refused, and for one that is far away is given up at Ctrl-C", async () => {
    const over = await lab().fails([...switchover(), "--window", "2026-01-02T02:00Z/2026-01-02T02:30Z"], 2);
    expect(over.stderr).toMatch(/--window.*It is over since 2026-01-02T02:30:00\.000Z/);

    const args = [...switchover(), "--yes", "--window", windowIn(3_600_000, 3_660_000)];
    const child = spawn(process.execPath, [join(ROOT, "bin", "changeover.mjs"), ...args], { env: { ...process.env, ...lab().env } });
    let said = "";
    child.stderr.on("data", (data: Buffer) => {
      // It says so every ten seconds; everything is ready then.
      if (!said.includes("the window opens in") && data.includes("the window opens in")) child.kill("SIGINT");
      said += data.toString();
    });
    expect(await new Promise((resolve) => child.once("close", resolve)), said).toBe(4);
    expect(said).toMatch(/interrupted/);
    await lab().expectProtected(roles());
  });

  it("for a window pauses no write before that opens", async () => {
    const window = windowIn(20_000, 320_000);
    const report = await lab().done<MoveReport>([...switchover(), "--window", window]);
    expect(report.pause?.from).toBeGreaterThanOrEqual(Date.parse(window.split("/")[0] ?? ""));
    await lab().expectNothingLost(after(), report.startedAt);
  });
});

/** A window so many milliseconds from now. */
function windowIn(fromMs: number, toMs: number): string {
  return [fromMs, toMs].map((ms) => new Date(Date.now() + ms).toISOString()).join("/");
}

/** What a changeover writes: stacks' config, by file, and the names of journals. */
function written(): Record<string, string> {
  const configs = readdirSync(ROOT).filter((name) => name.startsWith("Pulumi.lab-"));
  const journals = readdirSync(labFiles(labFolder()).journals);
  return { ...Object.fromEntries(configs.map((name) => [name, readFileSync(join(ROOT, name), "utf8")])), journals: journals.join(" ") };
}
