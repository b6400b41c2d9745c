import { Option, type Command } from "commander";
import { loadTopology, topologyFile } from "../../stacks/topology-file";
import { BadInput } from "../../topology/errors";
import type { SiteName } from "../../topology/schema";
import type { Confirm } from "../changeover/failover";
import type { Requests } from "../changeover/run";
import type { Kind } from "../changeover/table";
import type { Environment } from "../facts";
import { say, sayJson } from "../output";
import { withSteps } from "../steps";
import {
  ROOT,
  changing,
  confirmation,
  examples,
  integer,
  interval,
  list,
  open,
  reason,
  span,
  time,
  verifyTimeout,
  type Changing,
} from "./options";

/** The verbs that move the service and rebuild sites, and the one that goes on with them. */
export function changeoverVerbs(program: Command): void {
  failover(program);
  moves(program);
  reprotect(program);
  restore(program);
  reinstate(program);
  resume(program);
  confirm(program);
}

interface FailoverFlags extends Changing {
  to: string;
  unreachable: string[];
  outageSince?: string;
  acceptLoss?: string;
  acceptUnfenced?: string;
  epoch?: number;
  supersede?: string;
  snapshot?: string;
  restoreTimeout: number;
  verifyTimeout: number;
}

function failover(program: Command): void {
  changing(program.command("failover"))
    .description(
      "move the service from a site that is lost to a standby, or to a cold site from its copies; loss within the RPO is accepted",
    )
    .requiredOption("--to <site>", "site that takes over")
    .option(
      "--unreachable <sites>",
      "lost sites, separated by commas: not one call goes there, so --accept-unfenced is asked for",
      list,
      [],
    )
    .option(
      "--accept-unfenced <reason>",
      "go on although nobody knows that the old site takes no writes; the reason goes into the journal",
      reason,
    )
    .option("--outage-since <time>", "when the active site was lost, ISO 8601: the replica's lag counts up to then", time)
    .option("--accept-loss <reason>", "go on although the replica is behind by more than the RPO; the reason goes into the journal", reason)
    .option("--epoch <n>", "epoch that begins (default: the next one)", integer)
    .option("--supersede <incident>", "take over from this changeover, which another machine left without an end")
    .option("--snapshot <id>", "to a cold site: the copy to begin with (default: the newest)")
    .addOption(
      new Option("--restore-timeout <duration>", "to a cold site: how long RDS may take").argParser(span).default(14_400_000, "4h"),
    )
    .addOption(verifyTimeout())
    .addHelpText(
      "after",
      examples(
        "changeover failover --to secondary                  # what still answers at the old site is fenced first",
        'changeover failover --to secondary --unreachable primary --accept-unfenced "eu-north-1 is gone, status page"',
        'changeover failover --to secondary --unreachable primary --accept-unfenced "drill" --yes --json',
        'changeover failover --to cold --unreachable primary,secondary --accept-unfenced "both regions are gone"',
      ),
    )
    .action((options: FailoverFlags) => {
      const request = {
        to: options.to,
        unreachable: options.unreachable,
        epoch: options.epoch,
        outageSince: options.outageSince,
        acceptLoss: options.acceptLoss,
        acceptUnfenced: options.acceptUnfenced,
        supersedes: options.supersede,
        verifyTimeoutMs: options.verifyTimeout,
      };
      const { standby } = loadTopology(topologyFile(ROOT, options.environment)).sites[options.to] ?? {};
      if (standby === "cold") {
        return change(options, "activation", { ...request, snapshot: options.snapshot, restoreTimeoutMs: options.restoreTimeout });
      }
      if (options.snapshot !== undefined) {
        throw new BadInput([
          { path: "--snapshot", value: options.snapshot, message: `left out: ${options.to} is no cold site, and has a replica` },
        ]);
      }
      return change(options, "failover", request, options.to);
    });
}

interface MoveFlags extends Changing {
  to: string;
  dryRun?: boolean;
  window?: { from: string; to: string };
  maxPause: number;
  compareTimeout: number;
  verifyTimeout: number;
}

function moves(program: Command): void {
  const flags = (command: Command): Command =>
    changing(command)
      .option("--dry-run", "look at both sites, compare every table, show what would change; change nothing")
      .option("--window <from/to>", "when writes may pause, ISO 8601 interval; all is made ready, then it waits", interval)
      .addOption(
        new Option("--max-pause <duration>", "longest wait for the target to have everything; then writes open again where they were")
          .argParser(span)
          .default(10_000, "10s"),
      )
      .addOption(
        new Option("--compare-timeout <duration>", "how long the comparison may wait for tables that are written to")
          .argParser(span)
          .default(10_000, "10s"),
      )
      .addOption(verifyTimeout());

  flags(program.command("switchover"))
    .description("move the service between two sites that are up; writes pause for a moment, none is lost")
    .requiredOption("--to <site>", "site that takes over")
    .addHelpText(
      "after",
      examples(
        "changeover switchover --to secondary --dry-run",
        "changeover switchover --to secondary",
        "changeover switchover --to secondary --window 2026-01-02T02:00Z/2026-01-02T02:30Z --yes",
      ),
    )
    .action((options: MoveFlags) => move(options, () => options.to));
  flags(program.command("failback"))
    .description("switch over to the site where the service lives at home")
    .addHelpText("after", examples("changeover failback --dry-run", "changeover failback --yes --json"))
    .action((options: Omit<MoveFlags, "to">) => move(options, ({ topology }) => topology.home));
}

