import { estimateFailover } from "../../topology/estimate";
import type { Comparison } from "../comparison/compare";
import { siteFacts, type Environment } from "../facts";
import { Refused } from "../errors";
import { changesOf } from "../plan/changes";
import { objectionsTo, plannedOperations, type PlannedOperation } from "../plan/operations";
import type { StepList } from "../steps";
import { compareSites, readiness, type Readiness, type SwitchoverRequest } from "./switchover";

/** All that a switchover would look at and touch. */
export interface DryRun {
  readiness: Readiness;
  comparison: Comparison;
  /** Of the target, `data` and the site that is left, in this order. */
  operations: PlannedOperation[];
  /** How long writes would pause on AWS: the promotion; `changeover estimate` has its source. Milliseconds. */
  moveMs: number;
}

/** Everything of a switchover that changes nothing. @throws BadInput, Refused as the switchover itself would */
export async function dryRun(env: Environment, request: SwitchoverRequest, steps: StepList): Promise<DryRun> {
  steps.start("assess", "Look at both sites");
  const facts = await siteFacts(env);
  const found = await readiness(env, request.to, facts);
  const { from, to } = found;
  steps.done("assess", `${to} streams from ${from} and is ready`);
  const [old, target] = [from, to].map((name) => facts.find(({ site }) => site === name));
  if (!old || !target) throw new Error(`no facts of ${from} or ${to}`);

  steps.start("compare", "Compare every table");
  const comparison = await compareSites(env, old, target, request.compareMs, (note) => {
    steps.note("compare", note);
  });
  steps.done("compare", `${comparison.tables.length} tables`);

  steps.start("preview", "Preview the stacks involved");
  const { stacks } = await changesOf(env, facts, { kind: "switchover", to, unreachable: [] });
  const { operations } = await plannedOperations(env, stacks, []);
  const [objection] = objectionsTo(operations);
  if (objection !== undefined) throw new Refused(objection, "look at the last change of the program or the topology");
  steps.done("preview");
  return { readiness: found, comparison, operations, moveMs: estimateFailover(env.topology).promoteMs };
}
