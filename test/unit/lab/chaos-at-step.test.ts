import { execFile, spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal } from "../../../automation/journal";
import { atStep, type Seen, type StepWatch } from "../../../lab/chaos/at-step";
import { killDriver } from "../../../lab/chaos/kill";
import { startTimeOf } from "../../../setup/process.mjs";

let folder: string;
let watching: StepWatch | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "at-step-"));
});

afterEach(() => {
  watching?.close();
  rmSync(folder, { recursive: true, force: true });
});

const driver = { owner: "maria", host: "here", pid: 4242, startTime: "17" };
const opened = { event: "opened", detail: { kind: "failover", driver } };

describe("a step of a changeover", () => {
  it("is seen once, at its beginning, with the driver that the journal names", async () => {
    const acts: Seen[] = [];
    watching = atStep(folder, { step: "promote" }, (seen) => void acts.push(seen));
    const journal = Journal.create(join(folder, "DR-1.jsonl"), "DR-1");
    journal.append(opened);
    journal.append({ event: "begin", step: "fence" });
    journal.append({ event: "end", step: "promote" });
    await sleep(30);
    expect(acts).toEqual([]);
    const { at } = journal.append({ event: "begin", step: "promote" });
    const seen = await watching.seen;
    journal.append({ event: "begin", step: "promote" });
    await sleep(30);
    expect(seen).toEqual({ file: join(folder, "DR-1.jsonl"), incident: "DR-1", seq: 3, at, driver });
    expect(acts).toEqual([seen]);
  });

  it("is not one that lies in the past; a journal that is taken up again names its new driver", async () => {
    const file = join(folder, "DR-1.jsonl");
    const journal = Journal.create(file, "DR-1");
    journal.append(opened);
    journal.append({ event: "end", step: "pause" });
    watching = atStep(folder, { step: "pause", on: "end" }, () => undefined);
    await sleep(30);
    const again = { ...driver, pid: 4343 };
    journal.append({ event: "resumed", detail: { driver: again } });
    journal.append({ event: "end", step: "pause" });
    expect(await watching.seen).toMatchObject({ seq: 3, driver: again });
  });

  it("is seen in milliseconds", async () => {
    const took: number[] = [];
    // The fastest counts: a disk may have other things to do.
    for (let i = 1; i <= 5; i++) {
      watching?.close();
      watching = atStep(folder, { step: "open" }, () => undefined);
      const journal = Journal.create(join(folder, `DR-${i}.jsonl`), `DR-${i}`);
      journal.append(opened);
      await sleep(20);
      const before = performance.now();
      journal.append({ event: "begin", step: "open" });
      await watching.seen;
      took.push(performance.now() - before);
    }
    expect(Math.min(...took)).toBeLessThan(100);
  });

  it("is seen although half a line came first and was taken back, as on a full disk", async () => {
    const file = join(folder, "DR-1.jsonl");
    watching = atStep(folder, { step: "open" }, () => undefined);
    const half = `{"seq":1,"incident":"DR-1","event":"begin","step":"open","detail":{"pad":"${"x".repeat(200)}`;
    appendFileSync(file, half);
    await sleep(30);
    writeFileSync(file, `{"seq":1,"at":"now","incident":"DR-1","event":"begin","step":"open"}\n`);
    expect(await watching.seen).toMatchObject({ seq: 1, at: "now" });
  });

  it("tells what the act failed with; after close nothing is seen", async () => {
    watching = atStep(folder, { step: "open" }, () => {
      throw new Error("too late");
    });
    const closed = atStep(folder, { step: "open" }, () => undefined);
    closed.close();
    Journal.create(join(folder, "DR-1.jsonl"), "DR-1").append({ event: "begin", step: "open" });
    await expect(watching.seen).rejects.toThrow("too late");
    expect(await closed.seen).toBeUndefined();
  });
});

describe("a driver", () => {
  /** A process with a child of its own and one of that, as driver, CLI and plug-in are. */
  const CHILD = `setInterval(() => undefined, 1000)`;
  const CLI = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(CHILD)}]);${CHILD}`;
  const DRIVER = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(CLI)}]);${CHILD}`;
  let process_: ChildProcess;

  const family = async (pid: number): Promise<number[]> => {
    for (let i = 0; i < 100; i++) {
      const child = await childOf(pid);
      const grandchild = child === undefined ? undefined : await childOf(child);
      if (child !== undefined && grandchild !== undefined) return [pid, child, grandchild];
      await sleep(50);
    }
    throw new Error("the processes did not start");
  };
  const childOf = (pid: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      execFile("pgrep", ["-P", String(pid)], (_, out) => {
        resolve(out.trim() === "" ? undefined : Number(out.trim().split("\n")[0]));
      });
    });
  const lives = (pid: number): boolean => existsSync(`/proc/${pid}`) && startTimeOf(pid) !== "";
  const gone = async (pid: number): Promise<boolean> => {
    for (let i = 0; i < 100 && lives(pid); i++) await sleep(20);
    return !lives(pid);
  };

  beforeEach(() => {
    process_ = spawn(process.execPath, ["-e", DRIVER], { stdio: "ignore" });
  });

  it("is killed with all that it started", async () => {
    const pids = await family(process_.pid!);
    const [pid] = pids as [number];
    expect(killDriver({ pid, startTime: startTimeOf(pid) })).toEqual(pids);
    for (const each of pids) expect(await gone(each), String(each)).toBe(true);
  });

  it("is killed alone where that is asked for", async () => {
    const [pid, child, grandchild] = (await family(process_.pid!)) as [number, number, number];
    try {
      expect(killDriver({ pid, startTime: startTimeOf(pid) }, { onlyDriver: true })).toEqual([pid]);
      expect(await gone(pid)).toBe(true);
      expect([lives(child), lives(grandchild)]).toEqual([true, true]);
    } finally {
      process.kill(child, "SIGKILL");
      process.kill(grandchild, "SIGKILL");
    }
  });

  it("is no other process that has its number, and none that is gone", async () => {
    const pids = await family(process_.pid!);
    const [pid] = pids as [number];
    expect(() => killDriver({ pid, startTime: "1" })).toThrow(/is not the driver/);
    expect(pids.every(lives)).toBe(true);
    killDriver({ pid, startTime: startTimeOf(pid) });
    await gone(pid);
    expect(() => killDriver({ pid, startTime: "1" })).toThrow(/gone already/);
  });
});
