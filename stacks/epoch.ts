import { BadInput } from "../topology/errors";
import type { Activation } from "../topology/roles";
import { otherStack, type Context } from "./context";

/**
 * A stack never goes back to an older changeover, and never changes the active site within one: an operator with old
 * config, or two at once, would make two sites that write. What the stack was last updated to is in its own outputs.
 * @throws BadInput where the epoch is stale
 */
export async function refuseStaleEpoch(context: Context, part: string, wanted: Activation): Promise<void> {
  const own = otherStack(context, part);
  const [activeSite, epoch] = await Promise.all([own.getOutputDetails("activeSite"), own.getOutputDetails("epoch")]);
  const reached: unknown = epoch.value;
  if (typeof reached !== "number") return;
  if (wanted.epoch < reached) {
    throw new BadInput([
      { path: "changeover:epoch", value: wanted.epoch, message: `${reached} or more: this stack has reached that epoch` },
    ]);
  }
  if (wanted.epoch === reached && wanted.activeSite !== activeSite.value) {
    throw new BadInput([
      {
        path: "changeover:epoch",
        value: wanted.epoch,
        message: `${reached + 1} with changeover:activeSite ${wanted.activeSite}: in epoch ${reached} the active site is ${String(activeSite.value)}`,
      },
    ]);
  }
}
