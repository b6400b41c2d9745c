import { execFile, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Reinstated } from "../../automation/changeover/reinstate";
import type { MoveReport, ReprotectReport, RestoreReport } from "../../automation/changeover/report";
import { Stopped } from "../../automation/errors";
import { environmentOf, factsOf, latestActivation, siteFacts } from "../../automation/facts";
import { StepList } from "../../automation/steps";
import { RecoveryPoints } from "../../automation/probes/recovery-points";
import { Workspace } from "../../automation/pulumi/workspace";
import { namesFor } from "../../topology/names";
import type { SiteName, Topology } from "../../topology/schema";
import { askLab, callsTo } from "../control";
import type { LabDescription } from "../daemon";
import { ROOT, labFiles } from "../folder";
import type { LabStatus } from "../status";
import { labShell } from "../up";
import { drillResult } from "./assemble";
import { Clients } from "./clients";
import { SOUND, asService, blindAlarms, damage, noticed } from "./corruption";
import { moveOf, reprotectionOf, type DrillResult, type ObservedMove, type OldSite, type Reprotection } from "./result";

export interface StageOptions {
  /** How a region is lost. */
  mode: "stop" | "blackhole";
  quiet: boolean;
  signal: AbortSignal;
}

/** How long a command may take to end what it does, once it is interrupted. */
const END_MS = 60_000;
/** How long clients write before anything happens, and after each move. */
const WARM_MS = 8_000;
const SETTLE_MS = 6_000;

/** What a scenario plays on: a lab that is up, clients that write, the command as an operator types it. Notes down what happens. */
export class Stage {
  readonly startedAt = new Date().toISOString();
  readonly steps: StepList;
  readonly clients: Clients;
  private readonly moves: ObservedMove[] = [];
  private readonly reprotections: Reprotection[] = [];
  /** Journals of the incidents, in order. */
  readonly journals: string[] = [];
  /** Rows that were left behind, in the files that the re-protections wrote. */
  readonly diverged: string[] = [];
  oldSite: OldSite | undefined;

  private constructor(
    readonly folder: string,
    readonly description: LabDescription,
    readonly environment: Record<string, string>,
    readonly workspace: Workspace,
    readonly options: StageOptions,
  ) {
    this.steps = new StepList(options.quiet);
    this.clients = new Clients(labFiles(folder).ledger, description.topology, environment);
  }

  static async open(folder: string, options: StageOptions): Promise<Stage> {
    const description = JSON.parse(readFileSync(labFiles(folder).description, "utf8")) as LabDescription;
    const { environment } = await labShell(folder);
    // What is asked from this process is asked of the lab, too.
    Object.assign(process.env, environment);
    return new Stage(folder, description, environment, await Workspace.open(ROOT, "lab"), options);
  }

  get topology(): Topology {
    return this.description.topology;
  }

  /** One line of the list of steps. @param note what to say at its end */
  async step<T>(id: string, title: string, work: () => Promise<T>, note?: (result: T) => string): Promise<T> {
    this.steps.start(id, title);
    const result = await work();
    this.steps.done(id, note?.(result));
    return result;
  }

  async warmUp(): Promise<void> {
    await this.step(
      "clients",
      "Clients write through the public name",
      async () => {
        await this.clients.start();
        await this.wait(WARM_MS);
        const acknowledged = this.clients.acknowledged();
        if (acknowledged === 0)
          throw new Stopped("no write was acknowledged before the drill began", `see ${this.folder}/logs/clients.log`);
        return acknowledged;
      },
      (acknowledged) => `${acknowledged} writes acknowledged`,
    );
  }

  async settle(): Promise<void> {
    await this.wait(SETTLE_MS);
  }

