import { Option, type Command } from "commander";
import { EXIT, Stopped } from "../errors";
import { onInterrupt } from "../interrupts";
import { paint, paintError, say, sayJson } from "../output";
import { withSteps } from "../steps";
import { common, examples, open, span, type Common } from "./options";

interface VerifyFlags extends Common {
  restoreTest?: boolean;
  site?: string;
  restoreTimeout: number;
}

/** `changeover backups ...`, and `changeover watch`, which does it again and again. */
export function backupVerbs(program: Command): void {
  watcher(program);
  const backups = program.command("backups").description("copies of the service's data, and whether they can be relied on").exitOverride();
  common(backups.command("verify"))
    .description("read every copy: its age against the RPO, whether its key still decrypts it, 3-2-1; and restore the newest one")
    .option("--latest", "of each place the newest copy (always so; the runbook says it)")
    .option("--all-tiers", "the data of every tier (always so; the runbook says it)")
    .option("--restore-test", "restore the newest snapshot into a database that is thrown away, and compare every row with the source")
    .option("--site <site>", "site whose snapshot is restored (default: the cold one)")
    .addOption(restoreTimeout())
    .addHelpText(
      "after",
      examples(
        "changeover backups verify --latest --all-tiers",
        "changeover backups verify --restore-test",
        "changeover backups verify --json | jq .verdicts",
      ),
    )
    .action(async (options: VerifyFlags) => {
      const [{ verifyBackups }, { describeBackups }] = await Promise.all([
        import("../backups/verify.js"),
        import("../backups/describe.js"),
      ]);
      const env = await open(options);
      const { restoreTest = false, site, restoreTimeout: restoreTimeoutMs } = options;
      const report = await interruptible((signal) =>
        withSteps(options.json, (steps) => verifyBackups(env, { restoreTest, site, restoreTimeoutMs }, signal, steps)),
      );
      if (options.json) sayJson(report);
      else say(describeBackups(report));
      process.exitCode = report.sound ? EXIT.done : EXIT.objectiveMissed;
    });
}

interface WatchFlags extends Common {
  once?: boolean;
  restoreTimeout: number;
}

function watcher(program: Command): void {
  common(program.command("watch"))
    .description(
      "look at every copy each backups.verifyInterval, restore one each backups.testInterval; the cold site's alarm rings otherwise",
    )
    .option("--once", "look once: for a schedule of somebody else's, as a CronJob's; exit code 5 where a copy cannot be relied on")
    .addOption(restoreTimeout())
    .addHelpText("after", examples("changeover watch", "changeover watch --once --json"))
    .action(async (options: WatchFlags) => {
      const { watch } = await import("../backups/watch.js");
      const { once = false, restoreTimeout: restoreTimeoutMs } = options;
      await interruptible(async (signal) => {
        const record = await watch(() => open(options), {
          once,
          restoreTimeoutMs,
          signal,
          onRecord: (found) => {
            if (options.json) say(JSON.stringify(found));
            else say(`${found.at} ${found.sound ? paint.green("sound") : paint.red(found.problems.join("\n  "))}`);
          },
          onFault: (message) => {
            process.stderr.write(`${paintError.red("not recorded:")} ${message}\n`);
          },
        });
        process.exitCode = record.sound ? EXIT.done : EXIT.objectiveMissed;
      });
    });
}

const restoreTimeout = (): Option =>
  new Option("--restore-timeout <duration>", "how long RDS may take").argParser(span).default(14_400_000, "4h");

/** Gives work a signal that Ctrl-C aborts, so that it can clean up. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = new AbortController();
  const interrupt = (): void => {
    stopping.abort(new Stopped("interrupted", "nothing is left behind; run the command again"));
  };
  const letGo = onInterrupt(interrupt);
  try {
    return await work(stopping.signal);
  } catch (error) {
    stopping.signal.throwIfAborted();
    throw error;
  } finally {
    letGo();
  }
}
