import { readFileSync } from "node:fs";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Reinstated } from "../../automation/changeover/reinstate";
import type { MoveReport, ReprotectReport, RestoreReport } from "../../automation/changeover/report";
import { stepsOf } from "../../automation/changeover/table";
import type { SiteName } from "../../topology/schema";
import { Circle, type Doors, type Roles } from "./circle";
import { changeover } from "./command";
import { killedAt } from "./driver";
import { deal, describePoint, describePoints, pointsOf, type KillPoint } from "./kill-points";

/**
 * How many incidents of each kind the kills are dealt out to. One incident is killed several times, each time by another
 * driver: every resume but the last is cut off as well. More runs make it easier to see which kill broke it, and slower.
 */
const RUNS = { switchover: 5, failover: 3, restore: 2, activation: 2 } as const;

/** When the last round may begin; `npm test` says so. */
const LATEST = Date.parse(process.env["CHANGEOVER_TEST_LATEST"] ?? "") || Number.POSITIVE_INFINITY;

interface Round {
  kind: keyof typeof RUNS;
  /** Where it is killed, and its resumes. */
  points: KillPoint[];
  /** The same for the re-protection after it. */
  back: KillPoint[];
  named: string;
}

/** Every kind in turns, so that where time ends early each has had some. */
function rounds(): Round[] {
  const kinds = Object.keys(RUNS) as (keyof typeof RUNS)[];
  const dealt = kinds
    .flatMap((kind) => deal(pointsOf(kind), RUNS[kind]).map((points, turn) => ({ kind, points, turn })))
    .sort((a, b) => a.turn - b.turn);
  const backs = deal(pointsOf("reprotect"), dealt.length);
  return dealt.map(({ kind, points }, i) => {
    const back = backs[i] ?? [];
    return { kind, points, back, named: `${describePoints(points)}; its re-protection: ${describePoints(back)}` };
  });
}

let circle: Circle | undefined;
let roles: Roles;

/**
 * Runs a command through kills: each point in the run that the one before left.
 * @param doorsOf ways to every database that might take a write @returns the last run's report
 */
async function through<T>(lab: Circle, args: string[], points: KillPoint[], doorsOf: () => Promise<Doors>): Promise<T> {
  let command = args;
  for (const point of points) {
    await killedAt([...command, "--yes", "--json"], point, lab.env);
    const { takes } = await lab.writers(await doorsOf());
    expect(takes.length, `writers after ${describePoint(point)}: ${takes.join(", ")}`).toBeLessThanOrEqual(1);
    command = ["resume"];
  }
  return lab.done<T>(command);
}

/** The databases that the sites have now. */
async function standing(lab: Circle, sites: SiteName[]): Promise<() => Promise<Doors>> {
  const doors = await lab.doors(sites);
  return () => Promise.resolve(doors);
}

async function reprotected(lab: Circle, after: Roles, back: KillPoint[]): Promise<ReprotectReport> {
  const { active, standby, epoch } = after;
  const doors = await standing(lab, [active, standby]);
  const report = await through<ReprotectReport>(lab, ["reprotect", "--site", standby], back, doors);
  expect(report).toMatchObject({ kind: "reprotect", site: standby, active, epoch });
  return report;
}

