import { readFileSync } from "node:fs";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { MoveReport, ReprotectReport } from "../../automation/changeover/report";
import { stepsOf, type Kind } from "../../automation/changeover/table";
import { Circle, type Roles } from "./circle";
import { changeover } from "./command";
import { killedAt } from "./driver";
import { deal, describePoint, describePoints, pointsOf, type KillPoint } from "./kill-points";

/**
 * How many moves of each kind the kills are dealt out to. One incident is killed several times, each time by another
 * driver: every resume but the last is cut off as well. More runs make it easier to see which kill broke it, and slower.
 */
const SWITCHOVERS = 5;
const FAILOVERS = 3;

/** When the last round may begin; `npm test` says so. */
const LATEST = Date.parse(process.env["CHANGEOVER_TEST_LATEST"] ?? "") || Number.POSITIVE_INFINITY;

interface Round {
  /** Where the move is killed, and its resumes. */
  move: KillPoint[];
  /** The same for the re-protection after it. */
  back: KillPoint[];
  named: string;
}

const backs = deal(pointsOf("reprotect"), SWITCHOVERS + FAILOVERS);

/** The first one of each kind is not killed at all: what is asked of the others must be true of it. */
function roundsOf(kind: Kind, runs: number, kills: KillPoint[][]): Round[] {
  const rounds = deal(pointsOf(kind), runs).map((move, i) => ({ move, back: kills[i] ?? [] }));
  return [{ move: [], back: [] }, ...rounds].map((round) => ({
    ...round,
    named: `${describePoints(round.move)}; its re-protection: ${describePoints(round.back)}`,
  }));
}

let circle: Circle | undefined;
let roles: Roles;

/** Runs a command through kills: each point in the run that the one before left. @returns the last run's report */
async function through<T>(lab: Circle, args: string[], points: KillPoint[], lost: string[] = []): Promise<T> {
  const doors = await lab.doors([roles.active, roles.standby].filter((site) => !lost.includes(site)));
  let command = args;
  for (const point of points) {
    await killedAt([...command, "--yes", "--json"], point, lab.env);
    const { takes } = await lab.writers(doors);
    expect(takes.length, `writers after ${describePoint(point)}: ${takes.join(", ")}`).toBeLessThanOrEqual(1);
    command = ["resume"];
  }
  return lab.done<T>(command);
}

it.each(["failover", "switchover", "reprotect"] as const)("no step of a %s is forgotten", (kind) => {
  const points = pointsOf(kind);
  const steps = stepsOf(kind).map(({ step }) => step);
  const ends = points.filter(({ on }) => on === "end").map(({ step }) => step);
  expect(ends).toEqual(steps.slice(0, -1));
  expect(points.at(-1)).toMatchObject({ step: steps.at(-1), on: "begin" });
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

  it.each(roundsOf("switchover", SWITCHOVERS, backs.slice(0, SWITCHOVERS)))("switchover, killed at: $named", async ({ move, back }) => {
    const lab = circle!;
    const since = Date.now();
    const after: Roles = { active: roles.standby, standby: roles.active, epoch: roles.epoch + 1 };

    const report = await through<MoveReport>(lab, ["switchover", "--to", after.active], move);
    expect(report).toMatchObject({ kind: "switchover", from: after.standby, to: after.active, epoch: after.epoch });
    await lab.expectLeft(after);

    const rebuilt = await through<ReprotectReport>(lab, ["reprotect", "--site", after.standby], back);
    expect(rebuilt).toMatchObject({ kind: "reprotect", site: after.standby, active: after.active, epoch: after.epoch });
    expect(rebuilt.diverged?.rows).toBe(0);
    await lab.expectNothingLost(after, since);
    await lab.expectProtected(after);
  });

  it.each(roundsOf("failover", FAILOVERS, backs.slice(SWITCHOVERS)))("failover, killed at: $named", async ({ move, back }) => {
    const lab = circle!;
    const after: Roles = { active: roles.standby, standby: roles.active, epoch: roles.epoch + 1 };
    const since = Date.now();
    await lab.lose(roles.active);

    const lost = ["--unreachable", after.standby, "--accept-unfenced", "the test took it away"];
    const report = await through<MoveReport>(lab, ["failover", "--to", after.active, ...lost], move, [after.standby]);
    expect(report).toMatchObject({ kind: "failover", from: after.standby, to: after.active, epoch: after.epoch });
    await lab.expectFailedOver(after);

    await lab.heal(after.standby);
    const { takes, silent } = await lab.writers(await lab.doors([after.active, after.standby]), 20_000);
    expect({ takes, silent }, "the site that came back").toEqual({ takes: [after.active], silent: [] });

    const rebuilt = await through<ReprotectReport>(lab, ["reprotect", "--site", after.standby], back);
    const { total, moves } = await lab.account(after, since);
    expect({ duplicated: total.duplicated, elsewhere: moves[0]?.elsewhere }).toEqual({ duplicated: 0, elsewhere: 0 });
    // What the region had acknowledged and never shipped went with it, and nothing else: it is in the list of its rows.
    const listed = readFileSync(rebuilt.diverged?.file ?? "", "utf8");
    expect(total.lostKeys.filter((key) => !listed.includes(key))).toEqual([]);
    lab.expectServedBy(after);
    await lab.expectProtected(after);
  });
});
