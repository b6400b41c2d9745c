import { rmSync } from "node:fs";
import { join } from "node:path";
import type { InstanceRecord } from "./records";

/** `Status` values of a DB snapshot that the lab uses. */
export type SnapshotState = "creating" | "available" | "failed";

/** A copy of an instance's data in a folder, which outlives the instance. */
export interface Snapshot {
  region: string;
  /** As it was written by who made it. */
  id: string;
  state: SnapshotState;
  /** `DbiResourceId` of the instance. */
  resourceId: string;
  /** What moto recorded of the instance when it was taken. */
  record: InstanceRecord;
  /** Of the key that it is encrypted with. */
  kmsKeyId?: string;
  /** What it is a copy of. */
  source?: { region: string; id: string };
  folder: string;
}

/** The DB snapshots of a lab. Each belongs to a region. */
export class Snapshots {
  private readonly known = new Map<string, Snapshot>();

  constructor(
    private readonly folder: string,
    private readonly log: (message: string) => void,
  ) {}

  /** `undefined`: no such snapshot, or not one of PostgreSQL. */
  find(region: string, id: string): Snapshot | undefined {
    return this.known.get(nameOf(region, id));
  }

  /** @param copy makes the folder, which is not there yet */
  take(about: Omit<Snapshot, "state" | "folder">, copy: (folder: string) => Promise<void>): void {
    const name = nameOf(about.region, about.id);
    const began = Date.now();
    const snapshot: Snapshot = { ...about, state: "creating", folder: join(this.folder, name) };
    this.known.set(name, snapshot);
    copy(snapshot.folder).then(
      () => {
        snapshot.state = "available";
        this.log(`snapshot ${name} available after ${Date.now() - began} ms`);
      },
      (error: unknown) => {
        snapshot.state = "failed";
        this.log(`snapshot ${name} failed: ${(error as Error).message}`);
      },
    );
  }

  remove(region: string, id: string): void {
    const name = nameOf(region, id);
    const snapshot = this.known.get(name);
    if (this.known.delete(name) && snapshot) rmSync(snapshot.folder, { recursive: true, force: true });
  }
}

/** Identifiers are told apart without regard to case. */
function nameOf(region: string, id: string): string {
  return `${region}-${id.toLowerCase()}`;
}

const ARN = /^arn:aws[a-z-]*:rds:([a-z0-9-]+):\d{12}:snapshot:(.+)$/;

/** Names a snapshot that is given as an identifier of `region` or as an ARN. */
export function parseSnapshotIdentifier(region: string, identifier: string): { region: string; id: string } {
  const [, arnRegion, id] = ARN.exec(identifier) ?? [];
  return arnRegion !== undefined && id !== undefined ? { region: arnRegion, id } : { region, id: identifier };
}
