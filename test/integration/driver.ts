import { setTimeout as sleep } from "node:timers/promises";
import { atStep, type Seen } from "../../lab/chaos/at-step";
import { killDriver } from "../../lab/chaos/kill";
import { changeover, type Ended } from "./command";
import { describePoint, type KillPoint } from "./kill-points";

/**
 * Runs a command whose driver is killed (SIGKILL) at a moment of its journal.
 * @throws where it came to its end before
 */
export async function killedAt(args: string[], point: KillPoint, env: Record<string, string>): Promise<Seen> {
  const watch = atStep(env["CHANGEOVER_JOURNALS"] ?? "", point, async ({ driver }) => {
    if (!driver) throw new Error("no entry says which process writes the journal");
    if (point.afterMs !== undefined) await sleep(point.afterMs);
    killDriver(driver, point);
  });
  const ended = await changeover(args, env);
  watch.close();
  const seen = await watch.seen;
  if (!seen || ended.code !== null) {
    throw new Error(
      `changeover ${args.join(" ")} was to be killed at ${describePoint(point)} and ended with ${ended.code}: ${ended.stderr}`,
    );
  }
  return seen;
}

/**
 * Runs a command and does something at the beginning of a step.
 * @throws where that step never came
 */
export async function atStepOf(step: string, act: () => Promise<unknown>, args: string[], env: Record<string, string>): Promise<Ended> {
  const watch = atStep(env["CHANGEOVER_JOURNALS"] ?? "", { step }, async () => {
    await act();
  });
  const ended = await changeover(args, env);
  watch.close();
  if (!(await watch.seen)) throw new Error(`changeover ${args.join(" ")} ended with ${ended.code} before ${step}: ${ended.stderr}`);
  return ended;
}
