import { join } from "node:path";
import type { Command } from "commander";
import { BadInput } from "../../topology/errors";
import type { BundleStamp } from "../backend";
import { journalFolder } from "../changeover/incidents";
import { EXIT } from "../errors";
import { paint, say, sayJson, table } from "../output";
import { withSteps } from "../steps";
import { common, examples, list, open, type Common } from "../verbs/options";
import { IN_BUNDLE, isLiving } from "./contents";
import type { Verdict } from "./manifest";
import type { Published } from "./publish";
import type { Reconciled } from "./reconcile";
import type { BundleReport } from "./write";

/** `changeover bundle`, `bundle verify` and `bundle reconcile`. */
export function bundleVerbs(program: Command): void {
  const bundle = common(program.command("bundle"))
    .description("a folder from which a failover works without the backend, and the facts at every site")
    .option("--out <dir>", "folder to make; an earlier bundle there is replaced")
    .option("--light", "leave the Node packages out: the bundle sets them up at its first use, which needs the network")
    .option("--publish", "put the facts into every site's control bucket")
    .option("--skip <sites>", "make no call to these sites", list, [])
    .addHelpText(
      "after",
      examples(
        "changeover bundle --out /mnt/stick/production --publish",
        "changeover bundle verify DIR",
        "changeover bundle reconcile DIR",
      ),
    )
    .action(make);

  bundle
    .command("verify")
    .exitOverride()
    .description("whether a bundle is as it was made, and what this machine has otherwise")
    .argument("<dir>", "the bundle")
    .addHelpText("after", examples("changeover bundle verify DIR", "changeover bundle verify DIR --json"))
    .action(async (folder: string, _: unknown, command: Command) => {
      await verify(folder, command.optsWithGlobals<Common>());
    });

  bundle
    .command("reconcile")
    .exitOverride()
    .description("bring what was done from a bundle into the backend, the checkout's stack config and the journals")
    .argument("<dir>", "the bundle that was used")
    .addHelpText("after", examples("changeover bundle reconcile DIR", "changeover bundle reconcile DIR --json"))
    .action(async (folder: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<Common>();
      if (process.env[IN_BUNDLE] !== undefined) {
        throw new BadInput([
          { path: IN_BUNDLE, value: process.env[IN_BUNDLE], message: "unset: a bundle is reconciled from the checkout" },
        ]);
      }
      const { reconcile } = await import("./reconcile.js");
      const env = await open(options);
      const result = await withSteps(options.json, (steps) => reconcile(env, folder, journalFolder(options.environment), steps));
      if (options.json) sayJson(result);
      else say(describeReconciled(result));
    });
}

interface BundleOptions {
  out?: string;
  light?: boolean;
  publish?: boolean;
  skip: string[];
}

async function make(options: Common & BundleOptions): Promise<void> {
  const { out, publish } = options;
  if (out === undefined && !publish) {
    throw new BadInput([{ path: "--out", value: undefined, message: "the folder to make; or give --publish alone" }]);
  }
  const env = await open(options);
  for (const site of options.skip) {
    if (!env.topology.sites[site]) {
      throw new BadInput([
        { path: "--skip", value: site, message: `a site of the topology: ${Object.keys(env.topology.sites).join(", ")}` },
      ]);
    }
  }
  const [{ writeBundle, exportAll }, { gatherFacts }, { publishFacts }, { writeStamp }] = await Promise.all([
    import("./write.js"),
    import("./facts.js"),
    import("./publish.js"),
    import("./stamp.js"),
  ]);
  const { report, published, facts } = await withSteps(options.json, async (steps) => {
    const made = out === undefined ? undefined : await writeBundle(env, out, { light: options.light ?? false }, steps);
    const gathered = made?.facts ?? (await gatherFacts(env, await exportAll(env), new Date().toISOString()));
    if (!publish) return { report: made?.report, facts: gathered, published: undefined };
    steps.start("publish", "Publish the facts");
    const told = await publishFacts(gathered, options.skip);
    steps.done("publish", `${told.filter(({ failure }) => failure === undefined).length} of ${told.length} sites`);
    return { report: made?.report, facts: gathered, published: told };
  });
  const stamp: BundleStamp = {
    madeAt: facts.madeAt,
    epoch: facts.epoch,
    ...(report && { folder: report.folder }),
    published: (published ?? []).filter(({ failure }) => failure === undefined).map(({ site }) => site),
  };
  writeStamp(env.workspace.environment, stamp);
  if (options.json) sayJson({ bundle: report ?? null, published: published ?? null });
  else say(describeMade(report, published));
  // Facts that no site has taken are not published.
  if (published && stamp.published.length === 0) process.exitCode = EXIT.refused;
}

