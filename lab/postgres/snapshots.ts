import { rmSync } from "node:fs";
import { join } from "node:path";

/** `Status` values of a DB snapshot that the lab uses. */
export type SnapshotState = "creating" | "available" | "failed";

/** The DB snapshots of a lab: each a copy of an instance's data in a folder, which outlives the instance. */
export class Snapshots {
  private readonly states = new Map<string, SnapshotState>();

  constructor(
    private readonly folder: string,
    private readonly log: (message: string) => void,
  ) {}

  /** `undefined`: no such snapshot, or not one of PostgreSQL. */
  stateOf(region: string, id: string): SnapshotState | undefined {
    return this.states.get(nameOf(region, id));
  }

  /** @param copy makes the folder, which is not there yet */
  take(region: string, id: string, copy: (folder: string) => Promise<void>): void {
    const name = nameOf(region, id);
    const began = Date.now();
    this.states.set(name, "creating");
    copy(this.folderOf(name)).then(
      () => {
        this.states.set(name, "available");
        this.log(`snapshot ${name} available after ${Date.now() - began} ms`);
      },
      (error: unknown) => {
        this.states.set(name, "failed");
        this.log(`snapshot ${name} failed: ${(error as Error).message}`);
      },
    );
  }

  remove(region: string, id: string): void {
    const name = nameOf(region, id);
    if (this.states.delete(name)) rmSync(this.folderOf(name), { recursive: true, force: true });
  }

  private folderOf(name: string): string {
    return join(this.folder, name);
  }
}

/** Identifiers are told apart without regard to case. */
function nameOf(region: string, id: string): string {
  return `${region}-${id.toLowerCase()}`;
}