async function move(options: Omit<MoveFlags, "to">, target: (env: Environment) => string): Promise<void> {
  const request = (env: Environment): Requests["switchover"] => ({
    to: target(env),
    window: options.window,
    maxPauseMs: options.maxPause,
    compareMs: options.compareTimeout,
    verifyTimeoutMs: options.verifyTimeout,
  });
  if (!options.dryRun) return change(options, "switchover", request);
  const [{ dryRun }, { describeDryRun }] = await Promise.all([import("../changeover/dry-run.js"), import("./describe.js")]);
  const env = await open(options);
  const found = await withSteps(options.json, (steps) => dryRun(env, request(env), steps));
  if (options.json) sayJson(found);
  else say(describeDryRun(found));
}

interface ReprotectFlags extends Changing {
  site: string;
  oldLost?: string;
  discardOld?: boolean;
  streamTimeout: number;
}

function reprotect(program: Command): void {
  changing(program.command("reprotect"))
    .description("rebuild a site that was left as a standby of the active one; its old database is kept, fenced")
    .requiredOption("--site <site>", "site that was left")
    .option("--old-lost <reason>", "its old database is gone for good: nothing can be compared; the reason goes into the journal", reason)
    .option("--discard-old", "instead: remove the old databases that the site keeps; their snapshots stay")
    .addOption(
      new Option("--stream-timeout <duration>", "how long the new replica may take to follow within the RPO")
        .argParser(span)
        .default(3_600_000, "1h"),
    )
    .addHelpText("after", examples("changeover reprotect --site primary", "changeover reprotect --site primary --discard-old"))
    .action(async (options: ReprotectFlags) => {
      if (options.discardOld) return discard(options);
      return change(options, "reprotect", { site: options.site, oldLost: options.oldLost, streamTimeoutMs: options.streamTimeout });
    });
}

interface RestoreFlags extends Changing {
  site: string;
  to?: string;
  beforeCorruption?: boolean;
  check?: string;
  since?: string;
  restoreTimeout: number;
  verifyTimeout: number;
}

function restore(program: Command): void {
  changing(program.command("restore"))
    .description("put a database of an earlier moment in the place of the active site's; what was written since is listed")
    .requiredOption("--site <site>", "the active site")
    .option("--to <time>", "the moment, ISO 8601; the last one before the damage", time)
    .option("--before-corruption", "instead: the last moment at which --check held, found by looking at copies of earlier moments")
    .option(
      "--check <query>",
      "a query whose one value is true where the data are sound: the restored database is opened only if it holds",
      reason,
    )
    .option("--since <time>", "with --before-corruption: it is not looked for before this moment, ISO 8601", time)
    .addOption(new Option("--restore-timeout <duration>", "how long RDS may take").argParser(span).default(14_400_000, "4h"))
    .addOption(verifyTimeout())
    .addHelpText(
      "after",
      examples(
        "changeover restore --site primary --to 2026-01-02T03:04:05Z",
        'changeover restore --site primary --to 2026-01-02T03:04:05Z --check "select count(*) = 0 from payments where amount < 0"',
        'changeover restore --site primary --before-corruption --check "select count(*) = 0 from payments where amount < 0"',
      ),
    )
    .action((options: RestoreFlags) => {
      if ((options.to === undefined) !== (options.beforeCorruption === true)) {
        throw new BadInput([{ path: "--to", value: options.to, message: "a moment, or left out with --before-corruption" }]);
      }
      if (options.beforeCorruption && options.check === undefined) {
        throw new BadInput([
          { path: "--check", value: undefined, message: "a query that does not hold in the database as it is, and did before" },
        ]);
      }
      return change(options, "restore", {
        site: options.site,
        point: options.to,
        check: options.check,
        since: options.since,
        restoreTimeoutMs: options.restoreTimeout,
        verifyTimeoutMs: options.verifyTimeout,
      });
    });
}

interface ReinstateFlags extends Changing {
  rows: string;
  table: string[];
  check?: string;
}