async function verify(folder: string, options: Common): Promise<void> {
  const [{ readManifest, verifyBundle }, { readVersions, versionNotes }, { readFile }] = await Promise.all([
    import("./manifest.js"),
    import("./versions.js"),
    import("node:fs/promises"),
  ]);
  const manifest = await readManifest(folder);
  const verdict = await verifyBundle(folder);
  const made = JSON.parse(await readFile(join(folder, "versions.json"), "utf8")) as Parameters<typeof versionNotes>[0];
  const notes = versionNotes(made, await readVersions());
  const { environment, madeAt, activeSite, epoch } = manifest;
  if (options.json) sayJson({ ...verdict, environment, madeAt, activeSite, epoch, notes });
  else say(describeVerdict(`bundle of ${environment}, ${madeAt}: ${activeSite} active in epoch ${epoch}`, verdict, notes));
  if (!verdict.ok) process.exitCode = EXIT.refused;
}

function describeMade(report: BundleReport | undefined, published: Published[] | undefined): string {
  const paths = [...new Set(Object.values(report?.machinePaths ?? {}).flat())];
  return [
    ...(report
      ? [
          "",
          `${paint.green("bundle:")} ${report.folder}, ${report.files} files, ${report.stacks.length} stacks, ${report.activeSite} active in epoch ${report.epoch}`,
          "the passphrase is not in it: keep it where people reach it without this machine",
          ...(paths.length === 0 ? [] : [`paths of this machine that it names: ${paths.join(", ")}`]),
          `read ${join(report.folder, "RUNBOOK.md")}; copy the folder to where the active region's loss does not reach`,
        ]
      : []),
    ...(published
      ? [
          "",
          table(
            ["SITE", "CONTROL BUCKET", "FACTS"],
            published.map(({ site, bucket, failure }) => [
              site,
              bucket,
              failure === undefined ? paint.green("published") : `skipped: ${failure}`,
            ]),
          ),
        ]
      : []),
  ].join("\n");
}

/** Paths of each kind that a verdict shows. */
const SHOWN = 20;

function describeVerdict(head: string, verdict: Verdict, notes: string[]): string {
  const lines = (word: string, paths: string[]): string[] => [
    ...paths.slice(0, SHOWN).map((path) => `  ${paint.red(word)} ${path}`),
    ...(paths.length > SHOWN ? [`  ${paint.red(word)} ${paths.length - SHOWN} more; --json has them all`] : []),
  ];
  return [
    head,
    verdict.ok ? `${paint.green("as it was made")}: ${verdict.files} files` : paint.red("not as it was made:"),
    ...lines("changed", verdict.changed),
    ...lines("missing", verdict.missing),
    ...lines("added", verdict.added),
    ...(verdict.ok
      ? []
      : [
          `  to go on: ${onlyLiving(verdict) ? "if Pulumi was run from it by hand, that is why; else " : ""}make a new one, or take another copy of it`,
        ]),
    ...(verdict.used.length === 0 ? [] : [`used since: ${verdict.used.length} files of state, config and journals`]),
    ...notes.map((note) => `note: ${note}`),
  ].join("\n");
}

function onlyLiving({ changed, missing, added }: Verdict): boolean {
  return [...changed, ...missing, ...added].every(isLiving);
}

function describeReconciled({ environment, epoch, imported, alreadyThere, config, journals }: Reconciled): string {
  const values = Object.entries(config).flatMap(([stack, changes]) =>
    Object.entries(changes).map(([key, value]) => [stack, `changeover:${key}`, value ?? "(removed)"]),
  );
  return [
    "",
    imported.length + alreadyThere.length === 0
      ? `the bundle moved no stack of ${environment}`
      : `${paint.green("reconciled:")} ${[...imported, ...alreadyThere].join(", ")}, epoch ${epoch}`,
    ...(values.length === 0 ? [] : ["", table(["STACK", "CONFIG", "VALUE"], values)]),
    ...(journals.length === 0 ? [] : ["", `journals copied: ${journals.join(", ")}`]),
    "",
    "now see that nothing is left to do: pulumi preview --expect-no-changes, for every stack",
  ].join("\n");
}
