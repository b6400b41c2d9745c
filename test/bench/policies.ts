import { Stopped } from "../../automation/errors";
import { partsOf } from "../../topology/names";
import type { BenchLab } from "./lab";
import { runProgram } from "./run";

/** Previews with the policy pack. The commands' whole time, in milliseconds. */
export interface PolicyTimes {
  /** Each stack by itself, by Pulumi's own command: what a pipeline without ours would run for each. */
  singleMs: Record<string, number>;
  /** All of them, in one command. */
  allMs: number;
}

/** Previews each stack by itself, and then all of them at once. */
export async function measurePolicies(lab: BenchLab): Promise<PolicyTimes> {
  const singleMs: Record<string, number> = {};
  for (const part of partsOf(lab.topology)) {
    const stack = lab.env.workspace.stackName(part);
    const ran = await lab.step(`Policies of ${part}`, () => preview(lab, stack), shown);
    singleMs[part] = ran.tookMs;
  }
  const all = await lab.step("Policies of every stack", () => lab.changeover(["policies"]), shown);
  return { singleMs, allMs: all.tookMs };
}

async function preview(lab: BenchLab, stack: string): Promise<{ tookMs: number }> {
  const ran = await runProgram("pulumi", ["preview", "-s", stack, "--policy-pack", "policies", "--suppress-outputs"], lab.options());
  lab.signal.throwIfAborted();
  if (ran.code !== 0) throw new Stopped(`pulumi preview -s ${stack} ended with ${ran.code}: ${ran.stderr.trim()}`, "run the bench again");
  return ran;
}

const shown = ({ tookMs }: { tookMs: number }): string => `${Math.round(tookMs)} ms`;