const RUN: Record<Round["kind"], (lab: Circle, points: KillPoint[], back: KillPoint[]) => Promise<void>> = {
  async switchover(lab, points, back) {
    const since = Date.now();
    const after: Roles = { active: roles.standby, standby: roles.active, epoch: roles.epoch + 1 };

    const doors = await standing(lab, [roles.active, roles.standby]);
    const report = await through<MoveReport>(lab, ["switchover", "--to", after.active], points, doors);
    expect(report).toMatchObject({ kind: "switchover", from: after.standby, to: after.active, epoch: after.epoch });
    await lab.expectLeft(after);

    expect((await reprotected(lab, after, back)).diverged?.rows).toBe(0);
    await lab.expectNothingLost(after, since);
    await lab.expectProtected(after);
  },

  async failover(lab, points, back) {
    const after: Roles = { active: roles.standby, standby: roles.active, epoch: roles.epoch + 1 };
    const since = Date.now();
    const doors = await standing(lab, [after.active]);
    await lab.lose(roles.active);

    const lost = ["--unreachable", after.standby, "--accept-unfenced", "the test took it away"];
    const report = await through<MoveReport>(lab, ["failover", "--to", after.active, ...lost], points, doors);
    expect(report).toMatchObject({ kind: "failover", from: after.standby, to: after.active, epoch: after.epoch });
    await lab.expectFailedOver(after);

    await lab.heal(after.standby);
    const { takes, silent } = await lab.writers(await lab.doors([after.active, after.standby]), 20_000);
    expect({ takes, silent }, "the site that came back").toEqual({ takes: [after.active], silent: [] });

    const rebuilt = await reprotected(lab, after, back);
    const { total, moves } = await lab.account(after, since);
    expect({ duplicated: total.duplicated, elsewhere: moves[0]?.elsewhere }).toEqual({ duplicated: 0, elsewhere: 0 });
    // What the region had acknowledged and never shipped went with it, and nothing else: it is in the list of its rows.
    const listed = readFileSync(rebuilt.diverged?.file ?? "", "utf8");
    expect(total.lostKeys.filter((key) => !listed.includes(key))).toEqual([]);
    lab.expectServedBy(after);
    await lab.expectProtected(after);
  },

  async restore(lab, points, back) {
    const since = Date.now();
    const { active, standby } = roles;
    const after: Roles = { ...roles, epoch: roles.epoch + 1 };

    // The damaged database and the one in its place are both the active site's.
    const restoreTo = ["restore", "--site", active, "--to", new Date().toISOString()];
    const { epoch, dropped } = await through<RestoreReport>(lab, restoreTo, points, () => lab.doors([active, standby]));
    expect(epoch).toBe(after.epoch);
    // What was acknowledged since that moment is in its list, and nowhere else.
    const { tables } = await lab.done<Reinstated>(["reinstate", "--rows", dropped.file]);
    expect(tables).toEqual([{ table: "public.writes", inserted: dropped.rows, taken: 0, different: 0 }]);

    await reprotected(lab, after, back);
    for (const site of [standby, active]) await lab.done(["reprotect", "--site", site, "--discard-old"]);
    await lab.expectNothingLost(after, since);
    await lab.expectProtected(after);
  },

  async activation(lab, points, back) {
    const since = Date.now();
    const { active, standby, epoch } = roles;
    const cold = "cold";
    await lab.copied(cold, active);
    for (const site of [active, standby]) await lab.lose(site);

    const lost = ["--unreachable", `${active},${standby}`, "--accept-unfenced", "the test took both away"];
    // Its database is made meanwhile, and nobody else's answers.
    const report = await through<MoveReport>(lab, ["failover", "--to", cold, ...lost], points, () => Promise.resolve({}));
    expect(report).toMatchObject({ kind: "activation", from: active, to: cold, epoch: epoch + 1 });
    for (const site of [active, standby]) await lab.heal(site);
    const { takes, silent } = await lab.writers(await lab.doors([cold, active]), 20_000);
    expect({ takes, silent }, "the sites that came back").toEqual({ takes: [cold], silent: [] });

    const away: Roles = { active: cold, standby: active, epoch: epoch + 1 };
    const { diverged } = await reprotected(lab, away, back);
    await lab.done(["switchover", "--to", active]);
    const after: Roles = { active, standby, epoch: epoch + 2 };
    await reprotected(lab, after, []);
    await lab.done(["reprotect", "--site", cold, "--discard-old"]);
    const { total } = await lab.account(after, since);
    // What was acknowledged after the copy was taken is in the list of what came back.
    const listed = readFileSync(diverged?.file ?? "", "utf8");
    expect([total.duplicated, total.lostKeys.filter((key) => !listed.includes(key))]).toEqual([0, []]);
    lab.expectServedBy(after);
    await lab.expectProtected(after, [active, standby, cold, "data"]);
  },
};

it.each(["failover", "switchover", "reprotect", "restore", "activation"] as const)("no step of a %s is forgotten", (kind) => {
  const points = pointsOf(kind);
  const steps = stepsOf(kind).map(({ step }) => step);
  const ends = points.filter(({ on }) => on === "end").map(({ step }) => step);
  expect(ends).toEqual(steps.slice(0, -1));
  expect(points.at(-1)?.step).toBe(steps.at(-1));
  expect(deal(points, 3).flat()).toHaveLength(points.length);
});

describe("the driver is killed and resumed", () => {
  beforeEach(async ({ skip }) => {
    if (Date.now() > LATEST) skip("no time is left for it");
    ({ circle, roles } = await Circle.ready(circle));
  });

  afterAll(async () => {
    await changeover(["lab", "down"]);
  });

  it.each(rounds())("$kind, killed at: $named", async ({ kind, points, back }) => {
    await RUN[kind](circle!, points, back);
  });
});
