import { createHash, randomBytes } from "node:crypto";

/**
 * `<name>-<7 hex digits><suffix>`, as the official plugins name what the program gives no name.
 * @param seed the engine's random seed for the resource, so that a preview and its update agree; empty: random
 */
export function autoName(name: string, seed: Uint8Array, options: { maxLength?: number; suffix?: string } = {}): string {
  const digits = createHash("sha256")
    .update(seed.length === 0 ? randomBytes(16) : seed)
    .digest("hex")
    .slice(0, 7);
  const tail = `-${digits}${options.suffix ?? ""}`;
  return name.slice(0, (options.maxLength ?? 255) - tail.length) + tail;
}
