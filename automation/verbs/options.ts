import { createInterface } from "node:readline/promises";
import { InvalidArgumentError, Option, type Command } from "commander";
import { resolve } from "node:path";
import { ensure } from "../../setup";
import { driverParts } from "../../setup/parts";
import { loadTopology, topologyFile } from "../../stacks/topology-file";
import { parseDuration } from "../../topology/duration";
import { BadInput } from "../../topology/errors";
import type { SiteName, Topology } from "../../topology/schema";
import { EarlyReads, SECRETS, STATE } from "../pulumi/early-reads";
import type { Environment } from "../facts";
import { StepList } from "../steps";

/** Folder of the programs: the checkout, or a bundle. */
export const ROOT = resolve(__dirname, "../..");

/** Flags of every verb that looks at an environment. */
export interface Common {
  environment: string;
  json?: boolean;
}

export function common(command: Command): Command {
  return command
    .exitOverride()
    .option("-e, --environment <name>", "environment whose stacks are meant", process.env["CHANGEOVER_ENVIRONMENT"] ?? "production")
    .option("--json", "print JSON");
}

/** Flags of a verb that changes something. */
export interface Changing extends Common {
  yes?: boolean;
}

export function changing(command: Command): Command {
  return common(command).option("--yes", "do not ask");
}

export function verifyTimeout(): Option {
  return new Option("--verify-timeout <duration>", "how long a write through the public name may take once the target takes writes")
    .argParser(span)
    .default(60_000, "60s");
}

/**
 * The Automation API takes a second to load: only verbs that ask for an environment wait for it.
 * @param target of a failover: what that reads is asked for at once, and comes while the rest loads
 */
export async function open({ environment }: Common, target?: SiteName): Promise<Environment> {
  const early = target === undefined ? undefined : await readEarly(environment, target);
  const [{ environmentOf }, { Workspace }] = await Promise.all([import("../facts.js"), import("../pulumi/workspace.js")]);
  const topology = early?.topology ?? topologyOf(environment);
  return environmentOf(topology, await Workspace.open(ROOT, environment, undefined, early?.reads));
}

async function readEarly(environment: string, target: SiteName): Promise<{ topology: Topology; reads: EarlyReads }> {
  const topology = topologyOf(environment);
  const tools = await ensure(driverParts, new StepList());
  const reads = new EarlyReads(tools.tool("pulumi"), ROOT);
  if (topology.sites[target]) reads.start(`${environment}-${target}`, SECRETS);
  for (const site of Object.keys(topology.sites)) reads.start(`${environment}-${site}`, STATE);
  return { topology, reads };
}

/** @param root the checkout @throws BadInput */
export const topologyOf = (environment: string, root = ROOT): Topology => loadTopology(topologyFile(root, environment));

/** How the operator is asked. @throws BadInput where there is nobody to ask */
export function confirmation({ yes }: Changing): (question: string) => Promise<boolean> {
  if (yes) return () => Promise.resolve(true);
  if (!process.stdin.isTTY) {
    throw new BadInput([{ path: "--yes", value: undefined, message: "given where no terminal can be asked for a yes" }]);
  }
  return ask;
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} Type yes: `)).trim() === "yes";
  } finally {
    terminal.close();
  }
}

export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

export function list(value: string): string[] {
  return value
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

export function integer(value: string): number {
  const n = Number(value);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError("It may be a whole number from 1.");
  return n;
}

export function time(value: string): string {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError("It may be a time as in 2026-01-02T03:04:05Z.");
  return date.toISOString();
}

/** An ISO 8601 interval that is not over: `2026-01-02T02:00Z/2026-01-02T02:30Z`. */
export function interval(value: string): { from: string; to: string } {
  const [from, to] = value.split("/").map((part) => new Date(part));
  if (!from || !to || !(from.getTime() < to.getTime())) {
    throw new InvalidArgumentError("It may be two times with a slash between, as in 2026-01-02T02:00Z/2026-01-02T02:30Z.");
  }
  if (to.getTime() <= Date.now()) throw new InvalidArgumentError(`It is over since ${to.toISOString()}.`);
  return { from: from.toISOString(), to: to.toISOString() };
}

export function span(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined) throw new InvalidArgumentError("It may be a duration with its unit, as in 60s.");
  return ms;
}

/** A reason that goes into the journal: what an operator would be asked for later. */
export function reason(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("It may be a sentence that says why; it goes into the journal.");
  return value.trim();
}
