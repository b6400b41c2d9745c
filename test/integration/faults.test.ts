import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { openCopies, readCopies, type CopyTarget } from "../../automation/changeover/copies";
import { controlBuckets } from "../../automation/changeover/elsewhere";
import type { MoveReport } from "../../automation/changeover/report";
import { retreatFrom, stepsOf } from "../../automation/changeover/table";
import { readJournal } from "../../automation/journal";
import { Objects } from "../../automation/objects";
import { namesFor } from "../../topology/names";
import { askLab } from "../../lab/control";
import { Circle, type Roles } from "./circle";
import { changeover } from "./command";
import { atStepOf, killedAt } from "./driver";

let circle: Circle | undefined;
let roles: Roles;
/** Roles after a move of the active site. */
let after: Roles;
let since: number;

const lab = (): Circle => {
  if (!circle) throw new Error("no lab");
  return circle;
};
const switchover = (): string[] => ["switchover", "--to", after.active];
const failover = (): string[] => [
  ...["failover", "--to", after.active],
  ...["--unreachable", roles.active, "--accept-unfenced", "the test took it away"],
];
const YES = ["--yes", "--json"];

beforeEach(async () => {
  ({ circle, roles } = await Circle.ready(circle));
  after = { active: roles.standby, standby: roles.active, epoch: roles.epoch + 1 };
  since = Date.now();
});

afterAll(async () => {
  await changeover(["lab", "down"]);
});

/** Nothing happened: the service is where it was, protected, and lost nothing. Only the target's stack was updated. */
async function expectUnmoved(): Promise<void> {
  await lab().expectNothingLost(roles, since);
  await lab().expectProtected(roles, [roles.standby]);
}

async function expectMoved(): Promise<void> {
  await lab().expectNothingLost(after, since);
  await lab().expectLeft(after);
}

function controlBucketOf(site: string): CopyTarget {
  const { topology, workspace } = lab();
  const [target] = controlBuckets({ topology, workspace, names: namesFor(topology, workspace.environment) }, [site]);
  if (!target) throw new Error(`no control bucket of ${site}`);
  return target;
}

async function chaos(...args: string[]): Promise<void> {
  const ended = await changeover(["lab", "chaos", ...args]);
  expect(ended.code, ended.stderr).toBe(0);
}

describe("a switchover is given up at every step before the promotion", () => {
  const before = stepsOf("switchover").filter(({ to }) => retreatFrom("switchover", to));

  it("every one of them", () => {
    expect(before.map(({ step }) => step)).toEqual(["assess", "compare", "approve", "prepare", "pause", "steer", "drain"]);
  });

  it.each(before)("after $step", async ({ step }) => {
    const doors = await lab().doors([roles.active, roles.standby]);
    await killedAt([...switchover(), ...YES], { step, on: "end" }, lab().env);
    expect((await lab().writers(doors)).takes).not.toContain(roles.standby);
    expect(await lab().done(["resume", "--abort"])).toMatchObject({ aborted: true });
    await expectUnmoved();
  });

  it("after the promotion it cannot be", async () => {
    await killedAt([...switchover(), ...YES], { step: "promote", on: "end" }, lab().env);
    const refused = await lab().fails(["resume", "--abort"], 3);
    expect(refused.stderr).toMatch(/past the point of return/);
    await lab().done(["resume"]);
    await expectMoved();
  });

  it("nor by another machine, whose copy of the journal does not know of the promotion", async () => {
    const { file, incident } = await killedAt([...switchover(), ...YES], { step: "open", on: "end" }, lab().env);
    const promotion = readJournal(file).findIndex(({ event, step }) => event === "begin" && step === "promote");
    const { region, bucket } = controlBucketOf(after.active);
    const objects = new Objects(region);
    for (const key of (await objects.list(bucket, `journals/${incident}/`)).sort().slice(promotion)) await objects.remove(bucket, key);
    objects.close();
    rmSync(file);
    const refused = await lab().fails(["resume", "--from", after.active, "--abort"], 3);
    expect(refused.stderr).toMatch(/may be past the point of return/);
    expect(await lab().done<MoveReport>(["resume"])).toMatchObject({ kind: "switchover", epoch: after.epoch });
    await expectMoved();
  });
});

