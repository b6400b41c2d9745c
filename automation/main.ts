import { Command, CommanderError } from "commander";
import manifest from "../package.json";
import { bundleVerbs } from "./bundle/verbs";
import { journalFolder } from "./changeover/incidents";
import { EXIT } from "./errors";
import { paintError, say, sayJson } from "./output";
import { backupVerbs } from "./verbs/backups";
import { changeoverVerbs } from "./verbs/changeovers";
import { complianceVerb } from "./verbs/compliance";
import { estimateVerb } from "./verbs/estimate";
import { impactVerb } from "./verbs/impact";
import { planVerb } from "./verbs/plan";
import { policiesVerb } from "./verbs/policies";
import { ROOT, common, examples, list, open, type Common } from "./verbs/options";

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
  process.stderr.write(`${paintError.red(`${word}:`)} ${message}\n`);
  if (exitCode === undefined && process.env["CHANGEOVER_DEBUG"]) process.stderr.write(`${stack ?? ""}\n`);
  return exitCode ?? EXIT.fault;
}

function build(): Command {
  const program = new Command("changeover")
    .description("Disaster recovery for one service over several sites, on Pulumi.")
    .version(manifest.version, "-V, --version")
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

  planVerb(program);
  estimateVerb(program);
  policiesVerb(program);
  impactVerb(program);
  complianceVerb(program);
  backupVerbs(program);
  changeoverVerbs(program);

  program
    .command("doctor")
    .description("every part that Changeover needs, its version and where it came from")
    .option("-e, --environment <name>", "also whether this environment's state, key, journal and facts outlive its active region")
    .option("--json", "print JSON")
    .addHelpText("after", examples("changeover doctor", "changeover doctor -e production", "changeover doctor --json"))
    .action(async (options: { environment?: string; json?: boolean }) => {
      const [{ doctor }, { standingOf }] = await Promise.all([import("../setup/doctor.js"), import("./bundle/standing.js")]);
      const environment = options.environment ?? process.env["CHANGEOVER_ENVIRONMENT"];
      const standing = environment === undefined ? undefined : standingOf(ROOT, environment, journalFolder(environment));
      process.exitCode = await doctor(options.json ? ["--json"] : [], standing);
    });

  bundleVerbs(program);
  return program;
}
