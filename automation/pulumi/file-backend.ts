import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Younger ones may be written just now. */
const LEFT_MS = 1_000;

/**
 * Mends what a process leaves in a `file://` backend that is killed while it writes: beside each object there is
 * `<object>.attrs`, written in place, and while that is empty Pulumi says `failed to load checkpoint: EOF` of a state that is
 * whole. An object needs none.
 * @returns the files that were removed
 */
export function dropEmptySideFiles(backendUrl: string | undefined): string[] {
  const folder = folderOf(backendUrl);
  if (folder === undefined) return [];
  const stacks = join(folder, "stacks");
  if (!existsSync(stacks)) return [];
  const empty = readdirSync(stacks, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".attrs"))
    .map((name) => join(stacks, name))
    .filter((file) => {
      const { size, mtimeMs } = statSync(file);
      return size === 0 && Date.now() - mtimeMs > LEFT_MS;
    });
  for (const file of empty) rmSync(file);
  return empty;
}

/** Whether a stack's lock is held. @returns `undefined` where the backend is no folder: there only an update can tell */
export function isLocked(backendUrl: string | undefined, stack: string): boolean | undefined {
  const folder = folderOf(backendUrl);
  if (folder === undefined) return undefined;
  const locks = join(folder, "locks");
  if (!existsSync(locks)) return false;
  const names = readdirSync(locks, { recursive: true, encoding: "utf8" });
  return names.some((name) => name.endsWith(".json") && basename(dirname(name)) === stack);
}

function folderOf(backendUrl: string | undefined): string | undefined {
  if (!backendUrl?.startsWith("file:///")) return undefined;
  return join(fileURLToPath(backendUrl.split("?")[0] ?? ""), ".pulumi");
}
