import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import type { MoveReport, ReprotectReport } from "../../automation/changeover/report";
import { labFolder } from "../../lab/folder";
import { readyCircle } from "./circle";

/** By then no lease of before a loss holds. */
const LAPSED_MS = 15_000;

describe("fencing", () => {
  const { lab, roles, after } = readyCircle();
  const failover = (): string[] => ["failover", "--to", roles().standby];

  it("of a site that answers, by its database: a failover loses nothing", async () => {
    const doors = await lab().doors([roles().active, roles().standby]);
    const report = await lab().done<MoveReport>(failover());
    expect(report.fenced).toEqual({ known: true, by: expect.stringMatching(/^its database takes no writes \(\d+ sessions ended\)$/) });
    expect(report.lastReplayAt).toBeUndefined();
    expect(await lab().writers(doors)).toEqual({ takes: [roles().standby], silent: [] });
    await lab().expectNothingLost(after(), report.startedAt);
  });

  it("of one whose database does not answer, by its security group and its pods", async () => {
    const { address } = (await lab().workspace.outputs(roles().active))["database"] as { address: string };
    const postmaster = postmasterAt(address);
    process.kill(postmaster, "SIGSTOP");
    let report: MoveReport;
    try {
      report = await lab().done<MoveReport>(failover());
    } finally {
      process.kill(postmaster, "SIGCONT");
    }
    expect(report.fenced).toEqual({
      known: true,
      by: expect.stringMatching(/^database: .*; its database's security group is closed; its services have no pods$/),
    });
    // Nobody could ask the old database what it had acknowledged last.
    const last = Date.parse(report.lastReplayAt ?? "");
    expect(last).toBeGreaterThan(report.startedAt - 10_000);
    expect(last).toBeLessThan(report.startedAt + report.totalMs);
    const { total } = await lab().account(after(), report.startedAt);
    const { diverged } = await lab().done<ReprotectReport>(["reprotect", "--site", roles().active]);
    expect(diverged?.rows).toBeGreaterThanOrEqual(total.lostKeys.length);
    await lab().expectProtected(after());
  });

  it("of one where nothing answers fails: the failover names what was tried, changes nothing, and wants an acceptance", async () => {
    await lab().lose(roles().active);
    const { stderr } = await lab().fails(failover(), 3);
    expect(stderr).toMatch(
      new RegExp(
        `${roles().active} could not be fenced, and may still take writes.*: database: .*; security group: .*; services: .*\\n.*--accept-unfenced "reason"`,
      ),
    );
    const { sites, changeover: left } = await lab().status([roles().active]);
    expect(left).toBeNull();
    expect(sites.find(({ name }) => name === roles().standby)).toMatchObject({ role: "standby", database: "replica" });

    const report = await lab().done<MoveReport>([...failover(), "--accept-unfenced", "the test took it away"]);
    expect(report.fenced).toEqual({ known: false, reason: "the test took it away" });
    expect(report.lastReplayAt).toBeDefined();
    const doors = await lab().doors([roles().active]);
    await lab().heal(roles().active);
    expect((await lab().writers(doors, 10_000)).takes).toEqual([]);
    expect((await lab().status()).sites.find(({ name }) => name === roles().standby)).toMatchObject({ role: "active", writes: "open" });
  });

  it("of one that is back and can ask no other, by its own guard, until an operator confirms it", async () => {
    const { active } = roles();
    const doors = await lab().doors([active]);
    for (const site of Object.keys(lab().topology.sites)) await lab().lose(site);
    await sleep(LAPSED_MS);
    await lab().heal(active);
    const others = Object.keys(lab().topology.sites).filter((site) => site !== active);
    const found = async () => (await lab().status(others)).sites.find(({ name }) => name === active);
    await vi.waitFor(
      async () => {
        expect(await found()).toMatchObject({ writes: "fenced", writesDetail: expect.stringMatching(/switch of .* could not be read/) });
      },
      { timeout: 30_000, interval: 1_000 },
    );
    expect(await lab().writers(doors)).toEqual({ takes: [], silent: [] });

    await lab().done(["confirm", "--site", active, "--reason", "nobody failed over"]);
    await vi.waitFor(
      async () => {
        expect((await lab().writers(doors)).takes).toEqual([active]);
      },
      { timeout: 30_000, interval: 1_000 },
    );
    for (const site of others) await lab().heal(site);
  });
});

/** The PostgreSQL server of the lab that listens at an address. */
function postmasterAt(address: string): number {
  const folder = join(labFolder(), "postgres");
  const found = readdirSync(folder).find((name) => {
    try {
      return readFileSync(join(folder, name, "postgresql.conf"), "utf8").includes(`listen_addresses = '${address}'`);
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`no server of the lab is configured for ${address}`);
  return Number(readFileSync(join(folder, found, "postmaster.pid"), "utf8").split("\n")[0]);
}
