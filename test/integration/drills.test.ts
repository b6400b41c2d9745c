import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DrillResult } from "../../lab/drill/result";
import { runningLab } from "../../lab/control";
import { changeover } from "./command";

/** Each scenario as an operator types it, in a lab of its own, with clients that write all the while. */
describe("a drill", () => {
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "drills-"));
    await changeover(["lab", "down"]);
  });
  afterEach(async () => {
    // It took its lab down itself.
    expect(await runningLab()).toBeUndefined();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function drill(scenario: string): Promise<DrillResult> {
    const { code, stdout, stderr } = await changeover(["drill", scenario, "--json", "--out", join(folder, scenario)], {
      CHANGEOVER_JOURNALS: join(folder, "journals"),
    });
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    return JSON.parse(stdout) as DrillResult;
  }

  it("of a corruption restores what was damaged, and loses nothing that was written since", async () => {
    const { changeovers, objectives, tiers, writers, reprotections, left } = await drill("database-corruption");
    expect([...objectives, ...tiers].filter(({ met }) => !met)).toEqual([]);
    expect(objectives.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["database-failure RTO", "database-failure RPO", "lost", "alarms that watch another database"]),
    );
    expect(writers).toMatchObject({ lost: 0, duplicated: 0 });
    expect(changeovers).toMatchObject([{ kind: "restore", disaster: "database-failure", from: "primary", to: "primary", epoch: 2 }]);
    // The damaged rows, and what was written since.
    expect(changeovers[0]?.restored?.dropped).toBeGreaterThan(changeovers[0]?.restored?.reinstated ?? Infinity);
    expect(changeovers[0]?.restored?.reinstated).toBeGreaterThan(0);
    expect(reprotections.map(({ site }) => site)).toEqual(["secondary"]);
    expect(left).toEqual({ processes: 0, locks: 0, pendingOperations: 0 });
  });

  it("of both regions activates the cold site from its copies, and brings the service home", async () => {
    const { changeovers, objectives, tiers, writers, reprotections, oldSite, left } = await drill("multi-region-outage");
    expect([...objectives, ...tiers].filter(({ met }) => !met)).toEqual([]);
    expect(objectives.map(({ name }) => name)).toEqual(expect.arrayContaining(["multi-region-outage RTO", "multi-region-outage RPO"]));
    expect(changeovers.map(({ kind, from, to, epoch }) => [kind, from, to, epoch])).toEqual([
      ["activation", "primary", "cold", 2],
      ["failback", "cold", "primary", 3],
    ]);
    expect(changeovers[0]?.callsToLostRegion).toBe(0);
    expect(changeovers[1]?.rpo.lost).toBe(0);
    expect([writers.duplicated, oldSite?.accepted]).toEqual([0, 0]);
    expect(reprotections.map(({ site }) => site)).toEqual(["primary", "secondary"]);
    expect(left).toEqual({ processes: 0, locks: 0, pendingOperations: 0 });
  });
});