describe("a region is lost during a switchover", () => {
  const ways = (["pause", "drain"] as const).flatMap((step) => [
    { step, way: "resume" as const },
    { step, way: "abort" as const },
  ]);

  it.each(ways)("the active one, at $step; it comes back: $way", async ({ step, way }) => {
    const stopped = await atStepOf(step, () => lab().lose(roles.active), [...switchover(), ...YES], lab().env);
    expect([stopped.code, stopped.stderr]).toEqual([4, expect.stringMatching(/changeover resume/)]);
    await lab().heal(roles.active);
    const left = (await lab().status()).changeover;
    expect(left).toMatchObject({ kind: "switchover", running: false });
    // With the drain done before the region was gone, it went on, and there is no way back.
    const promoted = retreatFrom("switchover", left!.state) === undefined;
    if (way === "abort" && !promoted) {
      await lab().done(["resume", "--abort"]);
      await expectUnmoved();
    } else {
      await lab().done<MoveReport>(["resume"]);
      await expectMoved();
    }
  });

  it("the target, before it has everything: writes open where they were, at once", async () => {
    const doors = await lab().doors([roles.active]);
    const stopped = await atStepOf("pause", () => lab().lose(roles.standby), [...switchover(), ...YES], lab().env);
    expect([stopped.code, stopped.stderr]).toEqual([4, expect.stringMatching(/writes are open at|given up/)]);
    expect((await lab().writers(doors, 5_000)).takes).toEqual([roles.active]);
    await lab().heal(roles.standby);
    if ((await lab().status()).changeover) await lab().done(["resume", "--abort"]);
    await expectUnmoved();
  });

  it("the target, at its promotion: nobody knows whether it was promoted, so writes stay shut until it is back", async () => {
    const doors = await lab().doors([roles.active]);
    const stopped = await atStepOf("drain", () => lab().lose(roles.standby), [...switchover(), ...YES], lab().env);
    expect(stopped.code, stopped.stderr).toBe(4);
    // Where the drain had not ended when the region went, it is the case above.
    const { changeover: left } = await lab().status();
    if (left) expect((await lab().writers(doors)).takes).toEqual([]);
    await lab().heal(roles.standby);
    if (!left) return expectUnmoved();
    await lab().done<MoveReport>(["resume"]);
    await expectMoved();
  });

  it("the target and the driver, at the promotion, and both stay away: the role goes back, and no lock stays", async () => {
    await killedAt([...switchover(), ...YES], { step: "promote", on: "begin" }, lab().env);
    await lab().lose(roles.standby);
    await expectReturned();
  });

  it("the target and the driver's machine, at the promotion, and both stay away: the role goes back by the journal's copy", async () => {
    const { file, incident } = await killedAt([...switchover(), ...YES], { step: "promote", on: "begin" }, lab().env);
    await lab().lose(roles.standby);
    rmSync(file);
    const back = [...["failover", "--to", roles.active], ...lost()];
    expect((await lab().fails(back, 3)).stderr).toContain(`--supersede ${incident}`);
    const opened = await lab().fails([...back, "--supersede", incident], 3);
    expect(opened.stderr).toMatch(/may have been[^]*--accept-loss/);
    await expectReturned("--supersede", incident, "--accept-loss", "nobody knows what its driver did last");
    // To any other machine it is over.
    expect(await openCopies(controlBucketOf(roles.active))).toEqual([]);
    expect((await readCopies(controlBucketOf(roles.active), incident)).at(-1)).toContain('"event":"superseded"');
  });

  it("the target, at its promotion, and it stays away: the other site takes its role back, in an epoch of its own", async () => {
    const stopped = await atStepOf("drain", () => lab().lose(roles.standby), [...switchover(), ...YES], lab().env);
    const { changeover: left } = await lab().status();
    if (!left) {
      await lab().heal(roles.standby);
      return expectUnmoved();
    }
    const home = `changeover failover --to ${roles.active} --unreachable ${roles.standby}`;
    expect(stopped.stderr).toContain(home);
    await expectReturned();
  });

  const lost = (): string[] => ["--unreachable", roles.standby, "--accept-unfenced", "the test took it away"];

  async function expectReturned(...more: string[]): Promise<void> {
    const doors = await lab().doors([roles.active, roles.standby]);
    const home = ["failover", "--to", roles.active];
    expect((await lab().fails(home, 3)).stderr).toMatch(/resume finishes it/);
    const back: Roles = { ...roles, epoch: roles.epoch + 2 };
    expect(await lab().done<MoveReport>([...home, ...lost(), ...more])).toMatchObject({
      kind: "failover",
      from: roles.standby,
      to: roles.active,
      epoch: back.epoch,
    });
    expect((await lab().writers(doors)).takes).toEqual([roles.active]);
    await lab().heal(roles.standby);
    expect((await lab().writers(doors, 10_000)).takes).toEqual([roles.active]);
    await lab().done(["reprotect", "--site", roles.standby]);
    await lab().expectNothingLost(back, since);
    await lab().expectProtected(back);
  }
});

