import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { EXIT, Refused, Stopped } from "../../automation/errors";
import type { FailoverReport } from "../../automation/failover";
import { say, sayJson } from "../../automation/output";
import { StepList } from "../../automation/steps";
import { Workspace } from "../../automation/workspace";
import { BadInput } from "../../topology/errors";
import { DATABASE_APP } from "../../topology/names";
import type { Topology } from "../../topology/schema";
import { account, readRows, type Account } from "../clients/account";
import { readLedger } from "../clients/ledger";
import { clientEnvironment } from "../clients/settings";
import { askLab, callsTo, runningLab } from "../control";
import type { LabDescription } from "../daemon";
import { labDown } from "../down";
import { ROOT, labFiles, labFolder } from "../folder";
import type { LabStatus } from "../status";
import { labShell, labUp } from "../up";
import { describeDrill } from "./describe";
import { reportPage } from "./report";
import { metAll, objectivesOf, rtoOf, segmentsOf, type DrillResult, type TierResult } from "./result";

export interface DrillOptions {
  out?: string;
  mode: "stop" | "blackhole";
  keep?: boolean;
  json?: boolean;
}

/** How long clients write before the outage, and after the recovery. */
const WARM_MS = 8_000;
const SETTLE_MS = 6_000;

/** Runs a scenario in the lab. @returns the exit code */
export async function runDrill(scenario: string, options: DrillOptions): Promise<number> {
  if (scenario !== "regional-outage") {
    throw new BadInput([{ path: "scenario", value: scenario, message: "regional-outage" }]);
  }
  const folder = labFolder();
  const mine = await freshLab(folder);
  const interrupted = new AbortController();
  const interrupt = (): void => {
    interrupted.abort(
      new Stopped("the drill was interrupted", mine ? "the lab was taken down" : "the lab is still up: changeover lab down"),
    );
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    if (mine) await labUp({ quiet: options.json === true });
    const { drill, topology, journal } = await regionalOutage(folder, options, interrupted.signal);
    const out = resolve(options.out ?? `drill-${drill.startedAt.replace(/[-:]/g, "").slice(0, 15)}`);
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "drill.json"), `${JSON.stringify(drill, null, 2)}\n`);
    writeFileSync(join(out, "report.html"), reportPage(drill, topology));
    copyFileSync(journal, join(out, "journal.jsonl"));
    if (options.json) sayJson(drill);
    else {
      say();
      say(describeDrill(drill, topology));
      say(`\nwritten: ${out}/drill.json, report.html, journal.jsonl`);
    }
    return metAll(drill) ? EXIT.done : EXIT.objectiveMissed;
  } finally {
    process.removeListener("SIGINT", interrupt);
    process.removeListener("SIGTERM", interrupt);
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

interface Health {
  transitions: { check: string; to: string; at: number }[];
  checks: { id: string; fqdn?: string }[];
}

/** The runbook's scenario 2, up to services verified. */
async function regionalOutage(folder: string, options: DrillOptions, signal: AbortSignal) {
  const files = labFiles(folder);
  const { topology, plugins } = JSON.parse(readFileSync(files.description, "utf8")) as LabDescription;
  const { environment } = await labShell(folder);
  Object.assign(process.env, environment);
  const workspace = await Workspace.open(ROOT, "lab");
  const from = topology.home;
  const to = topology.disasters["regional-outage"].recovery.site ?? "";
  const region = topology.sites[from]?.region ?? "";
  const startedAt = new Date().toISOString();
  const steps = new StepList(options.json);
  try {
    steps.start("clients", "Clients write through the public name");
    await startClients(files.ledger, environment, topology);
    await sleep(WARM_MS, undefined, { signal });
    const before = readLedger(files.ledger).filter(({ outcome }) => outcome === "acknowledged").length;
    if (before === 0) throw new Stopped("no write was acknowledged before the outage", `see ${folder}/logs/clients.log`);
    steps.done("clients", `${before} writes acknowledged`);

    steps.start("outage", `${region} is lost`);
    const outageAt = Date.now();
    await askLab("POST", "/outage", { region: from, mode: options.mode });
    steps.done("outage", options.mode);

    steps.start("detect", "Health checks take it out of DNS");
    const detectedAt = await detection(outageAt, signal);
    steps.done("detect");

    steps.start("failover", `changeover failover --to ${to} --unreachable ${from} --yes`);
    const report = await runFailover(to, from, outageAt, environment, signal);
    steps.done("failover");

    steps.start("settle", "Clients go on writing");
    await sleep(SETTLE_MS, undefined, { signal });
    await askLab("POST", "/clients", { run: false });
    const counted = await accountFor(workspace, files.ledger, to, outageAt);
    steps.done("settle", `${counted.acknowledged} writes acknowledged in all`);

    const calls = await callsTo(region);
    const rtoMs = rtoOf({ outageAt, detectedAt, report });
    const { acknowledged, lost, duplicated, oldestLostAgeMs } = counted;
    const drill: DrillResult = {
      scenario: "regional-outage",
      startedAt,
      host: { cpus: cpus().length, node: process.versions.node },
      plugins,
      lab: { healthIntervalMs: 1_000, ttlMs: 1_000 },
      changeovers: [
        {
          kind: "failover",
          from,
          to,
          epoch: report.epoch,
          segmentsMs: segmentsOf({ outageAt, detectedAt, report }),
          rtoMs,
          rpo: { acknowledged, lost, duplicated, oldestLostAgeMs },
          clientDowntimeMs: counted.clientDowntimeMs,
          callsToLostRegion: calls,
          commandMs: report.recoveredMs,
        },
      ],
      tiers: tierResults(topology, counted, outageAt),
      objectives: objectivesOf(topology, rtoMs, oldestLostAgeMs),
      writers: { acknowledged, lost, duplicated },
      left: await leftBehind(workspace, topology, files.state),
    };
    steps.close();
    return { drill, topology, journal: report.journal };
  } catch (error) {
    steps.close(true);
    await askLab("POST", "/clients", { run: false }).catch(() => undefined);
    signal.throwIfAborted();
    throw error;
  }
}

async function startClients(ledger: string, environment: Record<string, string>, topology: Topology): Promise<void> {
  await askLab("POST", "/clients", {
    run: true,
    env: clientEnvironment({
      name: `app.${topology.domain}`,
      port: Number(environment["CHANGEOVER_PORT"]),
      resolver: environment["CHANGEOVER_RESOLVER"] ?? "",
      caFile: environment["NODE_EXTRA_CA_CERTS"] ?? "",
      services: topology.tiers.flatMap(({ tier, services }) =>
        Object.entries(services).map(([service, { path }]) => ({ service, tier, path })),
      ),
      ledgerFile: ledger,
      summaryFile: `${ledger}.summary.json`,
    }),
  });
}

/** When the first health check turned after the outage: from then on DNS leads elsewhere. */
async function detection(outageAt: number, signal: AbortSignal): Promise<number> {
  for (let i = 0; i < 300; i++) {
    const { transitions } = await askLab<Health>("GET", "/health");
    const turned = transitions.find(({ at, to }) => at >= outageAt && to === "unhealthy");
    if (turned) return turned.at;
    await sleep(50, undefined, { signal });
  }
  throw new Stopped("no health check noticed the outage in 15 s", "see .lab/lab.log");
}

/** The real command, in a process of its own, as an operator would run it. */
async function runFailover(
  to: string,
  from: string,
  outageAt: number,
  environment: Record<string, string>,
  signal: AbortSignal,
): Promise<FailoverReport> {
  const args = ["failover", "--to", to, "--unreachable", from, "--outage-since", new Date(outageAt).toISOString(), "--yes", "--json"];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, "bin", "changeover.mjs"), ...args], {
      env: { ...process.env, ...environment },
      maxBuffer: 16 * 1024 * 1024,
      signal,
    });
    return JSON.parse(stdout) as FailoverReport;
  } catch (error) {
    const { stderr = "", code } = error as { stderr?: string; code?: number };
    throw new Stopped(
      `changeover failover ended with ${code ?? "a signal"}: ${stderr.trim()}`,
      "mend the cause and run the same command again",
      { cause: error },
    );
  }
}

