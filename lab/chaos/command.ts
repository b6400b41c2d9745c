import { InvalidArgumentError, Option, type Command } from "commander";
import { say, sayJson } from "../../automation/output";
import { parseDuration } from "../../topology/duration";
import { BadInput } from "../../topology/errors";
import { askLab } from "../control";
import type { LabStatus } from "../status";
import { describeFault } from "./describe";
import { STEPS, type ActiveFault, type Fault, type FaultName } from "./request";

interface Options {
  end?: boolean;
  json?: boolean;
  site?: string;
}

/** Long enough for a region to come back. */
const TIMEOUT_MS = 60_000;

/** `changeover lab chaos ...` */
export function addChaos(lab: Command): void {
  const chaos = lab
    .command("chaos")
    .description("trouble short of a lost region, or at one moment of a changeover; --end ends it, and lab status shows what holds")
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  changeover lab chaos throttle --site secondary --rate 0.2
  changeover lab chaos errors --site secondary --rate 0.2
  changeover lab chaos throttle --site secondary --end
  changeover lab chaos lose primary --at pause
  changeover lab chaos kill --at promote --on end
  changeover lab chaos end

Steps: ${STEPS.join(", ")}`,
    );

  const rate = ["--rate <share>", "share of the requests, 0 to 1", share] as const;
  fault(chaos, "throttle", "AWS of a region throttles")
    .option("--site <site>", "site or region")
    .option(...rate)
    .addHelpText("after", examples("throttle --site secondary --rate 0.2", "throttle --site secondary --end"))
    .action((options: Options & { rate?: number }) =>
      apply(options, "throttle", () => ({ fault: "throttle", site: given(options, "site"), rate: given(options, "rate") })),
    );
  fault(chaos, "errors", "AWS of a region answers with internal errors, 500")
    .option("--site <site>", "site or region")
    .option(...rate)
    .addHelpText("after", examples("errors --site secondary --rate 0.2", "errors --site secondary --end"))
    .action((options: Options & { rate?: number }) =>
      apply(options, "errors", () => ({ fault: "errors", site: given(options, "site"), rate: given(options, "rate") })),
    );
  fault(chaos, "latency", "AWS of a region answers later")
    .option("--site <site>", "site or region")
    .option("--ms <n>", "milliseconds more for each request", count)
    .addHelpText("after", examples("latency --site secondary --ms 400", "latency --site secondary --end"))
    .action((options: Options & { ms?: number }) =>
      apply(options, "latency", () => ({ fault: "latency", site: given(options, "site"), ms: given(options, "ms") })),
    );
  fault(chaos, "hang-kubernetes", "the Kubernetes API of a site takes connections and says nothing (SIGSTOP)")
    .option("--site <site>", "site or region")
    .addHelpText("after", examples("hang-kubernetes --site secondary", "hang-kubernetes --site secondary --end"))
    .action((options: Options) => apply(options, "hang-kubernetes", () => ({ fault: "hang-kubernetes", site: given(options, "site") })));
  fault(chaos, "cut-replication", "a site's replica gets nothing more of what its source acknowledges; lasts until --end or its promotion")
    .option("--site <site>", "site of the replica, or its region")
    .addHelpText("after", examples("cut-replication --site secondary", "cut-replication --site secondary --end"))
    .action((options: Options) => apply(options, "cut-replication", () => ({ fault: "cut-replication", site: given(options, "site") })));
  fault(
    chaos,
    "damage-backup",
    "the newest base backups of a site's databases are damaged, so that a restore from them has to fail; --end repairs",
  )
    .option("--site <site>", "site or region")
    .addOption(
      new Option("--how <how>", "a byte of a file is another one, or half of the file is gone")
        .choices(["alter", "truncate"])
        .default("alter"),
    )
    .addHelpText(
      "after",
      examples("damage-backup --site primary", "damage-backup --site primary --how truncate", "damage-backup --site primary --end"),
    )
    .action((options: Options & { how: "alter" | "truncate" }) =>
      apply(options, "damage-backup", () => ({ fault: "damage-backup", site: given(options, "site"), how: options.how })),
    );
  fault(chaos, "lose-wal", "the newest WAL segment that a site's databases have archived is gone; --end brings it back")
    .option("--site <site>", "site or region")
    .addHelpText("after", examples("lose-wal --site primary", "lose-wal --site primary --end"))
    .action((options: Options) => apply(options, "lose-wal", () => ({ fault: "lose-wal", site: given(options, "site") })));
  fault(chaos, "restart-dns", "the name server closes, and comes back by itself")
    .option("--for <duration>", "how long it is closed", span, 2_000)
    .addHelpText("after", examples("restart-dns", "restart-dns --for 10s", "restart-dns --end"))
    .action((options: Options & { for: number }) => apply(options, "restart-dns", () => ({ fault: "restart-dns", forMs: options.for })));
  fault(chaos, "disk-full", "the driver's journals are on a disk of their own, which is full; needs leave to mount, as root has")
    .option("--leave <size>", "room that is left: 8k, 1m or bytes; a disk gives it out in pages of 4k", size, 0)
    .addHelpText("after", examples("disk-full", "disk-full --leave 8k", "disk-full --end"))
    .action((options: Options & { leave: number }) =>
      apply(options, "disk-full", () => ({ fault: "disk-full", leaveBytes: options.leave })),
    );
  fault(chaos, "clock", "drivers see the clock moved: programs of Node.js that are started with lab env from now on")
    .option("--shift <duration>", "by how much, with its sign: +1h, -90s", shift)
    .addHelpText("after", examples("clock --shift +1h", "clock --shift=-10m", "clock --end"))
    .action((options: Options & { shift?: number }) =>
      apply(options, "clock", () => ({ fault: "clock", shiftMs: given(options, "shift") })),
    );
  atStep(fault(chaos, "lose", "take a region away at a step of the next changeover; --end brings it back, or waits no longer"))
    .argument("<site>", "site or region")
    .addOption(new Option("--mode <mode>", "connections are refused, or hang").choices(["stop", "blackhole"]).default("stop"))
    .addHelpText(
      "after",
      examples("lose primary --at pause", "lose secondary --at promote --on end --mode blackhole", "lose primary --end"),
    )
    .action((site: string, options: Options & Moment & { mode: "stop" | "blackhole" }) =>
      apply({ ...options, site }, "lose", () => ({ fault: "lose", site, mode: options.mode, step: given(options, "at"), on: options.on })),
    );
  atStep(fault(chaos, "kill", "kill the driver, with all that it started, at a step of the next changeover (SIGKILL)"))
    .option("--only-driver", "leave what it started: the Pulumi CLI and its plugins")
    .addHelpText("after", examples("kill --at promote", "kill --at drain --on end --only-driver", "kill --end"))
    .action((options: Options & Moment & { onlyDriver?: boolean }) =>
      apply(options, "kill", () => ({
        fault: "kill",
        onlyDriver: options.onlyDriver ?? false,
        step: given(options, "at"),
        on: options.on,
      })),
    );
  chaos
    .command("end")
    .description("end every fault")
    .option("--json", "print JSON")
    .addHelpText("after", examples("end"))
    .action((options: Options) => end({ ...options, end: true }));
}

interface Moment {
  at?: string;
  on: "begin" | "end";
}

function fault(chaos: Command, name: FaultName, description: string): Command {
  return chaos.command(name).description(description).option("--end", "end it").option("--json", "print JSON");
}

function atStep(command: Command): Command {
  return command
    .addOption(new Option("--at <step>", "step of the changeover, as its journal names it").choices(STEPS))
    .addOption(new Option("--on <event>", "its beginning or its end").choices(["begin", "end"]).default("begin"));
}

async function apply(options: Options, name: FaultName, build: () => Fault): Promise<void> {
  if (options.end) {
    await end(options, name);
    return;
  }
  const request = build();
  await knownSite(options.site);
  const begun = await askLab<ActiveFault>("POST", "/chaos", request, TIMEOUT_MS);
  if (options.json) sayJson(begun);
  else say(`${describeFault(begun)}; to end it: changeover lab chaos ${[name, ...target(options, name)].join(" ")} --end`);
}

async function end(options: Options, name?: FaultName): Promise<void> {
  await knownSite(options.site);
  const ended = await askLab<ActiveFault[]>(
    "POST",
    "/chaos/end",
    { ...(name && { fault: name }), ...(options.site !== undefined && { site: options.site }) },
    TIMEOUT_MS,
  );
  if (options.json) sayJson(ended);
  else say(ended.length === 0 ? "no such fault holds" : ended.map((each) => `ended: ${describeFault(each)}`).join("\n"));
}

/** How the site of a fault is named on the command line. */
function target({ site }: Options, name: FaultName): string[] {
  if (site === undefined) return [];
  return name === "lose" ? [site] : ["--site", site];
}

async function knownSite(site: string | undefined): Promise<void> {
  if (site === undefined) return;
  const { regions } = await askLab<LabStatus>("GET", "/status");
  if (regions.some((each) => each.site === site || each.region === site)) return;
  throw new BadInput([{ path: "--site", value: site, message: regions.map((each) => `${each.site} (${each.region})`).join(", ") }]);
}

/** An option that only --end does without. @throws BadInput */
function given<T, K extends keyof T>(options: T, name: K): NonNullable<T[K]> {
  const value = options[name];
  if (value === undefined || value === null)
    throw new BadInput([{ path: `--${String(name)}`, value: undefined, message: "given, or --end" }]);
  return value;
}

function share(value: string): number {
  const n = Number(value);
  if (value.trim() === "" || !(n >= 0 && n <= 1)) throw new InvalidArgumentError("It may be a share from 0 to 1, as in 0.2.");
  return n;
}

function count(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError("It may be a whole number of milliseconds.");
  return Number(value);
}

function span(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined) throw new InvalidArgumentError("It may be a duration with its unit, as in 2s.");
  return ms;
}

function shift(value: string): number {
  const ms: number | undefined = parseDuration(value.replace(/^[+-]/, ""));
  if (ms === undefined) throw new InvalidArgumentError("It may be a duration with its sign and unit, as in +1h.");
  return value.startsWith("-") ? -ms : ms;
}

function size(value: string): number {
  const [, digits, unit = ""] = /^(\d+)([km]?)$/i.exec(value) ?? [];
  if (digits === undefined) throw new InvalidArgumentError("It may be a size, as in 8k.");
  return Number(digits) * { "": 1, k: 1_024, m: 1_024 ** 2 }[unit.toLowerCase() as "" | "k" | "m"];
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  changeover lab chaos ${line}`).join("\n")}`;
}
