import type { StackPolicies } from "../../automation/policies";
import { partsOf } from "../../topology/names";
import type { BenchLab } from "./lab";

/** Previews with the policy pack. The commands' whole time, in milliseconds. */
export interface PolicyTimes {
  /** Each stack by itself, by its name. */
  singleMs: Record<string, number>;
  /** All of them, in one command. */
  allMs: number;
}

/** Previews each stack by itself, and then all of them at once. */
export async function measurePolicies(lab: BenchLab): Promise<PolicyTimes> {
  const singleMs: Record<string, number> = {};
  for (const part of partsOf(lab.topology)) {
    const ran = await lab.step(`Policies of ${part}`, () => policies(lab, part), shown);
    singleMs[part] = ran.tookMs;
  }
  const all = await lab.step("Policies of every stack", () => policies(lab), shown);
  return { singleMs, allMs: all.tookMs };
}

const policies = (lab: BenchLab, ...parts: string[]) => lab.changeover<{ stacks: StackPolicies[] }>(["policies", ...parts]);

const shown = ({ tookMs }: { tookMs: number }): string => `${Math.round(tookMs)} ms`;