  async wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.options.signal });
  }

  /** Takes a region away and fails over. */
  async failover(from: SiteName, to: SiteName): Promise<void> {
    const region = this.topology.sites[from]?.region ?? from;
    const { mode } = this.options;
    const at = await this.step(
      "outage",
      `${region} is lost`,
      async () => {
        const now = Date.now();
        await askLab("POST", "/outage", { region: from, mode });
        return now;
      },
      () => mode,
    );
    const detectedAt = await this.step("detect", "Health checks take it out of DNS", () => this.detection(at));
    const report = await this.command<MoveReport>([
      "failover",
      "--to",
      to,
      "--unreachable",
      from,
      "--accept-unfenced",
      `drill: ${region} was taken away`,
      "--outage-since",
      new Date(at).toISOString(),
    ]);
    await this.settle();
    this.note({
      kind: "failover",
      disaster: "regional-outage",
      report,
      outage: { at, detectedAt, callsToLostRegion: await callsTo(region) },
    });
  }

  /** Takes every warm region away and activates the cold site. */
  async activate(lost: SiteName[], to: SiteName): Promise<void> {
    const { mode } = this.options;
    const regions = lost.map((site) => this.topology.sites[site]?.region ?? site);
    const at = await this.step(
      "outage",
      `${regions.join(" and ")} are lost`,
      async () => {
        const now = Date.now();
        for (const region of lost) await askLab("POST", "/outage", { region, mode });
        return now;
      },
      () => mode,
    );
    const detectedAt = await this.step("detect", "Health checks take them out of DNS", () => this.detection(at));
    const report = await this.command<MoveReport>([
      "failover",
      "--to",
      to,
      "--unreachable",
      lost.join(","),
      "--accept-unfenced",
      `drill: ${regions.join(" and ")} were taken away`,
      "--outage-since",
      new Date(at).toISOString(),
    ]);
    await this.settle();
    const calls = await Promise.all(regions.map((region) => callsTo(region)));
    this.note({
      kind: "activation",
      disaster: "multi-region-outage",
      report,
      outage: { at, detectedAt, callsToLostRegion: calls.reduce((sum, count) => sum + count, 0) },
    });
  }

  /** Makes a cold site dormant again that was left. */
  async putToSleep(site: SiteName): Promise<void> {
    await this.command(["reprotect", "--site", site, "--discard-old"]);
  }

  /** Waits until the newest copy at a site is no older than the outage may find it. */
  async copied(site: SiteName): Promise<void> {
    await this.step("copies", `A copy of the database reaches ${site}`, async () => {
      const { region, vault } = namesFor(this.topology, "lab").site(site);
      const points = new RecoveryPoints(region);
      try {
        const facts = await siteFacts(environmentOf(this.topology, this.workspace));
        const { activeSite } = latestActivation(this.topology, facts);
        const generation = factsOf(facts, activeSite).activation?.generation ?? 1;
        const arn = namesFor(this.topology, "lab").site(activeSite).databaseArn(generation);
        const since = Date.now();
        while (((await points.in(vault, arn))[0]?.at.getTime() ?? 0) < since) await this.wait(500);
      } finally {
        points.close();
      }
    });
  }

  /** Damages the active site's data, restores its database to the moment before, and puts what was written since in again. */
  async restore(site: SiteName): Promise<void> {
    const { workspace, topology } = this;
    const { at, detectedAt } = await asService(workspace, site, async (client) => {
      const damaged = await this.step(
        "corrupt",
        "Rows of the services are overwritten and deleted",
        async () => ({ at: Date.now(), rows: await damage(client) }),
        ({ rows }) => `${rows} rows`,
      );
      return { at: damaged.at, detectedAt: await this.step("detect", "Monitoring finds it", () => noticed(client, this.options.signal)) };
    });
    const report = await this.command<RestoreReport>(["restore", "--site", site, "--before-corruption", "--check", SOUND]);
    const { rows, file } = report.dropped;
    this.diverged.push(file);
    const { tables } = await this.command<Reinstated>(["reinstate", "--rows", file, "--check", SOUND]);
    await this.settle();
    this.note({
      kind: "restore",
      disaster: "database-failure",
      report: { ...report, from: site, to: site },
      outage: { at, detectedAt, callsToLostRegion: 0 },
      restored: {
        point: report.point,
        dropped: rows,
        reinstated: tables.reduce((sum, { inserted }) => sum + inserted, 0),
        blindAlarms: await blindAlarms(topology, workspace, site),
      },
    });
  }

  /** A planned move to a site, or home. */
  async move(kind: "switchover" | "failback", to: SiteName): Promise<void> {
    const report = await this.command<MoveReport>(kind === "failback" ? ["failback"] : ["switchover", "--to", to]);
    this.note({ kind, report });
    await this.settle();
  }

  async reprotect(site: SiteName): Promise<void> {
    const report = await this.command<ReprotectReport>(["reprotect", "--site", site]);
    this.journals.push(report.journal);
    if (report.diverged) this.diverged.push(report.diverged.file);
    this.reprotections.push(reprotectionOf(report));
    await this.settle();
  }

  /** Ends the clients' run and draws up the account. */
  async close(scenario: string): Promise<DrillResult> {
    const accounts = await this.step(
      "account",
      "Compare what clients were told with what the database has",
      async () => {
        await this.clients.stop();
        const active = this.moves.at(-1)?.report.to ?? this.topology.home;
        return this.clients.account(this.workspace, active, this.moves.map(moveOf));
      },
      ({ total }) => `${total.acknowledged} writes acknowledged in all`,
    );
    const drill = drillResult(this.topology, {
      scenario,
      startedAt: this.startedAt,
      host: { cpus: cpus().length, node: process.versions.node },
      plugins: this.description.plugins,
      moves: this.moves,
      reprotections: this.reprotections,
      accounts,
      oldSite: this.oldSite,
      left: await this.leftBehind(),
    });
    this.steps.close();
    return drill;
  }

  /** Leaves no clients behind after a fault. */
  async abandon(): Promise<void> {
    this.steps.close(true);
    await this.clients.stop().catch(() => undefined);
  }

  private note(move: ObservedMove): void {
    this.moves.push(move);
    this.journals.push(move.report.journal);
  }

  /** When the first health check turned after the outage: from then on DNS leads elsewhere. */
  private async detection(outageAt: number): Promise<number> {
    for (let i = 0; i < 300; i++) {
      const { transitions } = await askLab<{ transitions: { to: string; at: number }[] }>("GET", "/health");
      const turned = transitions.find(({ at, to }) => at >= outageAt && to === "unhealthy");
      if (turned) return turned.at;
      await this.wait(50);
    }
    throw new Stopped("no health check noticed the outage in 15 s", `see ${labFiles(this.folder).log}`);
  }

  /** The real command, in a process of its own, as an operator would run it. */
  private async command<T>(args: string[]): Promise<T> {
    const shown = `changeover ${args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg)).join(" ")} --yes`;
    return this.step(args.join(" "), shown, async () => {
      const running = promisify(execFile)(process.execPath, [join(ROOT, "bin", "changeover.mjs"), ...args, "--yes", "--json"], {
        env: { ...process.env, ...this.environment },
        maxBuffer: 64 * 1024 * 1024,
        signal: this.options.signal,
      });
      try {
        const { stdout } = await running;
        return JSON.parse(stdout) as T;
      } catch (error) {
        await ended(running.child);
        const { stderr = "", code } = error as { stderr?: string; code?: number };
        throw new Stopped(
          `changeover ${args[0] ?? ""} ended with ${code ?? "a signal"}: ${stderr.trim()}`,
          "read its journal, mend the cause and run the drill again",
          { cause: error },
        );
      }
    });
  }

  /** What moves may not leave: locks and pending operations in the state, processes of a region that is lost. */
  private async leftBehind(): Promise<DrillResult["left"]> {
    const { processes, regions } = await askLab<LabStatus>("GET", "/status");
    const lost = regions.filter(({ outage }) => outage?.mode === "stop").map(({ region }) => region);
    const locks = join(labFiles(this.folder).state, ".pulumi", "locks");
    const parts = [...Object.keys(this.topology.sites), "edge", "data"];
    const pending = await Promise.all(parts.map((part) => this.workspace.pendingOperations(part)));
    return {
      processes: processes.filter(({ region }) => region !== null && lost.includes(region)).length,
      locks: existsSync(locks) ? readdirSync(locks, { recursive: true }).filter((name) => String(name).endsWith(".json")).length : 0,
      pendingOperations: pending.flat().length,
    };
  }
}

/** Waits for the end of a command that was told to end: the lab is not taken down under it. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const late = setTimeout(() => child.kill("SIGKILL"), END_MS);
  await once(child, "exit");
  clearTimeout(late);
}
