import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../setup/run";
import { costClass, standingBy, type CostClass } from "../topology/cost";
import { formatDuration } from "../topology/duration";
import { BadInput } from "../topology/errors";
import { estimates } from "../topology/estimate";
import type { Topology } from "../topology/schema";
import { configFiles } from "./bundle/contents";
import { markdownTable } from "./markdown";
import { paint, table } from "./output";
import type { StackPolicies } from "./policies";

/** What of one revision is compared. */
export interface Revision {
  /** RTO and RPO that are predicted, in milliseconds, by disaster. */
  predicted: Record<string, { rtoMs: number; rpoMs: number } | null>;
  cost: { class: CostClass; pods: number; databases: number };
  /** Policies that are violated, by stack; `undefined`: they were not asked, or the revision has none. */
  violated: string[] | undefined;
}

export interface Impact {
  /** The revision, in full. */
  since: string;
  before: Revision;
  after: Revision;
  /** What became worse, in words. */
  worse: string[];
  better: string[];
}

/** @param stacks what the policies say. @default they were not asked */
export function revisionOf(topology: Topology, stacks?: readonly StackPolicies[]): Revision {
  return {
    predicted: Object.fromEntries(
      estimates(topology).map(({ disaster, predicted }) => [disaster, predicted && { rtoMs: predicted.rtoMs, rpoMs: predicted.rpoMs }]),
    ),
    cost: { class: costClass(topology), ...standingBy(topology) },
    violated: stacks && [...new Set(stacks.flatMap(({ stack, violated }) => violated.map(({ policy }) => `${policy} (${stack})`)))].sort(),
  };
}

/** What a change of a topology or program does to recovery. Pure. */
export function impactOf(since: string, before: Revision, after: Revision): Impact {
  const worse: string[] = [];
  const better: string[] = [];
  for (const disaster of new Set([...Object.keys(before.predicted), ...Object.keys(after.predicted)])) {
    for (const [what, key] of [
      ["RTO", "rtoMs"],
      ["RPO", "rpoMs"],
    ] as const) {
      const [was, is] = [before.predicted[disaster]?.[key], after.predicted[disaster]?.[key]];
      if (was === is) continue;
      const said = `${what} of ${disaster}: ${shown(was)} → ${shown(is)}`;
      ((is ?? Infinity) > (was ?? Infinity) ? worse : better).push(said);
    }
  }
  // A revision whose policies nobody asked has no say.
  if (before.violated && after.violated) {
    const [was, is] = [before.violated, after.violated];
    worse.push(...is.filter((one) => !was.includes(one)).map((one) => `policy violated: ${one}`));
    better.push(...was.filter((one) => !is.includes(one)).map((one) => `policy kept again: ${one}`));
  }
  return { since, before, after, worse, better };
}

const shown = (ms: number | undefined): string => (ms === undefined ? "no estimate" : formatDuration(ms));

/** A checkout of another revision beside this one, for as long as `use` takes. @throws BadInput where there is no such revision */
export async function atRevision<T>(root: string, ref: string, use: (root: string, commit: string) => Promise<T>): Promise<T> {
  const git = async (...args: string[]): Promise<string> => (await run("git", args, { cwd: root })).trim();
  // `--end-of-options`: a name that begins with a dash is a name.
  const commit = await git("rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`).catch(() => {
    throw new BadInput([{ path: "<git ref>", value: ref, message: "a commit, branch or tag of this repository, as in origin/main" }]);
  });
  const folder = mkdtempSync(join(tmpdir(), "changeover-revision-"));
  const tree = join(folder, "tree");
  try {
    await git("worktree", "add", "--detach", "--quiet", tree, commit);
    // The same packages, where it wants the same.
    const same = readFileSync(join(root, "package-lock.json"), "utf8") === readFileSync(join(tree, "package-lock.json"), "utf8");
    if (same) symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
    return await use(tree, commit);
  } finally {
    await git("worktree", "remove", "--force", tree).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * What the policies of another checkout say of its stacks, by its own command: its program is another one than what runs here.
 * @param here this checkout @param root that one
 * @returns `undefined` where it has no policies, or what it needs is not installed there
 */
export async function policiesAt(
  here: string,
  root: string,
  environment: string,
  configs: readonly string[],
): Promise<StackPolicies[] | undefined> {
  if (!existsSync(join(root, "policies", "PulumiPolicy.yaml")) || !existsSync(join(root, "node_modules"))) return undefined;
  // An environment whose config nobody commits is the same at every revision.
  for (const file of configFiles(here, environment)) {
    if (!existsSync(join(root, file))) copyFileSync(join(here, file), join(root, file));
  }
  const args = [
    join(root, "bin", "changeover.mjs"),
    "policies",
    "-e",
    environment,
    "--json",
    ...configs.flatMap((file) => ["--policy-pack-config", file]),
  ];
  // It ends with 5 where a policy is violated: what it prints counts.
  const printed = await run("sh", ["-c", '"$@" || [ $? -eq 5 ]', "sh", process.execPath, ...args], { cwd: root });
  return (JSON.parse(printed) as { stacks: StackPolicies[] }).stacks;
}

/** The same as an operator reads it. */
export function describeImpact({ since, before, after, worse, better }: Impact): string {
  return [
    `since ${since.slice(0, 12)}:`,
    ...(worse.length + better.length === 0 ? ["nothing changes for a recovery"] : []),
    ...worse.map((one) => `${paint.red("worse:")} ${one}`),
    ...better.map((one) => `${paint.green("better:")} ${one}`),
    "",
    table(["DISASTER", "RTO BEFORE", "RTO AFTER", "RPO BEFORE", "RPO AFTER"], rowsOf(before, after)),
    "",
    costLine(before, after),
    ...(after.violated && !before.violated
      ? ["that revision's policies could not be asked: it has none, or other packages than this one"]
      : []),
  ].join("\n");
}

export function impactMarkdown({ since, before, after, worse, better }: Impact): string {
  return [
    `### What this does to recovery, since \`${since.slice(0, 12)}\``,
    "",
    ...(worse.length + better.length === 0
      ? ["Nothing."]
      : [...worse.map((one) => `- **worse:** ${one}`), ...better.map((one) => `- better: ${one}`)]),
    "",
    markdownTable([["disaster", "RTO before", "RTO after", "RPO before", "RPO after"], ...rowsOf(before, after)]),
    "",
    costLine(before, after),
    "",
  ].join("\n");
}

function rowsOf(before: Revision, after: Revision): string[][] {
  return [...new Set([...Object.keys(before.predicted), ...Object.keys(after.predicted)])].map((disaster) => {
    const [was, is] = [before.predicted[disaster], after.predicted[disaster]];
    return [disaster, shown(was?.rtoMs), shown(is?.rtoMs), shown(was?.rpoMs), shown(is?.rpoMs)];
  });
}

function costLine({ cost: was }: Revision, { cost: is }: Revision): string {
  const one = ({ class: name, pods, databases }: Revision["cost"]): string => `${name} (${pods} pods, ${databases} databases stand by)`;
  return `cost class: ${one(was) === one(is) ? one(is) : `${one(was)} → ${one(is)}`}`;
}
