import { existsSync, readdirSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { changeoverHome } from "../../setup/home.mjs";
import { BadInput } from "../../topology/errors";
import { Refused } from "../errors";
import type { Environment } from "../facts";
import type { StepList } from "../steps";
import { Workspace } from "../pulumi/workspace";
import {
  configFiles,
  installedLock,
  isLiving,
  LAUNCHER,
  MADE,
  MANIFEST,
  productionPackages,
  RUNBOOK,
  sourcesOf,
  STARTER,
  STATE,
} from "./contents";
import { nameOf } from "../pulumi/urn";
import { differences, type Exported } from "./deployment";
import { gatherFacts, type Facts } from "./facts";
import { digests, readManifest, verifyBundle, type Manifest } from "./manifest";
import { runbookPage } from "./page";
import { copyTo, placePackages } from "./place";
import { betrays, pathsIn } from "./secrets";
import { readVersions } from "./versions";

export interface BundleReport {
  folder: string;
  environment: string;
  madeAt: string;
  activeSite: string;
  epoch: number;
  stacks: string[];
  files: number;
  /** Packages linked or copied, by file; absent in a light one. */
  packages?: { linked: number; copied: number };
  machinePaths: Record<string, string[]>;
}

/** Every stack of the environment's, by part. */
export function partsOf({ topology }: Environment): string[] {
  return ["edge", ...Object.keys(topology.sites), "data"];
}

/** Every stack's state, from the backend. */
export async function exportAll(env: Environment): Promise<Record<string, Exported>> {
  const parts = partsOf(env);
  const states = await Promise.all(parts.map((part) => env.workspace.exportState(part)));
  return Object.fromEntries(parts.map((part, i) => [part, states[i] as Exported]));
}

/**
 * Makes a bundle. It is made beside the folder and moved into place whole: an interrupted one leaves the one before.
 * @throws BadInput for a folder that holds something else; Refused for a bundle that was used and not reconciled, and
 *   where a secret would be in plain text
 */
export async function writeBundle(
  env: Environment,
  out: string,
  options: { light: boolean },
  steps: StepList,
): Promise<{ report: BundleReport; facts: Facts }> {
  const folder = resolve(out);
  await mayReplace(folder, env.workspace.environment);
  const making = join(dirname(folder), `.${folder.split("/").at(-1) ?? "bundle"}.${process.pid}`);
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true, mode: 0o700 });
  try {
    const made = await fill(env, making, options, steps);
    await rm(folder, { recursive: true, force: true });
    await rename(making, folder);
    return { ...made, report: { ...made.report, folder } };
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    throw error;
  }
}

async function mayReplace(folder: string, environment: string): Promise<void> {
  if (!existsSync(folder)) return;
  if (!(await stat(folder)).isDirectory()) {
    throw new BadInput([{ path: "--out", value: folder, message: "a folder: a new one, an empty one, or one with an earlier bundle" }]);
  }
  if (readdirSync(folder).length === 0) return;
  const earlier = await readManifest(folder).catch(() => undefined);
  if (earlier?.environment !== environment) {
    throw new BadInput([
      { path: "--out", value: folder, message: `a new folder, an empty one, or one with an earlier bundle of ${environment}` },
    ]);
  }
  const { used, changed, added } = await verifyBundle(folder);
  if ([...used, ...changed, ...added].some(isLiving)) {
    throw new Refused(
      `the bundle in ${folder} was used: it knows of a changeover that the backend may not know of`,
      `changeover bundle reconcile ${folder}, then name another folder or remove that one`,
    );
  }
}