function reinstate(program: Command): void {
  changing(program.command("reinstate"))
    .description("put rows into the active site's database that only a database has which was left: all of them or none")
    .requiredOption("--rows <file>", "the .diverged.jsonl that a restore or a re-protection wrote beside its journal")
    .option("--table <tables>", "only these, separated by commas, named as in the file (default: all)", list, [])
    .option("--check <query>", "a query whose one value is true where the data are sound: with the rows in, or none is put in", reason)
    .addHelpText(
      "after",
      `\nA row whose key is taken stays out, and one that both databases have, differently, stays as it is. Triggers of the tables run.\n${examples(
        "changeover reinstate --rows DR-20260102-030405-4242.diverged.jsonl",
        'changeover reinstate --rows DR-20260102-030405-4242.diverged.jsonl --table public.payments --check "select count(*) = 0 from payments where amount < 0"',
      )}`,
    )
    .action(async (options: ReinstateFlags) => {
      const asked = confirmation(options);
      const [run, { describeReinstated }] = await Promise.all([import("../changeover/reinstate.js"), import("./describe.js")]);
      const env = await open(options);
      const request = { rows: options.rows, tables: options.table, check: options.check };
      const reinstated = await withSteps(options.json, (steps) => run.reinstate(env, request, asked, steps));
      if (options.json) sayJson(reinstated);
      else say(describeReinstated(reinstated));
    });
}

async function discard(options: ReprotectFlags): Promise<void> {
  const asked = confirmation(options);
  const { discardOld } = await import("../changeover/reprotect.js");
  const env = await open(options);
  const { topology } = env;
  if (!topology.sites[options.site]) {
    throw new BadInput([
      { path: "--site", value: options.site, message: `a site of the topology: ${Object.keys(topology.sites).join(", ")}` },
    ]);
  }
  const generations = await withSteps(options.json, (steps) => discardOld(env, options.site, asked, steps));
  if (options.json) sayJson({ site: options.site, discarded: generations });
  else say(`${options.site}: removed generation ${generations.join(", ")}; the snapshots stay`);
}

interface ResumeFlags extends Changing {
  incident?: string;
  abort?: boolean;
  acceptUnfenced?: string;
  from?: string;
}

function resume(program: Command): void {
  changing(program.command("resume"))
    .description("go on with a changeover that was left midway, or give it up")
    .option("--incident <name>", "which one (default: the newest that has no end)")
    .option("--from <site>", "take the journal from this site's control bucket: its driver ran on another machine")
    .option("--abort", "give it up: back to a safe state, where there is a way back")
    .option("--accept-unfenced <reason>", "go on although nobody knows that the old site takes no writes", reason)
    .addHelpText(
      "after",
      examples("changeover resume", "changeover resume --abort", "changeover resume --from secondary --incident DR-20260102-030405-4242"),
    )
    .action(async (options: ResumeFlags) => {
      const asked = confirmation(options);
      const [run, { fetchJournal }, { describeReport }] = await Promise.all([
        import("../changeover/run.js"),
        import("../changeover/elsewhere.js"),
        import("./describe.js"),
      ]);
      const env = await open(options);
      const { id, report } = await withSteps(options.json, async (steps) => {
        if (options.from !== undefined) await fetchJournal(env, options.from, options.incident, steps);
        const left = await run.toResume(env, options.incident, steps);
        if (!options.json) process.stderr.write(`${left.id}: ${run.describe(left)}\n`);
        return { id: left.id, report: await run.resume(env, left, options, steps, asked) };
      });
      if (options.json) sayJson(report ?? { incident: id, aborted: true });
      else say(report ? describeReport(report, env) : `${id} was given up`);
    });
}

function confirm(program: Command): void {
  changing(program.command("confirm"))
    .description("tell a site that is fenced because it cannot ask the others that it is still the active one")
    .requiredOption("--site <site>", "the active site")
    .addOption(new Option("--for <duration>", "how long its guards may rely on it").argParser(span).default(3_600_000, "1h"))
    .requiredOption("--reason <reason>", "why; it goes into the journal", reason)
    .addHelpText("after", examples('changeover confirm --site primary --reason "eu-west-1 is down for hours; nobody failed over"'))
    .action(async (options: Changing & { site: string; for: number; reason: string }) => {
      const asked = confirmation(options);
      const { confirmActive } = await import("../changeover/confirm.js");
      const env = await open(options);
      const request = { site: options.site, forMs: options.for, reason: options.reason };
      const confirmed = await withSteps(options.json, (steps) => confirmActive(env, request, asked, steps));
      if (options.json) sayJson(confirmed);
      else say(`${options.site}'s guards may take it for the active site until ${confirmed.until}`);
    });
}

/** Runs a changeover and prints its report. @param target as for `open` */
async function change<K extends Kind>(
  options: Changing,
  kind: K,
  request: Requests[K] | ((env: Environment) => Requests[K]),
  target?: SiteName,
): Promise<void> {
  const asked: Confirm = confirmation(options);
  const opening = open(options, target);
  opening.catch(() => undefined);
  const [{ begin }, { describeReport }] = await Promise.all([import("../changeover/run.js"), import("./describe.js")]);
  const env = await opening;
  const wanted = typeof request === "function" ? request(env) : request;
  const report = await withSteps(options.json, (steps) => begin(env, kind, wanted, steps, asked));
  if (options.json) sayJson(report);
  else say(describeReport(report, env));
}