async function accountFor(workspace: Workspace, ledger: string, site: string, outageAt: number): Promise<Account> {
  const [outputs, secrets] = await Promise.all([workspace.outputs(site), workspace.secrets(site)]);
  const database = outputs["database"] as { address: string; port: number; name: string };
  const rows = await readRows({
    host: database.address,
    port: database.port,
    database: database.name,
    user: DATABASE_APP,
    password: secrets["appPassword"],
    ssl: { ca: secrets["databaseCa"] },
  });
  return account(readLedger(ledger), rows, { outageAt });
}

function tierResults(topology: Topology, counted: Account, outageAt: number): TierResult[] {
  return topology.tiers.map(({ tier, maxDowntime }) => {
    const back = counted.tiers.find((other) => other.tier === tier)?.firstAckAfter;
    const readyMs = back === undefined ? null : back - outageAt;
    return { tier, readyMs, budgetMs: maxDowntime, met: readyMs !== null && readyMs <= maxDowntime };
  });
}

/** What a failover may not leave: locks and pending operations in the state, processes of the lost region. */
async function leftBehind(workspace: Workspace, topology: Topology, state: string): Promise<DrillResult["left"]> {
  const { processes, regions } = await askLab<LabStatus>("GET", "/status");
  const lost = regions.filter(({ outage }) => outage?.mode === "stop").map(({ region }) => region);
  const locks = join(state, ".pulumi", "locks");
  const parts = [...Object.keys(topology.sites), "edge", "data"];
  return {
    processes: processes.filter(({ region }) => region !== null && lost.includes(region)).length,
    locks: existsSync(locks) ? readdirSync(locks, { recursive: true }).filter((name) => String(name).endsWith(".json")).length : 0,
    pendingOperations: (await Promise.all(parts.map((part) => workspace.pendingOperations(part)))).reduce((a, b) => a + b, 0),
  };
}
