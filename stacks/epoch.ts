import { BadInput } from "../topology/errors";
import type { Activation, Role } from "../topology/roles";
import { otherStack, type Context } from "./context";

/** What a stack was last updated to, as its own outputs say. */
export interface Reached extends Activation {
  /** Of a site, as all below. */
  role?: unknown;
  generation?: unknown;
  retained?: { generation: number; discard: boolean }[];
}

/** Databases of a site. */
export interface Databases {
  generation: number;
  retained: number[];
}

/** @returns `undefined` for a stack that was never updated */
export async function reachedBy(context: Context, part: string): Promise<Reached | undefined> {
  const own = otherStack(context, part);
  const [activeSite, epoch, role, generation, retained] = await Promise.all(
    ["activeSite", "epoch", "role", "generation", "retained"].map(async (output): Promise<unknown> => {
      const details = await own.getOutputDetails(output);
      return details.value;
    }),
  );
  if (typeof activeSite !== "string" || typeof epoch !== "number") return undefined;
  return { activeSite, epoch, role, generation, retained: (retained ?? []) as { generation: number; discard: boolean }[] };
}

/**
 * A stack never goes back to an older changeover, and never changes the active site within one: an operator with old
 * config, or two at once, would make two sites that write.
 * @throws BadInput where the epoch is stale
 */
export function refuseStaleEpoch(reached: Reached | undefined, wanted: Activation): void {
  if (!reached) return;
  if (wanted.epoch < reached.epoch) {
    throw new BadInput([
      { path: "changeover:epoch", value: wanted.epoch, message: `${reached.epoch} or more: this stack has reached that epoch` },
    ]);
  }
  if (wanted.epoch === reached.epoch && wanted.activeSite !== reached.activeSite) {
    throw new BadInput([
      {
        path: "changeover:epoch",
        value: wanted.epoch,
        message: `${reached.epoch + 1} with changeover:activeSite ${wanted.activeSite}: in epoch ${reached.epoch} the active site is ${reached.activeSite}`,
      },
    ]);
  }
}

/**
 * A database that took writes never becomes a replica, which would have to forget them, and goes only after an update
 * that took its protection away. RDS refuses either as well, but midway through an update.
 * @throws BadInput where a database would be lost
 */
export function refuseLostDatabase(reached: Reached | undefined, role: Role, { generation, retained }: Databases): void {
  if (!reached) return;
  if (role === "standby" && (reached.role === "active" || reached.role === "fenced") && reached.generation === generation) {
    const kept = `with changeover:retained ${[...retained, generation].join(",")}`;
    throw new BadInput([
      {
        path: "changeover:generation",
        value: generation,
        message: `${generation + 1} ${kept}, or as it is ${kept}, which makes the site fenced: that database has taken writes, and cannot become a replica`,
      },
    ]);
  }
  const kept = reached.retained?.filter((left) => !left.discard).map((left) => left.generation) ?? [];
  const missing = kept.filter((left) => left !== generation && !retained.includes(left));
  if (missing.length > 0) {
    throw new BadInput([
      {
        path: "changeover:retained",
        value: retained.length > 0 ? retained.join(",") : undefined,
        message: `${[...retained, ...missing].sort((a, b) => a - b).join(",")}: before a database may go, an update with changeover:discard true has to take its protection away`,
      },
    ]);
  }
}
