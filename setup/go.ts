import { existsSync, mkdirSync } from "node:fs";
import { chmod, readdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { NotThisWay, type Site, type Way } from "./part";
import { isExecutable, onPath, run } from "./run";
import sources from "./sources.json";

type Recipe = keyof typeof sources.go;

/**
 * Builds executables from Go modules, as `go/<module>/go.mod` pins them. Its module and build caches are in the cache folder and go away with
 * `dropGoCaches`; one build at a time, because they are shared.
 *
 * @param tools names of executables, each a recipe of sources.json
 */
export function goBuild(...tools: Recipe[]): Way {
  return {
    name: "Go build",
    async make(at) {
      const go = onPath("go")[0] ?? ["/usr/local/go/bin/go", "/usr/lib/go/bin/go"].find(isExecutable);
      if (go === undefined) throw new NotThisWay("no go on PATH nor in /usr/local/go/bin");
      const made: Record<string, string> = {};
      await withLock(goLock(at.home), async () => {
        mkdirSync(join(at.home, "go"), { recursive: true });
        for (const tool of tools) made[tool] = await build(go, tool, at);
      });
      return { tools: made };
    },
  };
}

async function build(go: string, tool: Recipe, at: Site): Promise<string> {
  const recipe = sources.go[tool];
  const [major = "", minor = ""] = at.version.split(".");
  const stamps = Object.entries(recipe.stamp).map(([variable, value]) => {
    const text = value.replace("{version}", at.version).replace("{major}", major).replace("{minor}", minor);
    return `-X ${variable}=${text}`;
  });
  const out = join(at.folder, "bin", tool);
  let compiled = 0;
  await run(go, ["build", "-v", "-ldflags", ["-s", "-w", ...stamps].join(" "), "-o", out, recipe.package], {
    cwd: join(__dirname, "go", recipe.module),
    env: goEnvironment(at.home),
    onLine(line) {
      if (!line.startsWith("go: downloading")) compiled += 1;
      at.note(line.startsWith("go: downloading") ? "modules" : `${tool}, ${compiled} packages compiled`);
    },
  });
  return out;
}

/** Go's own folders, all in the cache folder: modules, objects, checksums and the telemetry that it keeps beside its settings. */
function goEnvironment(home: string): Record<string, string> {
  const settings = join(process.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "go", "env");
  return {
    GOPATH: join(home, "go"),
    GOMODCACHE: join(home, "go", "mod"),
    GOCACHE: join(home, "go", "build"),
    GOTMPDIR: join(home, "go"),
    GOENV: process.env["GOENV"] ?? settings,
    XDG_CONFIG_HOME: join(home, "go", "config"),
    GOTOOLCHAIN: "local",
    GOFLAGS: "-mod=readonly",
    CGO_ENABLED: "0",
  };
}

function goLock(home: string): string {
  return join(home, "locks", "go.lock");
}

/** Removes Go's caches, some 8 GB: a second build is rare, and downloads what it needs again. */
export async function dropGoCaches(home: string): Promise<void> {
  const folder = join(home, "go");
  if (!existsSync(folder)) return;
  await withLock(goLock(home), async () => {
    // Go makes its module cache read-only, and what is in a read-only folder cannot be removed.
    await makeWritable(join(folder, "mod"));
    await rm(folder, { recursive: true, force: true });
  });
}

async function makeWritable(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  await chmod(folder, 0o755);
  const entries = await readdir(folder, { withFileTypes: true });
  await Promise.all(entries.filter((entry) => entry.isDirectory()).map((entry) => makeWritable(join(folder, entry.name))));
}
