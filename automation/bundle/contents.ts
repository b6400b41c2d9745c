import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Refused } from "../errors";

/** Folders of the checkout that a failover runs from. */
const FOLDERS = ["automation", "bin", "components", "guard", "policies", "setup", "stacks", "topology"];

/** Single files; what the checkout does not have is left out. */
const FILES = [
  ".npmrc",
  "Pulumi.yaml",
  "docs/architecture.md",
  "docs/bundle.md",
  "docs/by-hand.md",
  "docs/runbook.md",
  "package-lock.json",
  "package.json",
  "topology.schema.json",
  "topology.yaml",
  "tsconfig.json",
];

/** The starter, under this name in a bundle: `bin/changeover.mjs` is the launcher there. */
export const STARTER = "bin/changeover-main.mjs";
export const LAUNCHER = "bin/changeover.mjs";

/** What a bundle is told by. */
export const MANIFEST = "manifest.json";
export const RUNBOOK = "RUNBOOK.md";
/** The stacks' state and config as they were in the backend and the checkout, untouched by use. */
export const MADE = "made";
/** The backend of the bundle's own. */
export const STATE = "state";
export const JOURNALS = "journals";
/** Given by the launcher: the process runs from a bundle. */
export const IN_BUNDLE = "CHANGEOVER_BUNDLE";

/** Sources that go into a bundle, by path in the checkout. */
export function sourcesOf(root: string, environment: string): string[] {
  const inFolders = FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  );
  const own = [`topology.${environment}.yaml`, ...configFiles(root, environment)];
  return [...inFolders, ...[...FILES, ...own].filter((file) => existsSync(join(root, file)))].sort();
}

/** `Pulumi.<environment>-<part>.yaml` of every stack. */
export function configFiles(root: string, environment: string): string[] {
  return readdirSync(root)
    .filter((name) => name.startsWith(`Pulumi.${environment}-`) && name.endsWith(".yaml"))
    .sort();
}

/** The part of a bundle that using it changes; everything else stays as it was made. */
export function isLiving(path: string): boolean {
  return path.startsWith(`${STATE}/`) || path.startsWith(`${JOURNALS}/`) || /^Pulumi\.[^/]+-[^/]+\.yaml$/.test(path);
}

interface Lock {
  packages: Record<string, { dev?: boolean; version?: string }>;
}

/**
 * Folders of the Node packages that production needs and the checkout has: those of other platforms stay away.
 * @throws Refused where the lock file is not that of package.json: something that production needs would stay away too
 */
export function productionPackages(root: string): string[] {
  const paths = Object.entries(readLock(join(root, "package-lock.json")).packages)
    .filter(([path, { dev }]) => path !== "" && dev !== true && existsSync(join(root, path)))
    .map(([path]) => path);
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { dependencies?: Record<string, string> };
  const missing = Object.keys(dependencies).filter((name) => !paths.includes(`node_modules/${name}`));
  if (missing.length > 0) {
    throw new Refused(
      `package-lock.json does not have ${missing.join(", ")} for production, as package.json wants`,
      "npm install, in the checkout",
    );
  }
  return paths;
}

/** What npm would have written down had it installed just these; the starter compares it with the lock file. */
export function installedLock(root: string, packages: readonly string[]): string {
  const { packages: all, ...rest } = readLock(join(root, "node_modules/.package-lock.json"));
  return `${JSON.stringify({ ...rest, packages: Object.fromEntries(packages.map((path) => [path, all[path] ?? {}])) }, null, 2)}\n`;
}

function readLock(file: string): Lock {
  return JSON.parse(readFileSync(file, "utf8")) as Lock;
}
