import { planNamed, selectionNamed } from "../probes/backup-plans";

/** A resource that an update had begun to create and never told of. */
export interface Unfinished {
  type: string;
  inputs?: Record<string, unknown>;
}

/**
 * What a resource whose second creation would be refused is called where it exists: RDS has a name once, Kubernetes too (its
 * provider creates objects, and no longer overwrites them, since 4.29: pulumi-kubernetes#4278), and AWS Backup a plan and its
 * selection, which are not known by their names alone. What is known by its name may not be there: reading it anew tells.
 * @param region that it is in @returns `undefined` where there is nothing to take over @throws where AWS does not answer
 */
export async function idOf({ type, inputs = {} }: Unfinished, region: string | undefined): Promise<string | undefined> {
  if (type.startsWith("kubernetes:")) return objectId(inputs["metadata"] as { namespace?: string; name?: string } | undefined);
  const named = (key: string): string | undefined => (typeof inputs[key] === "string" ? inputs[key] : undefined);
  const name = named("name");
  switch (type) {
    case "aws:rds/instance:Instance":
      return named("identifier");
    case "aws:rds/snapshot:Snapshot":
      return named("dbSnapshotIdentifier");
    case "aws:backup/plan:Plan":
      return region === undefined || name === undefined ? undefined : planNamed(region, name);
    case "aws:backup/selection:Selection": {
      const plan = named("planId");
      return region === undefined || name === undefined || plan === undefined ? undefined : selectionNamed(region, plan, name);
    }
    default:
      return undefined;
  }
}

/** As the provider of Kubernetes writes it. */
function objectId({ namespace, name }: { namespace?: string; name?: string } = {}): string | undefined {
  return namespace === undefined ? name : name && `${namespace}/${name}`;
}

/** Whether what was taken over is there: AWS makes databases and snapshots for a while. */
export function isThere({ type, outputs }: { type: string; outputs?: Record<string, unknown> }): boolean {
  return !type.startsWith("aws:rds/") || outputs?.["status"] === "available";
}
