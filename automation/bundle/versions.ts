import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ensure } from "../../setup";
import { driverParts } from "../../setup/parts";
import { PROVIDERS } from "../../setup/pulumi";

/** An executable that Changeover does not carry with it, as it was when the bundle was made. */
export interface Program {
  name: string;
  version: string;
  /** `null`: not on the machine. */
  sha256: string | null;
}

export interface Versions {
  node: string;
  platform: string;
  programs: Program[];
}

/** Pulumi's CLI, its language host and the provider plugins that this machine would use. */
export async function readVersions(): Promise<Versions> {
  const tools = await ensure(driverParts);
  const home = process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi");
  const programs = [
    ...driverParts.map((part) => ({ name: part.name, version: tools.part(part.name).version, path: tools.tool(part.name) })),
    ...Object.entries(PROVIDERS).map(([name, version]) => ({
      name: `pulumi-resource-${name}`,
      version,
      path: join(home, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`),
    })),
  ];
  return {
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    programs: await Promise.all(programs.map(async ({ path, ...program }) => ({ ...program, sha256: await digest(path) }))),
  };
}

/** What this machine has otherwise than the bundle was made with, as sentences; nothing of it forbids its use. */
export function versionNotes(made: Versions, here: Versions): string[] {
  const notes = made.programs.flatMap(({ name, version, sha256 }) => {
    const mine = here.programs.find((program) => program.name === name);
    if (mine === undefined || mine.sha256 === null)
      return [`${name} ${version} is not on this machine: it is set up at the first use, which needs the network`];
    if (mine.version !== version) return [`${name} is ${mine.version} here and was ${version}`];
    return mine.sha256 === sha256 ? [] : [`${name} ${version} is another build here`];
  });
  const [major] = made.node.split(".");
  return here.node.startsWith(`${major ?? ""}.`) ? notes : [`Node.js is ${here.node} here and was ${made.node}`, ...notes];
}

async function digest(path: string): Promise<string | null> {
  if (!existsSync(path)) return null;
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
