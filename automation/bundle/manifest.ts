import { createHash } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { BadInput } from "../../topology/errors";
import { isLiving, JOURNALS, MANIFEST } from "./contents";
import { overAll } from "./place";

/** What a bundle says of itself. */
export interface Manifest {
  /** Of this layout. */
  version: 1;
  environment: string;
  /** ISO 8601. */
  madeAt: string;
  activeSite: string;
  epoch: number;
  /** Parts whose stacks are in it: sites, `edge`, `data`. */
  parts: string[];
  /** Whether the Node packages are in it. */
  packages: boolean;
  /** Paths of the machine that made it, which could not be left out; by file. */
  machinePaths: Record<string, string[]>;
  /** SHA-256 of every file but this one; a link's is that of its target's path. */
  files: Record<string, string>;
}

/** What differs from the manifest. */
export interface Verdict {
  ok: boolean;
  changed: string[];
  missing: string[];
  added: string[];
  /** State, config and journals that using the bundle has changed: no fault where a journal says why. */
  used: string[];
  files: number;
}

/** Every file's digest, by path. */
export async function digests(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: [string, string][] = [];
  await overAll(
    entries.filter((entry) => !entry.isDirectory()),
    async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const content = entry.isSymbolicLink() ? await readlink(path) : await readFile(path);
      found.push([relative(folder, path), createHash("sha256").update(content).digest("hex")]);
    },
  );
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws BadInput where the folder is no bundle */
export async function readManifest(folder: string): Promise<Manifest> {
  let manifest: Partial<Manifest> | undefined;
  try {
    manifest = JSON.parse(await readFile(join(folder, MANIFEST), "utf8")) as Partial<Manifest>;
  } catch {
    // Not there or no JSON: the same to whoever asked.
  }
  if (manifest?.version === 1 && manifest.files !== undefined) return manifest as Manifest;
  throw new BadInput([
    { path: "DIR", value: folder, message: `a folder that changeover bundle --out made: with a ${MANIFEST} of version 1` },
  ]);
}

/** Compares a bundle with its manifest. @throws BadInput where the folder is no bundle */
export async function verifyBundle(folder: string): Promise<Verdict> {
  const manifest = await readManifest(folder);
  const now = Object.entries(await digests(folder));
  // A light one sets its packages up where it is used; npm checks those against the lock file.
  return judge(manifest.files, Object.fromEntries(manifest.packages ? now : now.filter(([path]) => !path.startsWith("node_modules/"))));
}

/** Pure: what the digests say. */
export function judge(made: Record<string, string>, now: Record<string, string>): Verdict {
  const here = Object.keys(now).filter((path) => path !== MANIFEST);
  const changed = here.filter((path) => made[path] !== undefined && made[path] !== now[path]);
  const missing = Object.keys(made).filter((path) => now[path] === undefined);
  const added = here.filter((path) => made[path] === undefined);
  const used = [...changed, ...missing, ...added].filter(isLiving).sort();
  // State that changed by use has a journal, or the lock that someone's Pulumi left; a flipped bit has neither.
  const explained = here.some((path) => path.startsWith(`${JOURNALS}/`));
  const harm = (paths: string[]): string[] => (explained ? paths.filter((path) => !isLiving(path)) : paths).sort();
  const verdict = { changed: harm(changed), missing: harm(missing), added: harm(added) };
  return {
    ok: verdict.changed.length + verdict.missing.length + verdict.added.length === 0,
    ...verdict,
    used: explained ? used : [],
    files: Object.keys(made).length,
  };
}
