import { join } from "node:path";
import { UNDECIDED } from "../policies/rule";
import { formatDuration } from "../topology/duration";
import { BadInput } from "../topology/errors";
import { partsOf } from "../topology/names";
import type { Environment } from "./facts";
import { paint, table } from "./output";
import { PACK_AT, servePack } from "./pack-server";
import type { StepList } from "./steps";
import type { Judgement } from "./pulumi/events";

/** What the pack says of one stack. */
export interface StackPolicies {
  part: string;
  stack: string;
  /** Violations: those that are mandatory fail an update. */
  violated: Judgement[];
  /** What a preview knows too little for; the update decides. */
  undecided: Judgement[];
  tookMs: number;
}

/**
 * Holds every stack, as its program would make it, against the policy pack: previews, all at the same time.
 * @param only parts whose stacks are looked at; none: all of them
 * @param configs JSON files with options of the policies, as `pulumi preview --policy-pack-config` takes them
 * @throws BadInput for a part that is none; UpdateFailed where a stack cannot be previewed for another reason than a policy
 */
export async function checkPolicies(
  { workspace, topology }: Environment,
  only: readonly string[],
  configs: readonly string[],
  steps: StepList,
): Promise<StackPolicies[]> {
  const all = partsOf(topology);
  const strange = only.filter((part) => !all.includes(part));
  if (strange.length > 0) throw new BadInput([{ path: "<parts>", value: strange.join(" "), message: all.join(", ") }]);
  const parts = only.length > 0 ? all.filter((part) => only.includes(part)) : all;
  const folder = join(workspace.root, "policies");
  const server = await servePack(folder);
  // These engines live for seconds: collecting garbage before memory is short would be a tenth of their work.
  const pack = { folder, env: { [PACK_AT]: server.port, GOGC: "off" } };
  const checks = Promise.all(
    parts.map(async (part) => {
      const began = performance.now();
      steps.start(part, `Preview ${workspace.stackName(part)} with the policies`);
      const judgements = await workspace.judge(part, pack, configs).catch((error: unknown) => {
        steps.failed(part);
        throw error;
      });
      const undecided = judgements.filter(isUndecided);
      const violated = judgements.filter((one) => !isUndecided(one));
      if (violated.some(({ level }) => level === "mandatory")) steps.failed(part, `${violated.length} violations`);
      else steps.done(part, violated.length > 0 ? `${violated.length} remarks` : undefined);
      return { part, stack: workspace.stackName(part), violated, undecided, tookMs: Math.round(performance.now() - began) };
    }),
  );
  return checks.finally(() => {
    server.close();
  });
}

const isUndecided = ({ message }: Judgement): boolean => message.includes(UNDECIDED);

/** Whether an update of every stack would be let through. */
export function areKept(stacks: readonly StackPolicies[]): boolean {
  return !stacks.some(({ violated }) => violated.some(({ level }) => level === "mandatory"));
}

/** The same as an operator reads it. */
export function describePolicies(stacks: readonly StackPolicies[]): string {
  const found = stacks.flatMap(({ stack, violated, undecided }) => [
    ...violated.map((one) => [
      stack,
      one.level === "mandatory" ? paint.red("violated") : paint.yellow("remark"),
      one.policy,
      one.message.split("\n").at(-1) ?? "",
    ]),
    ...undecided.map((one) => [stack, "undecided", one.policy, one.message.slice(one.message.indexOf(UNDECIDED))]),
  ]);
  const longest = Math.max(0, ...stacks.map(({ tookMs }) => tookMs));
  const verdict = areKept(stacks) ? paint.green("every mandatory policy is kept") : paint.red("mandatory policies are violated");
  return [
    ...(found.length > 0 ? [table(["STACK", "", "POLICY", "WHAT"], found), ""] : []),
    `${stacks.length} stacks: ${verdict}; nothing was changed, the longest preview took ${formatDuration(longest)}`,
  ].join("\n");
}
