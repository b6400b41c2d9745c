import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { changeoverHome } from "../setup/home.mjs";
import { loadTopology, topologyFile } from "../stacks/topology-file";
import manifest from "../package.json";
import { BadInput } from "../topology/errors";
import { formatDuration, parseDuration } from "../topology/duration";
import { EXIT } from "./errors";
import type { Environment } from "./facts";
import type { FailoverReport } from "./failover";
import { Journal } from "./journal";
import { paint, say, sayJson, table } from "./output";
import type { Plan } from "./plan";
import { StepList } from "./steps";

interface Common {
  environment: string;
  json?: boolean;
}

const ROOT = resolve(__dirname, "..");

/** The command. @returns its exit code; see `EXIT` */
export async function main(argv: string[]): Promise<number> {
  const program = build();
  try {
    await program.parseAsync(argv, { from: "user" });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    return complain(error);
  }
}

/** An error as an operator reads it. @returns the exit code that belongs to it */
export function complain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badInput;
  const { exitCode, message, stack } = error as Error & { exitCode?: number };
  const word =
    exitCode === EXIT.badInput ? "bad input" : exitCode === EXIT.refused ? "refused" : exitCode === EXIT.stopped ? "stopped" : "error";
  process.stderr.write(`${paint.red(`${word}:`)} ${message}\n`);
  if (exitCode === undefined && process.env["CHANGEOVER_DEBUG"]) process.stderr.write(`${stack ?? ""}\n`);
  return exitCode ?? EXIT.fault;
}

function build(): Command {
  const program = new Command("changeover")
    .description("Disaster recovery for one service over several sites, on Pulumi.")
    .version(version(), "-V, --version")
    .exitOverride()
    .showHelpAfterError("(changeover --help shows every verb)")
    .addHelpText(
      "after",
      `
Also: changeover lab --help     three sites on this machine
      changeover drill --help   a changeover practised against clock and clients

Exit codes: 0 done, 1 a fault of the program, 2 bad input, 3 refused by a guard, 4 stopped midway, 5 done but an objective was missed`,
    );

  common(program.command("status"))
    .description("sites, roles, epoch, databases and their lag, traffic, workloads by tier")
    .option("--skip <sites>", "make no call to these sites", list, [])
    .addHelpText("after", examples("changeover status", "changeover status --json | jq .activeSite", "changeover status --skip primary"))
    .action(async (options: Common & { skip: string[] }) => {
      const { describeStatus, readStatus } = await import("./status.js");
      const status = await readStatus(await open(options), options.skip);
      if (options.json) sayJson(status);
      else say(describeStatus(status));
    });

  common(program.command("plan"))
    .description("what a changeover would touch, and what it would not; changes nothing")
    .requiredOption("--to <site>", "site that would take over")
    .option("--unreachable <sites>", "sites that are lost, separated by commas", list, [])
    .addHelpText("after", examples("changeover plan --to secondary", "changeover plan --to secondary --unreachable primary --json"))
    .action(async (options: Common & { to: string; unreachable: string[] }) => {
      const { planChangeover } = await import("./plan.js");
      const env = await open(options);
      const steps = new StepList(options.json);
      steps.start("preview", "Preview the stacks involved");
      const plan = await planChangeover(env, options.to, options.unreachable).finally(() => {
        steps.done("preview");
        steps.close();
      });
      if (options.json) sayJson(plan);
      else say(describePlan(plan));
    });

  common(program.command("failover"))
    .description("move the service from a site that is lost to a standby; loss within the RPO is accepted")
    .requiredOption("--to <site>", "site that takes over")
    .option("--unreachable <sites>", "lost sites, separated by commas: not one call goes there", list, [])
    .option("--outage-since <time>", "when the active site was lost, ISO 8601: the replica's lag counts up to then", time)
    .option("--accept-loss <reason>", "go on although the replica is behind by more than the RPO; the reason goes into the journal")
    .option("--epoch <n>", "epoch that begins (default: the next one)", integer)
    .addOption(
      new Option("--verify-timeout <duration>", "how long a write through the public name may take after the promotion")
        .argParser(span)
        .default(60_000, "60s"),
    )
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      examples(
        "changeover failover --to secondary --unreachable primary",
        "changeover failover --to secondary --unreachable primary --yes --json",
      ),
    )
    .action(runFailover);

  program
    .command("doctor")
    .description("every part that Changeover needs, its version and where it came from")
    .option("--json", "print JSON")
    .addHelpText("after", examples("changeover doctor", "changeover doctor --json"))
    .action(async (options: { json?: boolean }) => {
      const { doctor } = await import("../setup/doctor.js");
      process.exitCode = await doctor(options.json ? ["--json"] : []);
    });

  return program;
}

