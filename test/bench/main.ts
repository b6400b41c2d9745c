/** `npm run bench`: everything that is compared, measured side by side in one lab of its own. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { EXIT, Refused, Stopped } from "../../automation/errors";
import { onInterrupt } from "../../automation/interrupts";
import { complain } from "../../automation/main";
import { paintError, say, sayJson } from "../../automation/output";
import { StepList } from "../../automation/steps";
import { runningLab } from "../../lab/control";
import { labDown } from "../../lab/down";
import { ROOT, labFolder } from "../../lab/folder";
import { labUp } from "../../lab/up";
import { checkTools, failover, orderOf, type Way } from "./failover";
import { figuresOf, type Measured } from "./figures";
import { floorOf, measureFloor, type FloorTimes } from "./floor";
import { describeHost } from "./host";
import { BenchLab } from "./lab";
import { RESULTS, isWhole, readOptions, type Options, type Part } from "./options";
import { PlanBench, type PlanTime } from "./plan";
import { goalsOf } from "./reach";
import { measurePolicies, type PolicyTimes } from "./policies";
import { recover } from "./recovery";
import { resultsPage } from "./results";
import { switchovers } from "./switchover";

/** How long an hour of the backup plan lasts in the lab, in milliseconds. */
const BACKUP_HOUR_MS = 120_000;
/** Failovers by the script that overlaps all it can. */
const AT_ONCE = 3;
/** Sizes of the topology that is planned, in services. */
const SIZES = [10, 100, 1_000];

async function main(argv: string[]): Promise<number> {
  const options = readOptions(argv);
  const figures = figuresOf(await measured(options, argv));
  const page = resultsPage(figures);
  const out = options.out !== undefined ? resolve(options.out) : isWhole(options) ? join(ROOT, RESULTS) : undefined;
  if (out !== undefined) {
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, page);
  }
  if (options.json) sayJson(figures);
  else say(page);
  const missed = goalsOf(figures).filter(({ met }) => !met);
  for (const { name, measured: value, target } of missed)
    process.stderr.write(`${paintError.red("missed:")} ${name}: ${value}, to reach ${target}\n`);
  return missed.length > 0 ? EXIT.objectiveMissed : EXIT.done;
}

/** A lab of its own, from its start to its end, whatever happens in between. */
async function measured(options: Options, argv: string[]): Promise<Measured> {
  const folder = labFolder();
  if (await runningLab()) throw new Refused("the bench wants a lab of its own, and one is up", "changeover lab down");
  const interrupted = new AbortController();
  const interrupt = (): void => {
    interrupted.abort(new Stopped("the bench was interrupted", "the lab was taken down"));
  };
  const letGo = onInterrupt(interrupt);
  const startedAt = new Date();
  const begun = performance.now();
  const steps = new StepList();
  try {
    // Its backups go round less often than in a drill: each of them takes from the two cores.
    await labUp({ backupHourMs: BACKUP_HOUR_MS });
    const lab = await BenchLab.open(folder, steps, interrupted.signal);
    const { plugins } = lab;
    const parts = await measureParts(lab, options);
    steps.close();
    const command = ["npm run bench", ...(argv.length > 0 ? ["--", ...argv] : [])].join(" ");
    return { command, startedAt: startedAt.toISOString(), tookMs: performance.now() - begun, host: describeHost(), plugins, ...parts };
  } catch (error) {
    steps.close(true);
    interrupted.signal.throwIfAborted();
    throw error;
  } finally {
    letGo();
    await labDown(folder, ROOT);
  }
}

/** A round has each thing once, so that what changes in the machine meanwhile changes for all of them. Each ends with the service at home. */
async function measureParts(lab: BenchLab, { only, runs, switchovers: moves }: Options): Promise<Partial<Measured>> {
  const wanted = (part: Part): boolean => only === undefined || only === part;
  const floors: FloorTimes[] = [];
  const failovers: Record<Way, number[]> = { changeover: [], script: [], atOnce: [] };
  const plans: PlanTime[] = [];
  const policies: PolicyTimes[] = [];
  if (wanted("failover")) await checkTools(lab);
  await lab.step("Let the lab come to rest", () => lab.rest());
  const planning = new PlanBench(lab);
  try {
    // What is loaded for the first time is compiled first.
    if (wanted("plan")) await planning.measure(Math.min(...SIZES));
    for (let round = 0; round < runs; round++) {
      if (wanted("floor")) floors.push(await measureFloor(lab));
      if (wanted("failover")) for (const way of orderOf(round)) failovers[way].push(await failover(lab, way));
      if (wanted("plan")) for (const size of SIZES) plans.push(await planning.measure(size));
      if (wanted("policies")) policies.push(await measurePolicies(lab));
    }
    // After the rounds, which have to end at home: this one is not what is to be reached, but what could be.
    if (wanted("failover")) for (let run = 0; run < Math.min(runs, AT_ONCE); run++) failovers.atOnce.push(await failover(lab, "atOnce"));
  } finally {
    planning.close();
  }
  return {
    ...(floors.length > 0 && { floor: floorOf(floors) }),
    ...(failovers.changeover.length > 0 && { failover: failovers }),
    ...(wanted("switchover") && { switchover: await switchovers(lab, moves) }),
    ...(plans.length > 0 && { plans }),
    ...(policies.length > 0 && { policies }),
    // The last of all: the service ends at another site.
    ...(wanted("recovery") && { recovery: await recover(lab) }),
  };
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => (process.exitCode = complain(error)),
);
