import { Command, Option } from "commander";
import { complain } from "../automation/main";
import { say, sayJson } from "../automation/output";
import { parseDuration } from "../topology/duration";
import { BadInput } from "../topology/errors";
import { addChaos } from "./chaos/command";
import { askLab, runningLab } from "./control";
import { labDown } from "./down";
import { ALL, runDrill, type DrillOptions } from "./drill/run";
import { SCENARIOS } from "./drill/scenario";
import { ROOT, labFolder } from "./folder";
import { describeLab, type LabStatus } from "./status";
import { labShell, labUp } from "./up";

/** `changeover lab ...` and `changeover drill ...`. @returns the exit code */
export async function main(argv: string[]): Promise<number> {
  try {
    await build().parseAsync(argv, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return complain(error);
  }
}

function build(): Command {
  const program = new Command("changeover").exitOverride();
  const lab = program
    .command("lab")
    .description("the three sites on this machine: real PostgreSQL, Kubernetes API, DNS and clients")
    .exitOverride()
    .addHelpText(
      "after",
      '\nExamples:\n  changeover lab up\n  eval "$(npx changeover lab env)"\n  changeover lab outage primary\n  changeover lab chaos --help\n  changeover lab down',
    );

  lab
    .command("up")
    .description("bring the sites up and deploy every stack")
    .option("--json", "print JSON")
    .option("--storage-day <duration>", "how long a day of S3's lasts here, for transitions to an archive and retrievals from it", "60s")
    .option(
      "--backup-hour <duration>",
      "how long an hour of AWS Backup's schedules lasts here: an hourly backup comes round so often",
      "30s",
    )
    .action(async ({ json, storageDay, backupHour }: { json?: boolean; storageDay: string; backupHour: string }) => {
      const storageDayMs = parseDuration(storageDay) ?? 0;
      if (storageDayMs < 1_000) {
        throw new BadInput([{ path: "--storage-day", value: storageDay, message: "a duration of 1s or more, as in 60s or 24h" }]);
      }
      const backupHourMs = parseDuration(backupHour) ?? 0;
      if (backupHourMs < 1_000) {
        throw new BadInput([{ path: "--backup-hour", value: backupHour, message: "a duration of 1s or more, as in 30s or 1h" }]);
      }
      const interrupt = (): void => {
        process.stderr.write("interrupted: the lab is taken down\n");
        void labDown(labFolder(), ROOT)
          .catch(complain)
          .finally(() => process.exit(130));
      };
      process.on("SIGINT", interrupt);
      process.on("SIGTERM", interrupt);
      await labUp({ quiet: json === true, storageDayMs, backupHourMs });
      const status = await askLab<LabStatus>("GET", "/status");
      if (json) sayJson(status);
      else say(describeLab(status));
    });
  lab
    .command("down")
    .description("end every process of the lab and remove its files")
    .action(async () => {
      say(await labDown(labFolder(), ROOT));
    });
  lab
    .command("status")
    .description("what the lab runs, and which regions are lost")
    .option("--json", "print JSON")
    .action(async ({ json }: { json?: boolean }) => {
      if (!(await runningLab())) {
        if (json) sayJson({ running: false });
        else say("no lab runs on this machine; changeover lab up starts one");
        return;
      }
      const status = await askLab<LabStatus>("GET", "/status");
      if (json) sayJson(status);
      else say(describeLab(status));
    });
  lab
    .command("env")
    .description("print what aws, kubectl, psql, dig and pulumi need to be pointed at the lab")
    .option("--json", "print JSON")
    .addHelpText("after", '\nExamples:\n  eval "$(npx changeover lab env)"')
    .action(async ({ json }: { json?: boolean }) => {
      const { environment, script } = await labShell(labFolder());
      if (json) sayJson(environment);
      else process.stdout.write(script);
    });
  lab
    .command("outage")
    .description("take a region away, at once")
    .argument("<site>", "site or region")
    .addOption(
      new Option("--mode <mode>", "stop: connections are refused; blackhole: they hang").choices(["stop", "blackhole"]).default("stop"),
    )
    .action(async (site: string, { mode }: { mode: string }) => {
      const lost = await askLab<{ region: string; at: string }>("POST", "/outage", { region: site, mode });
      say(`${lost.region} is lost since ${lost.at} (${mode})`);
    });
  lab
    .command("heal")
    .description("bring a lost region back, with what it had on disk")
    .argument("<site>", "site or region")
    .action(async (site: string) => {
      const { region } = await askLab<{ region: string }>("POST", "/heal", { region: site }, 60_000);
      say(`${region} is back`);
    });
  addChaos(lab);

  program
    .command("drill")
    .description("a changeover practised in the lab against clock and clients")
    .argument("[scenario]", `${[...SCENARIOS.map(({ name }) => name), ALL].join(", ")} (each in a lab of its own)`, "regional-outage")
    .option(
      "-e, --environment <name>",
      "environment whose objectives this is evidence for; changeover estimate shows it",
      process.env["CHANGEOVER_ENVIRONMENT"] ?? "production",
    )
    .option("--out <folder>", "where drill.json, report.html and the incidents' journals go (default: drill-<time>)")
    .addOption(new Option("--mode <mode>", "how the region is lost").choices(["stop", "blackhole"]).default("stop"))
    .option("--keep", "leave the lab up afterwards")
    .option("--json", "print drill.json")
    .addHelpText(
      "after",
      `\nScenarios:\n${SCENARIOS.map(({ name, description }) => `  ${name.padEnd(16)}  ${description}`).join("\n")}\n\nExamples:\n  changeover drill regional-outage\n  changeover drill regional-outage --mode blackhole --out /tmp/drill\n  changeover drill switchover --json\n  changeover drill all\n\nExit codes: 0 done, 4 stopped midway, 5 done but an objective was missed`,
    )
    .action(async (scenario: string, options: DrillOptions) => {
      process.exitCode = await runDrill(scenario, options);
    });
  return program;
}
