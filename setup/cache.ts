import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, type Stats } from "node:fs";
import { join, relative, resolve } from "node:path";
import { changeoverHome } from "./home.mjs";
import type { Made, Part, WayName } from "./part";

/** What is written down about a part that is complete: `<home>/tools/<name>-<version>/made.json`. */
export interface MadePart {
  part: string;
  /** The version that it is. */
  version: string;
  way: WayName;
  /** When, in ISO 8601. */
  at: string;
  /** Absolute paths by name. */
  tools: Record<string, string>;
}

interface Stored extends Omit<MadePart, "tools"> {
  /** Relative to the part's folder. With size and time, so that a tool of the machine that was exchanged is looked at again. */
  tools: Record<string, { path: string; size: number; mtimeMs: number }>;
}

export function folderOf(part: Part, home = changeoverHome()): string {
  return join(home, "tools", `${part.name}-${part.version}`);
}

/** The part, where it is complete and everything that it consists of is as it was. A few file operations. */
export function readMade(part: Part, home = changeoverHome()): MadePart | undefined {
  const folder = folderOf(part, home);
  let stored: Stored;
  try {
    stored = JSON.parse(readFileSync(join(folder, "made.json"), "utf8")) as Stored;
  } catch {
    return undefined;
  }
  const tools: Record<string, string> = {};
  for (const [name, tool] of Object.entries(stored.tools)) {
    const path = resolve(folder, tool.path);
    const stat = seen(path);
    if (stat?.size !== tool.size || stat.mtimeMs !== tool.mtimeMs) return undefined;
    tools[name] = path;
  }
  if (!part.tools.every((name) => tools[name] !== undefined)) return undefined;
  const made = { ...stored, tools };
  return part.current?.(made) === false ? undefined : made;
}

/** An empty folder for a part that is about to be made. */
export function clearFolder(part: Part, home = changeoverHome()): string {
  const folder = folderOf(part, home);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Written last: without it the part does not count. */
export function writeMade(part: Part, way: WayName, made: Made, home = changeoverHome()): MadePart {
  const folder = folderOf(part, home);
  const result: MadePart = { part: part.name, version: made.version ?? part.version, way, at: new Date().toISOString(), tools: made.tools };
  const stored: Stored = {
    ...result,
    tools: Object.fromEntries(
      Object.entries(made.tools).map(([name, path]) => {
        const { size, mtimeMs } = statSync(path);
        return [name, { path: path.startsWith(`${folder}/`) ? relative(folder, path) : path, size, mtimeMs }];
      }),
    ),
  };
  const file = join(folder, "made.json");
  writeFileSync(`${file}.new`, `${JSON.stringify(stored, null, 2)}\n`);
  renameSync(`${file}.new`, file);
  return result;
}

/** `undefined` for a file that is gone, and for one that this user may not look at: another user may have found it first. */
function seen(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
