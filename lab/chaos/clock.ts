import { join } from "node:path";
import { pathToFileURL } from "node:url";

const PRELOAD = pathToFileURL(join(__dirname, "shifted-clock.mjs")).href;

/**
 * `NODE_OPTIONS` under which a process and all Node.js processes that it starts see the clock moved.
 * @param current what the variable holds now; kept, but for an earlier shift
 * @param shiftMs may be negative; `undefined`: not moved
 * @returns `undefined` where the variable can stay as it is
 */
export function clockOptions(current: string | undefined, shiftMs: number | undefined): string | undefined {
  const others = (current ?? "").split(" ").filter((option) => option !== "" && !option.startsWith(`--import=${PRELOAD}`));
  if (shiftMs !== undefined) others.push(`--import=${PRELOAD}?ms=${shiftMs}`);
  const options = others.join(" ");
  return shiftMs === undefined && options === (current ?? "") ? undefined : options;
}
