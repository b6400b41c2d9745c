import type { StackConfig } from "../changeover/config";
import type { SiteName, Topology } from "../../topology/schema";
import type { Environment } from "../facts";
import type { Operation } from "../pulumi/events";
import { nameOf } from "../pulumi/urn";

/** Where a call goes: to data (objects, rows), or to the control plane of a region that survives or is lost. */
export type Plane = "data" | "surviving" | "lost";

export interface PlannedOperation extends Operation {
  /** Full name of the stack. */
  stack: string;
  plane: Plane;
  /** Recovery tier, of what a service has. */
  tier?: number;
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

/** Services of AWS that have one control plane for all regions, and where it is. AWS Fault Isolation Boundaries, 'Global services'. */
const GLOBAL = /^aws:(iam|route53)\//;
const GLOBAL_REGION = "us-east-1";

/** Previews stacks, one after the other in the plan, with config values in place of theirs. What stays as it is is counted. */
export async function plannedOperations(
  { workspace, topology }: Environment,
  stacks: readonly [part: string, config: StackConfig][],
  unreachable: readonly SiteName[],
): Promise<{ operations: PlannedOperation[]; unchanged: number }> {
  const found = await Promise.all(stacks.map(([part, config]) => workspace.preview(part, config)));
  const operations = found.flatMap((ofStack) =>
    ofStack
      .filter(({ op }) => op !== "same" && op !== "read")
      .map((operation) => ({
        ...operation,
        changes: [...operation.changes].sort(),
        stack: workspace.stackName(operation.part),
        plane: planeOf(operation, topology, unreachable),
        ...tierOf(operation),
      }))
      // The engine goes through a stack in another order each time.
      .sort((a, b) => rank(a) - rank(b) || (a.urn < b.urn ? -1 : 1)),
  );
  return { operations, unchanged: found.flat().length - operations.length };
}

/** What no changeover may do, in words. */
export function objectionsTo(operations: readonly PlannedOperation[]): string[] {
  return operations.flatMap(({ op, urn, type, plane }) => [
    ...(STATEFUL.includes(type) && /replace|delete/.test(op) ? [`it would ${op} ${nameOf(urn)}, which holds data`] : []),
    ...(plane === "lost" ? [`to ${op} ${nameOf(urn)} takes the control plane of a region that is lost`] : []),
  ]);
}

/** @param unreachable sites that are lost */
export function planeOf({ part, type }: Pick<Operation, "part" | "type">, { sites }: Topology, unreachable: readonly SiteName[]): Plane {
  const lost = unreachable.map((site) => sites[site]?.region);
  // What is inside the database is reached at the active site; the edge belongs to no site.
  if (DATA_PLANE.includes(type) || type.startsWith("postgresql:")) return unreachable.includes(part) ? "lost" : "data";
  const region = GLOBAL.test(type) || part === "edge" ? GLOBAL_REGION : sites[part]?.region;
  return region !== undefined && lost.includes(region) ? "lost" : part === "data" ? "data" : "surviving";
}

/** Of what belongs to a service of a tier: the tier is part of the resource's name. */
function tierOf({ urn }: Pick<Operation, "urn">): { tier?: number } {
  const tier = /-tier-(\d+)-/.exec(nameOf(urn))?.[1];
  return tier === undefined ? {} : { tier: Number(tier) };
}

/** The order in which a stack goes: the database, the tiers, the switch and all that comes behind it. */
function rank({ type, tier }: Pick<PlannedOperation, "type" | "tier">): number {
  if (type.startsWith("aws:rds/")) return -1;
  return tier ?? (type.startsWith("kubernetes:") ? 0 : 10);
}
