import { planNamed, selectionNamed } from "./probes/backup-plans";

/** A resource that an update had begun to create and never told of. */
export interface Unfinished {
  type: string;
  inputs?: Record<string, unknown>;
}

/**
 * What a resource whose second creation would be refused is called where it exists: RDS has a name once, and AWS Backup a
 * plan and its selection, which are not known by their names alone.
 * @param region that it is in @returns `undefined` where there is nothing to take over @throws where AWS does not answer
 */
export async function idOf({ type, inputs = {} }: Unfinished, region: string | undefined): Promise<string | undefined> {
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

/** Whether what was taken over is there: AWS makes databases and snapshots for a while. */
export function isThere({ type, outputs }: { type: string; outputs?: Record<string, unknown> }): boolean {
  return !type.startsWith("aws:rds/") || outputs?.["status"] === "available";
}
