import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SiteName } from "../../topology/schema";
import { estimateActivation, estimateFailover } from "../../topology/estimate";
import { sourcesOf } from "../bundle/contents";
import type { ColdStart } from "../cold-start";
import { siteFacts, type Environment } from "../facts";
import { changesOf, type PlanKind, type PlanRequest } from "./changes";
import { objectionsTo, plannedOperations, type PlannedOperation } from "./operations";
import { standingsOf, type Standings } from "./standings";

export interface Plan {
  kind: PlanKind;
  from: SiteName;
  to: SiteName;
  epoch: number;
  unreachable: SiteName[];
  /** SHA-256 over topology, config, program and operations: what was approved is what runs. */
  hash: string;
  /** What would change: by stack in the order of the updates, in a stack by tier. Resources that stay the same are left out. */
  operations: PlannedOperation[];
  /** Resources that stay as they are. */
  unchanged: number;
  /** What each site is before it and after it. */
  sites: Record<SiteName, Standings>;
  /** Why it must not be done so; none where it may. */
  objections: string[];
  /** On AWS, from the decision on; `changeover estimate` has the segments. @default nothing is recovered by it */
  predicted?: { rtoMs: number; rpoMs: number };
  /** What a cold site would begin with. */
  cold?: ColdStart;
}

/** What a changeover would touch: the previews of the stacks involved. Changes nothing. @throws BadInput, Refused */
export async function planChangeover(env: Environment, request: PlanRequest): Promise<Plan> {
  const { topology, workspace } = env;
  const { kind, unreachable } = request;
  const facts = await siteFacts(env);
  const { from, to, next, stacks, cold } = await changesOf(env, facts, request);
  const { operations, unchanged } = await plannedOperations(env, stacks, unreachable);
  const settings = await Promise.all(stacks.map(([part]) => workspace.settings(part)));
  const predicted = cold ? estimateActivation(topology) : kind === "failover" ? estimateFailover(topology) : undefined;
  return {
    kind,
    from,
    to,
    epoch: next.epoch,
    unreachable,
    hash: digest([topology, stacks, settings, programDigest(workspace.root, workspace.environment), operations]),
    operations,
    unchanged,
    sites: standingsOf(topology, facts, { kind, from, to, unreachable }),
    objections: objectionsTo(operations),
    ...(predicted && { predicted: { rtoMs: predicted.rtoMs, rpoMs: predicted.rpoMs } }),
    ...(cold && { cold }),
  };
}

/** What a stack is made by, and its dependencies. */
const PROGRAM = /^(components|stacks|topology)\/|^package-lock\.json$/;

function programDigest(root: string, environment: string): string {
  return digest(
    sourcesOf(root, environment)
      .filter((path) => PROGRAM.test(path))
      .map((path) => [path, readFileSync(join(root, path), "utf8")]),
  );
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
