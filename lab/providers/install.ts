import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildStandIns, hasStandIn, STAND_INS, type StandIn } from "./build";

/**
 * Installs the stand-ins into a Pulumi home of the lab's own, where `pulumi plugin install resource <name> <version> -f` would put them:
 * `<pulumiHome>/plugins/resource-<name>-v<version>/`. Builds only when a source or the lock file has changed.
 * @returns the stand-ins that were built
 */
export async function installStandIns(pulumiHome: string, names: StandIn[] = Object.keys(STAND_INS) as StandIn[]): Promise<StandIn[]> {
  const plugins = join(pulumiHome, "plugins");
  mkdirSync(plugins, { recursive: true });
  const stale = names.filter((name) => hasStandIn(name)).filter((name) => stampOf(plugins, name) !== sourceHash(name));
  if (stale.length === 0) return [];
  const scratch = mkdtempSync(join(plugins, ".stand-ins-"));
  try {
    await buildStandIns(scratch, stale);
    for (const name of stale) {
      const folder = folderOf(plugins, name);
      writeFileSync(join(scratch, name, STAMP), sourceHash(name));
      rmSync(folder, { recursive: true, force: true });
      renameSync(join(scratch, name), folder);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return stale;
}

const STAMP = "source.sha256";

function folderOf(plugins: string, name: StandIn): string {
  return join(plugins, `resource-${name}-v${STAND_INS[name]}`);
}

function stampOf(plugins: string, name: StandIn): string | undefined {
  const file = join(folderOf(plugins, name), STAMP);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** Over the stand-in's own source, the base, the way it is built, the installed packages and the Node that runs it. */
function sourceHash(name: StandIn): string {
  const hash = createHash("sha256").update(process.execPath);
  const files = [
    ...[name, "base"].flatMap((folder) => filesBelow(join(__dirname, folder))),
    join(__dirname, "build.ts"),
    join(__dirname, "../../package-lock.json"),
  ];
  for (const file of files) hash.update(file).update(readFileSync(file));
  return hash.digest("hex");
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