async function fill(env: Environment, folder: string, { light }: { light: boolean }, steps: StepList) {
  const { workspace, topology } = env;
  const { root, environment } = workspace;
  const madeAt = new Date().toISOString();

  steps.start("state", "Copy every stack's state");
  const states = await exportAll(env);
  const pending = Object.entries(states).filter(([, state]) => (state.deployment.pending_operations ?? []).length > 0);
  if (pending.length > 0) {
    throw new Refused(
      `operations are pending in ${pending.map(([part]) => workspace.stackName(part)).join(", ")}: an update runs there, or was cut off`,
      "let it end, or finish it: changeover resume",
    );
  }
  for (const path of sourcesOf(root, environment)) await copyTo(join(root, path), join(folder, path === LAUNCHER ? STARTER : path));
  await copyTo(join(root, "automation/bundle/launcher.mjs"), join(folder, LAUNCHER));
  await chmod(join(folder, LAUNCHER), 0o755);
  await mkdir(join(folder, MADE));
  for (const file of configFiles(root, environment)) await copyFile(join(root, file), join(folder, MADE, file));
  await Promise.all(Object.entries(states).map(([part, state]) => writeJson(join(folder, MADE, `${part}.json`), state)));
  await importAll(env, folder, states);
  steps.done("state", `${Object.keys(states).length} stacks`);

  steps.start("packages", light ? "Leave the Node packages out" : "Place the Node packages");
  let packages: BundleReport["packages"];
  if (!light) {
    const wanted = productionPackages(root);
    packages = await placePackages(root, folder, wanted);
    // Last, and newer than the lock file: the starter takes the packages for complete.
    await writeFile(join(folder, "node_modules/.package-lock.json"), installedLock(root, wanted));
  }
  steps.done("packages", packages && `${packages.linked} files linked, ${packages.copied} copied`);

  steps.start("facts", "Write facts, versions and the runbook");
  const [facts, versions] = await Promise.all([gatherFacts(env, states, madeAt), readVersions()]);
  await writeJson(join(folder, "facts.json"), facts);
  await writeJson(join(folder, "versions.json"), versions);
  const texts = await ownTexts(folder);
  const machinePaths = namedPaths(texts, [root, changeoverHome(), homedir()]);
  await writeFile(join(folder, RUNBOOK), runbookPage({ facts, topology, versions, machinePaths, packages: !light }));
  await refuseSecrets(env, folder);
  steps.done("facts");

  steps.start("manifest", "Take every file's digest");
  const manifest: Manifest = {
    version: 1,
    environment,
    madeAt,
    activeSite: facts.activeSite,
    epoch: facts.epoch,
    parts: Object.keys(states),
    packages: !light,
    machinePaths,
    files: await digests(folder),
  };
  await writeJson(join(folder, MANIFEST), manifest);
  const files = Object.keys(manifest.files).length;
  steps.done("manifest", `${files} files`);
  const report: BundleReport = {
    folder,
    environment,
    madeAt,
    activeSite: facts.activeSite,
    epoch: facts.epoch,
    stacks: Object.keys(states).map((part) => workspace.stackName(part)),
    files,
    ...(packages && { packages }),
    machinePaths,
  };
  return { report, facts };
}

/** The bundle's own backend; what went in must come out. */
async function importAll(env: Environment, folder: string, states: Record<string, Exported>): Promise<void> {
  await mkdir(join(folder, STATE), { mode: 0o700 });
  const own = await openBundle(folder, env.workspace.environment);
  await Promise.all(
    Object.entries(states).map(async ([part, state]) => {
      await own.create(part);
      await own.importState(part, state);
      const different = differences(state, await own.exportState(part));
      if (different.length > 0) throw new Error(`the copy of ${own.stackName(part)} differs in ${different.map(nameOf).join(", ")}`);
    }),
  );
}

/** The stacks as the bundle knows them. */
export function openBundle(folder: string, environment: string): Promise<Workspace> {
  return Workspace.open(resolve(folder), environment, `file://${resolve(folder, STATE)}`);
}

/** Files that are of this environment and this machine, and not the same in every bundle. */
async function ownTexts(folder: string): Promise<Record<string, string>> {
  const names = [
    ...readdirSync(folder).filter(
      (name) => /^(Pulumi|topology)\..*yaml$/.test(name) || /^(facts|versions)\.json$/.test(name) || name === RUNBOOK,
    ),
    ...[STATE, MADE].flatMap((part) =>
      readdirSync(join(folder, part), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name))),
    ),
  ];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const)));
}

function namedPaths(texts: Record<string, string>, folders: string[]): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(texts)
      .map(([name, text]) => [name, pathsIn(text, folders)] as const)
      .filter(([, paths]) => paths.length > 0),
  );
}

/** @throws Refused where a secret of the stacks, or the passphrase, is in plain text */
async function refuseSecrets({ workspace }: Environment, folder: string): Promise<void> {
  const secrets: string[] = [];
  for (const file of configFiles(workspace.root, workspace.environment)) {
    const part = file.slice(`Pulumi.${workspace.environment}-`.length, -".yaml".length);
    const [all, plain] = await Promise.all([workspace.secrets(part), workspace.settings(part)]);
    secrets.push(...Object.keys(all).flatMap((key) => (plain[key] === undefined ? [all[key] ?? ""] : [])));
  }
  const { PULUMI_CONFIG_PASSPHRASE: passphrase, PULUMI_CONFIG_PASSPHRASE_FILE: file } = process.env;
  secrets.push(passphrase ?? (await readFile(file ?? "", "utf8").catch(() => "")).trim());
  const told = Object.entries(await ownTexts(folder)).filter(([, text]) => betrays(text, secrets));
  if (told.length > 0) {
    throw new Refused(
      `a secret would be in plain text in ${told.map(([name]) => name).join(", ")}`,
      "make it a secret, with pulumi config set --secret or pulumi.secret in the program, and update the stack",
    );
  }
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
}
