import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DrillResult } from "../../lab/drill/result";
import { runningLab } from "../../lab/control";
import { ROOT, changeover, run } from "./command";

/** Each scenario as an operator types it, in a lab of its own, with clients that write all the while. */
describe("a drill", () => {
  let folder: string;
  /** What an operator's shell may point at: the real sites. Their replication and backups stay what they are, as nobody calls. */
  let real: Record<string, string>;
  let clouds: Server;
  let calls = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "drills-"));
    clouds = createServer((_request, response) => {
      calls += 1;
      response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => clouds.listen(0, "127.0.0.1", resolve));
    mkdirSync(join(folder, "state"));
    real = {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(clouds.address() as AddressInfo).port}`,
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      KUBECONFIG: join(folder, "kubeconfig"),
      CHANGEOVER_JOURNALS: join(folder, "journals"),
    };
    await changeover(["lab", "down"]);
  });
  afterEach(async () => {
    // It took its lab down itself.
    expect(await runningLab()).toBeUndefined();
    expect((await run("pgrep", ["-f", join(ROOT, ".lab")])).stdout).toBe("");
    expect([calls, readdirSync(join(folder, "state"))]).toEqual([0, []]);
  });
  afterAll(() => {
    clouds.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function drill(scenario: string): Promise<DrillResult> {
    const { code, stdout, stderr } = await changeover(["drill", scenario, "--json", "--out", join(folder, scenario)], real);
    const result = JSON.parse(stdout) as DrillResult;
    // How long a pause is depends on what else the machine does; the drill's own objective is for a quiet one.
    const slow = result.objectives.filter(({ name, met }) => !met && name === "switchover write pause");
    expect([code, stderr]).toEqual([slow.length > 0 ? 5 : 0, expect.any(String)]);
    return { ...result, objectives: result.objectives.filter((one) => !slow.includes(one)) };
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

  it("that is interrupted leaves nothing behind", async () => {
    const args = [join(ROOT, "bin", "changeover.mjs"), "drill", "switchover", "--out", join(folder, "interrupted")];
    const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...real }, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    const hear = (text: string): void => {
      if (!said.includes("Clients write") && (said + text).includes("Clients write")) setTimeout(() => child.kill("SIGINT"), 2_000);
      said += text;
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, said]).toEqual([4, expect.stringMatching(/the drill was interrupted[^]*the lab was taken down/)]);
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