it("the target is lost during a failover, comes back, and the failover is finished", async () => {
  await lab().lose(roles.active);
  const stopped = await atStepOf("promote", () => lab().lose(after.active), [...failover(), ...YES], lab().env);
  expect([stopped.code, stopped.stderr]).toEqual([4, expect.stringMatching(/changeover resume/)]);
  await lab().heal(after.active);
  expect(await lab().done<MoveReport>(["resume"])).toMatchObject({ kind: "failover", to: after.active, epoch: after.epoch });
  await lab().expectFailedOver(after);
});

describe("a switchover under trouble", () => {
  it.each(["throttle", "errors"])("AWS of both regions answers every fifth request with trouble: %s", async (fault) => {
    for (const site of [roles.active, roles.standby]) await chaos(fault, "--site", site, "--rate", "0.2");
    // It may give up and open writes where they were; whoever starts again, or resumes, gets there.
    let code: number | null = 4;
    for (let runs = 0; code === 4 && runs < 5; runs++) {
      const left = runs > 0 && (await lab().status()).changeover !== null;
      const ended = await changeover([...(left ? ["resume"] : switchover()), ...YES], lab().env);
      expect([0, 4], ended.stderr).toContain(ended.code);
      code = ended.code;
    }
    await chaos("end");
    expect(code).toBe(0);
    await expectMoved();
  });

  it("the name server is restarted", async () => {
    const restart = (): Promise<unknown> => askLab("POST", "/chaos", { fault: "restart-dns", forMs: 3_000 });
    const ended = await atStepOf("pause", restart, [...switchover(), ...YES], lab().env);
    expect(ended.code, ended.stderr).toBe(0);
    await expectMoved();
  });

  it("the journal's disk is full: it goes on in the control bucket", async () => {
    await chaos("disk-full");
    const ended = await changeover([...switchover(), ...YES], lab().env);
    await chaos("disk-full", "--end");
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(/the journal goes on in the control bucket/);

    const { incident } = JSON.parse(ended.stdout) as MoveReport;
    const copied = await readCopies(controlBucketOf(after.active), incident);
    const folder = mkdtempSync(join(tmpdir(), "changeover-copied-"));
    try {
      const file = join(folder, "journal.jsonl");
      writeFileSync(file, copied.map((line) => `${line}\n`).join(""));
      const entries = readJournal(file);
      expect(entries.filter(({ event }) => event === "end").map(({ step }) => step)).toEqual(stepsOf("switchover").map(({ step }) => step));
      expect(entries.at(-1)?.event).toBe("finished");
    } finally {
      rmSync(folder, { recursive: true });
    }
    await expectMoved();
  });
});

it("the journal's disk fills up midway: what is on it afterwards leads nobody astray", async () => {
  await chaos("disk-full", "--leave", "8k");
  const ended = await changeover([...switchover(), ...YES], lab().env);
  await chaos("disk-full", "--end");
  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stderr).toMatch(/the journal goes on in the control bucket/);
  // Here it ends in the middle, and only the copy says that the changeover is over.
  expect((await lab().status()).changeover).toMatchObject({ partial: true });
  const again = await lab().fails(["resume"], 3);
  expect(again.stderr).toMatch(/no changeover was left midway/);
  expect((await lab().status()).changeover).toBeNull();
  await expectMoved();
});

// Last: names of incidents have the time in them, and these say a wrong one.
describe("the driver's clock is off by an hour", () => {
  const shifts = ["+1h", "-1h"];

  async function shifted(shift: string): Promise<Record<string, string>> {
    await chaos("clock", `--shift=${shift}`);
    return JSON.parse((await changeover(["lab", "env", "--json"])).stdout) as Record<string, string>;
  }

  it.each(shifts)("%s: a switchover as without", async (shift) => {
    await lab().done(switchover(), await shifted(shift));
    await expectMoved();
  });

  it.each(shifts)("%s: a failover as without", async (shift) => {
    const env = await shifted(shift);
    await lab().lose(roles.active);
    await lab().done(failover(), env);
    await lab().expectFailedOver(after);
  });

  it.each(shifts)("%s: killed, and resumed with the right time", async (shift) => {
    await killedAt([...switchover(), ...YES], { step: "services", on: "end" }, await shifted(shift));
    await chaos("end");
    await lab().done(["resume"]);
    await expectMoved();
  });
});
