import { createHash } from "node:crypto";
import { formatDuration } from "../topology/duration";
import type { Activation } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import { BadInput } from "../topology/errors";
import { estimateActivation, estimateFailover } from "../topology/estimate";
import { coldStart, describeColdStart, type ColdStart } from "./cold-start";
import { Refused } from "./errors";
import { latestActivation, siteFacts, type Environment } from "./facts";
import { paint, table } from "./output";
import type { Operation } from "./workspace";

/** Where a call goes: to data (objects, rows), or to the control plane of a region that survives or is lost. */
export type Plane = "data" | "surviving" | "lost";

export interface PlannedOperation extends Operation {
  /** Full name of the stack. */
  stack: string;
  plane: Plane;
}

export interface Plan {
  from: SiteName;
  to: SiteName;
  epoch: number;
  unreachable: SiteName[];
  /** SHA-256 over topology, config and operations: what was approved is what runs. */
  hash: string;
  /** What would change, in the order in which the engine reports it; resources that stay the same are left out. */
  operations: PlannedOperation[];
  /** Resources that stay as they are. */
  unchanged: number;
  /** On AWS, from the decision on; `changeover estimate` has the segments. */
  predicted: { rtoMs: number; rpoMs: number };
  /** What a cold site would begin with. */
  cold?: ColdStart;
}

/** Kinds that hold data: a plan that replaces or deletes one is wrong. */
const STATEFUL = [
  "aws:rds/instance:Instance",
  "aws:s3/bucket:Bucket",
  "aws:backup/vault:Vault",
  "aws:kms/key:Key",
  "aws:route53/zone:Zone",
];

const DATA_PLANE = ["aws:s3/bucketObjectv2:BucketObjectv2"];

/**
 * What a changeover to a site would touch: the previews of the stacks involved. Changes nothing.
 * @throws Refused where the plan would replace or delete what holds data
 */
export async function planChangeover(env: Environment, to: SiteName, unreachable: SiteName[]): Promise<Plan> {
  const { topology } = env;
  const sites = Object.keys(topology.sites);
  for (const [flag, site] of [["--to", to], ...unreachable.map((name) => ["--unreachable", name])] as [string, string][]) {
    if (!sites.includes(site)) throw new BadInput([{ path: flag, value: site, message: `a site of the topology: ${sites.join(", ")}` }]);
  }
  const facts = await siteFacts(env);
  const current = latestActivation(topology, facts);
  if (current.activeSite === to) {
    throw new Refused(`${to} is the active site already, since epoch ${current.epoch}`, "plan a changeover to another site");
  }
  const next: Activation = { activeSite: to, epoch: current.epoch + 1 };
  const cold = topology.sites[to]?.standby === "cold" ? await coldStart(env, facts, to, current) : undefined;
  const values = { activeSite: to, epoch: String(next.epoch), ...(cold && { snapshot: cold.snapshot }) };
  const { operations, unchanged } = await plannedOperations(
    env,
    // What is inside a database that is not there yet nobody can look at; a copy has it all.
    (cold ? [to] : [to, "data"]).map((part) => [part, values]),
    unreachable,
  );
  const { rtoMs, rpoMs } = cold ? estimateActivation(topology) : estimateFailover(topology);
  return {
    from: current.activeSite,
    to,
    epoch: next.epoch,
    unreachable,
    hash: createHash("sha256")
      .update(JSON.stringify([topology, values, operations]))
      .digest("hex"),
    operations,
    unchanged,
    predicted: { rtoMs, rpoMs },
    ...(cold && { cold }),
  };
}

/**
 * Previews stacks with config values in place of theirs.
 * @throws Refused where one would replace or delete what holds data
 */
export async function plannedOperations(
  { workspace }: Environment,
  changes: [part: string, values: Record<string, string | undefined>][],
  unreachable: SiteName[],
): Promise<Pick<Plan, "operations" | "unchanged">> {
  const found = (await Promise.all(changes.map(([part, values]) => workspace.preview(part, values)))).flat();
  const operations = found
    .filter(({ op }) => op !== "same" && op !== "read")
    .map((operation) => ({ ...operation, stack: workspace.stackName(operation.part), plane: planeOf(operation, unreachable) }));
  const wrong = operations.filter(({ type, op }) => STATEFUL.includes(type) && /replace|delete/.test(op));
  if (wrong.length > 0) {
    throw new Refused(
      `the changeover would ${wrong.map(({ op, urn }) => `${op} ${urn}`).join(", ")}`,
      "a failover never replaces or deletes what holds data: look at the last change of the program or the topology",
    );
  }
  return { operations, unchanged: found.length - operations.length };
}

/** The plan as an operator reads it. */
export function describePlan(plan: Plan): string {
  return [
    `${plan.from} → ${plan.to}, epoch ${plan.epoch}: ${plan.operations.length} operations, ${plan.unchanged} resources stay as they are; nothing was changed`,
    "",
    describeOperations(plan.operations),
    "",
    ...(plan.cold ? [describeColdStart(plan.cold), ""] : []),
    `predicted on AWS: RTO ${formatDuration(plan.predicted.rtoMs)} after the decision, RPO ${formatDuration(plan.predicted.rpoMs)}; plan ${plan.hash.slice(0, 12)}`,
  ].join("\n");
}

export function describeOperations(operations: PlannedOperation[]): string {
  const rows = operations.map(({ stack, op, plane, type, urn, changes }) => [
    stack,
    op === "replace" || op === "delete" ? paint.red(op) : op,
    plane === "lost" ? paint.red(plane) : plane,
    type.split(":").at(-1) ?? type,
    urn.slice(urn.lastIndexOf("::") + 2),
    changes.join(", "),
  ]);
  return table(["STACK", "OPERATION", "PLANE", "TYPE", "NAME", "CHANGES"], rows);
}

function planeOf({ part, type }: Operation, unreachable: SiteName[]): Plane {
  if (unreachable.includes(part)) return "lost";
  return part === "data" || DATA_PLANE.includes(type) ? "data" : "surviving";
}