type FailoverOptions = Common & {
  to: string;
  unreachable: string[];
  outageSince?: Date;
  acceptLoss?: string;
  epoch?: number;
  verifyTimeout: number;
  yes?: boolean;
};

async function runFailover(options: FailoverOptions): Promise<void> {
  if (!options.yes && !process.stdin.isTTY) {
    throw new BadInput([{ path: "--yes", value: undefined, message: "given where no terminal can be asked for a yes" }]);
  }
  const { failover } = await import("./failover.js");
  const env = await open(options);
  const incident = `DR-${new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15)}-${process.pid}`;
  const journal = Journal.create(join(journalFolder(env), `${incident}.jsonl`), incident);
  journal.append({
    event: "opened",
    detail: { command: "failover", to: options.to, unreachable: options.unreachable, environment: options.environment, pid: process.pid },
  });
  const steps = new StepList(options.json);
  let report: FailoverReport;
  try {
    report = await failover(
      env,
      {
        to: options.to,
        unreachable: options.unreachable,
        epoch: options.epoch,
        outageSince: options.outageSince,
        acceptLoss: options.acceptLoss,
        verifyTimeoutMs: options.verifyTimeout,
        confirm: options.yes ? () => Promise.resolve(true) : ask,
      },
      journal,
      steps,
    );
    steps.close();
  } catch (error) {
    steps.close(true);
    journal.append({ event: "ended", detail: { error: (error as Error).name, message: (error as Error).message } });
    throw error;
  } finally {
    journal.close();
  }
  if (options.json) sayJson(report);
  else say(describeFailover(report));
}

function describeFailover(report: FailoverReport): string {
  const segments = Object.entries(report.segmentsMs).map(([name, ms]) => [name, formatDuration(ms)]);
  return [
    "",
    `${paint.green("recovered:")} ${report.to} is active in epoch ${report.epoch}; a write through the public name was read back after ${paint.bold(formatDuration(report.recoveredMs))}`,
    "",
    table(["SEGMENT", "TOOK"], segments),
    "",
    `${report.from} is unprotected history now: leave it fenced until it is re-protected.`,
    `journal: ${report.journal}`,
  ].join("\n");
}

function describePlan(plan: Plan): string {
  const rows = plan.operations.map(({ stack, op, plane, type, urn, changes }) => [
    stack,
    op === "replace" || op === "delete" ? paint.red(op) : op,
    plane === "lost" ? paint.red(plane) : plane,
    type.split(":").at(-1) ?? type,
    urn.slice(urn.lastIndexOf("::") + 2),
    changes.join(", "),
  ]);
  return [
    `${plan.from} → ${plan.to}, epoch ${plan.epoch}: ${plan.operations.length} operations, ${plan.unchanged} resources stay as they are; nothing was changed`,
    "",
    table(["STACK", "OPERATION", "PLANE", "TYPE", "NAME", "CHANGES"], rows),
    "",
    `predicted on AWS: RTO ${formatDuration(plan.predicted.rtoMs)} after the decision, RPO ${formatDuration(plan.predicted.rpoMs)}; plan ${plan.hash.slice(0, 12)}`,
  ].join("\n");
}

function common(command: Command): Command {
  return command
    .exitOverride()
    .option("-e, --environment <name>", "environment whose stacks are meant", process.env["CHANGEOVER_ENVIRONMENT"] ?? "production")
    .option("--json", "print JSON");
}

/** The Automation API takes a second to load: only verbs that ask for an environment wait for it. */
async function open({ environment }: Common): Promise<Environment> {
  const [{ environmentOf }, { Workspace }] = await Promise.all([import("./facts.js"), import("./workspace.js")]);
  const topology = loadTopology(topologyFile(ROOT, environment));
  return environmentOf(topology, await Workspace.open(ROOT, environment));
}

/** Journals live outside the checkout, so that a changeover leaves it clean. */
function journalFolder(env: Environment): string {
  return process.env["CHANGEOVER_JOURNALS"] ?? join(changeoverHome(), "journals", env.workspace.environment);
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} Type yes: `)).trim() === "yes";
  } finally {
    terminal.close();
  }
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

function list(value: string): string[] {
  return value
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

function integer(value: string): number {
  const n = Number(value);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError("It may be a whole number from 1.");
  return n;
}

function time(value: string): Date {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError("It may be a time as in 2026-01-02T03:04:05Z.");
  return date;
}

function span(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined) throw new InvalidArgumentError("It may be a duration with its unit, as in 60s.");
  return ms;
}

function version(): string {
  return manifest.version;
}
