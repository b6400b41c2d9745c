import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { EXIT, Refused, Stopped } from "../../automation/errors";
import { evidenceFolder } from "../../automation/evidence";
import { onInterrupt } from "../../automation/interrupts";
import { say, sayJson } from "../../automation/output";
import { BadInput } from "../../topology/errors";
import { askLab, runningLab } from "../control";
import { labDown } from "../down";
import { ROOT, labFiles, labFolder } from "../folder";
import type { LabStatus } from "../status";
import { labUp } from "../up";
import { describeDrill } from "./describe";
import { keepEvidence, recordOf } from "./evidence";
import { copyFiles, copyJournals } from "./journals";
import { reportPage } from "./report";
import { metAll, type DrillResult } from "./result";
import { SCENARIOS, type Scenario } from "./scenario";
import { Stage } from "./stage";

export interface DrillOptions {
  /** Environment whose objectives the drill is evidence for. */
  environment: string;
  out?: string;
  mode: "stop" | "blackhole";
  keep?: boolean;
  json?: boolean;
}

/** Every scenario, one after the other. */
export const ALL = "all";

/** Runs a scenario in the lab, or all of them, each in a lab of its own. @returns the exit code */
export async function runDrill(name: string, options: DrillOptions): Promise<number> {
  const scenarios = SCENARIOS.filter((scenario) => name === ALL || scenario.name === name);
  if (scenarios.length === 0) {
    throw new BadInput([{ path: "scenario", value: name, message: [...SCENARIOS.map((scenario) => scenario.name), ALL].join(", ") }]);
  }
  if (name === ALL && options.keep)
    throw new BadInput([{ path: "--keep", value: true, message: "given with one scenario: each has a lab of its own" }]);
  if (name === ALL && (await runningLab())) {
    throw new Refused("each scenario wants a lab of its own, and one is up", "changeover lab down");
  }
  const out = resolve(options.out ?? `drill-${new Date().toISOString().replace(/[-:]/g, "").slice(0, 15)}`);
  // Before the lab's own variables take the place of the caller's: what is written there goes with the lab.
  const evidence = evidenceFolder(options.environment);
  const drills: DrillResult[] = [];
  for (const scenario of scenarios) {
    if (!options.json && name === ALL) say(`\n${scenario.name}: ${scenario.description}`);
    drills.push(await runOne(scenario, name === ALL ? join(out, scenario.name) : out, evidence, options));
  }
  if (options.json) sayJson(name === ALL ? drills : drills[0]);
  return drills.every(metAll) ? EXIT.done : EXIT.objectiveMissed;
}

async function runOne(scenario: Scenario, out: string, evidence: string, options: DrillOptions): Promise<DrillResult> {
  const folder = labFolder();
  const mine = await freshLab(folder);
  const interrupted = new AbortController();
  const interrupt = (): void => {
    interrupted.abort(
      new Stopped("the drill was interrupted", mine ? "the lab was taken down" : "the lab is still up: changeover lab down"),
    );
  };
  const letGo = onInterrupt(interrupt);
  try {
    const quiet = options.json === true;
    if (mine) await labUp({ quiet });
    const stage = await Stage.open(folder, { mode: options.mode, quiet, signal: interrupted.signal });
    mkdirSync(out, { recursive: true });
    let drill: DrillResult;
    try {
      await scenario.play(stage);
      drill = await stage.close(scenario.name);
    } catch (error) {
      await stage.abandon();
      // The lab goes, and its journals with it; they say how far it came.
      const { journals } = labFiles(folder);
      copyFiles(
        readdirSync(journals, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(journals, entry.name)] : [])),
        out,
      );
      interrupted.signal.throwIfAborted();
      throw error;
    }
    writeFileSync(join(out, "drill.json"), `${JSON.stringify(drill, null, 2)}\n`);
    writeFileSync(join(out, "report.html"), reportPage(drill, stage.topology));
    const written = ["drill.json", "report.html", ...copyJournals(stage.journals, out), ...copyFiles(stage.diverged, out)];
    const record = recordOf(stage.topology, drill, stage.journals);
    const kept = record && (await keepEvidence(stage.topology, drill, record, evidence));
    if (!options.json) {
      say();
      say(describeDrill(drill, stage.topology));
      say(`\nwritten to ${out}: ${written.join(", ")}`);
      if (kept) say(`evidence for changeover estimate -e ${options.environment}: ${kept.file}`);
    }
    if (kept?.uncopied !== undefined) process.stderr.write(`the evidence is not in the control bucket: ${kept.uncopied}\n`);
    return drill;
  } finally {
    letGo();
    if (mine && !options.keep) await labDown(folder, ROOT);
  }
}

/** @returns whether this drill has to bring its own lab up */
async function freshLab(folder: string): Promise<boolean> {
  const running = await runningLab();
  if (!running) return true;
  if (running.folder !== folder)
    throw new Refused(
      `another lab runs on this machine: ${running.folder} (pid ${running.pid})`,
      "take that one down from its own checkout",
    );
  const { regions } = await askLab<LabStatus>("GET", "/status");
  const lost = regions.find(({ outage }) => outage !== null);
  if (lost) throw new Refused(`the lab that is up has lost ${lost.region} already`, "start from a fresh one: changeover lab down");
  return false;
}
