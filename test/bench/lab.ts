import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Stopped } from "../../automation/errors";
import { environmentOf, latestActivation, siteFacts, type Environment, type SiteFacts } from "../../automation/facts";
import type { StepList } from "../../automation/steps";
import type { Status } from "../../automation/status";
import { Workspace } from "../../automation/pulumi/workspace";
import type { SiteName, Topology } from "../../topology/schema";
import { askLab } from "../../lab/control";
import type { LabDescription } from "../../lab/daemon";
import { ROOT, labFiles } from "../../lab/folder";
import { labShell } from "../../lab/up";
import { runProgram, type Ran } from "./run";

/** Who is what between two measurements. */
export interface Roles {
  active: SiteName;
  standby: SiteName;
  epoch: number;
}

/** A command that ended well. */
interface Reported<T> extends Ran {
  report: T;
}

/** How long a site may take until it answers, or is what it should be. */
const PATIENCE_MS = 120_000;
/** Between a lab that is what it should be and the next measurement: what was started ends, caches are written. */
const CALM_MS = 4_000;
/** Databases of earlier generations that a site may keep meanwhile. */
const KEPT = 3;

/** The lab under measurement, and the command as an operator types it. */
export class BenchLab {
  private counted = 0;

  private constructor(
    readonly folder: string,
    readonly environment: Record<string, string>,
    readonly env: Environment,
    readonly plugins: LabDescription["plugins"],
    readonly steps: StepList,
    readonly signal: AbortSignal,
  ) {}

  static async open(folder: string, steps: StepList, signal: AbortSignal): Promise<BenchLab> {
    const { topology, plugins } = JSON.parse(readFileSync(labFiles(folder).description, "utf8")) as LabDescription;
    const { environment } = await labShell(folder);
    // What is asked from this process is asked of the lab, too.
    Object.assign(process.env, environment);
    const workspace = await Workspace.open(ROOT, "lab");
    return new BenchLab(folder, environment, environmentOf(topology, workspace), plugins, steps, signal);
  }

  get topology(): Topology {
    return this.env.topology;
  }

  /** One line on standard error. @param note what to say at its end */
  async step<T>(title: string, work: () => Promise<T>, note?: (result: T) => string): Promise<T> {
    this.signal.throwIfAborted();
    const id = String(++this.counted);
    this.steps.start(id, title);
    try {
      const result = await work();
      this.steps.done(id, note?.(result));
      return result;
    } catch (error) {
      this.steps.failed(id);
      throw error;
    }
  }

  async wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal });
  }

  /** From the state alone; no region is asked. */
  async roles(): Promise<Roles> {
    const { activeSite: active, epoch } = latestActivation(this.topology, await this.facts());
    const standby = Object.keys(this.topology.sites).find((site) => site !== active && this.topology.sites[site]?.standby === "warm");
    if (standby === undefined) throw new Error("the topology has no second warm site");
    return { active, standby, epoch };
  }

  async factsOf(name: SiteName): Promise<SiteFacts> {
    const found = (await this.facts()).find(({ site }) => site === name);
    if (!found) throw new Error(`no facts of ${name}`);
    return found;
  }

  regionOf(site: SiteName): string {
    return this.topology.sites[site]?.region ?? site;
  }

  /** The real command, in a process of its own. @throws Stopped where it does not end well */
  async changeover<T>(args: string[]): Promise<Reported<T>> {
    const ran = await runProgram(process.execPath, [join(ROOT, "bin", "changeover.mjs"), ...args, "--json"], this.options());
    this.signal.throwIfAborted();
    if (ran.code !== 0)
      throw new Stopped(`changeover ${args.join(" ")} ended with ${ran.code}: ${ran.stderr.trim()}`, "run the bench again");
    return { ...ran, report: JSON.parse(ran.stdout) as T };
  }

  /** Where programs run, pointed at the lab. */
  options(): { cwd: string; env: Record<string, string>; signal: AbortSignal } {
    return { cwd: ROOT, env: this.environment, signal: this.signal };
  }

  /** Takes a site's region away and waits until the health checks have noticed: then an operator hears of it. */
  async lose(site: SiteName): Promise<void> {
    const at = Date.now();
    await askLab("POST", "/outage", { region: site, mode: "stop" });
    await this.until(`the health checks to notice that ${site} is lost`, 50, async () => {
      const { transitions } = await askLab<{ transitions: { to: string; at: number }[] }>("GET", "/health");
      return transitions.some((turned) => turned.at >= at && turned.to === "unhealthy");
    });
  }

  /** Brings a lost site back as the standby of the one that took over. */
  async protectAgain(lost: SiteName): Promise<void> {
    await askLab("POST", "/heal", { region: lost }, PATIENCE_MS);
    await this.until(`${lost} to answer`, 500, async () => {
      const site = (await this.status()).sites.find(({ name }) => name === lost);
      return site?.databaseDetail === undefined && site?.workloadsDetail === undefined;
    });
    await this.reprotect(lost);
  }

  /** Rebuilds a site that was left; now and then removes the databases that it kept, which would slow later runs down. */
  async reprotect(site: SiteName): Promise<void> {
    await this.changeover(["reprotect", "--site", site, "--yes"]);
    const kept = ((await this.factsOf(site)).activation?.retained ?? []).length;
    if (kept >= KEPT) await this.changeover(["reprotect", "--site", site, "--discard-old", "--yes"]);
    await this.rest();
  }

  /** Waits until one site serves and the other one stands by, with every pod that is wanted, and then for a moment of calm. */
  async rest(): Promise<void> {
    const { active, standby } = await this.roles();
    await this.until(`${active} to be active and ${standby} its standby`, 500, async () => {
      const { sites, changeover } = await this.status();
      if (changeover !== null) return false;
      return sites.every(({ name, role, database, writes, traffic, tiers }) => {
        if (tiers.some(({ ready, wanted }) => ready !== wanted)) return false;
        if (name === active) return role === "active" && database === "primary" && writes === "open" && traffic;
        return name !== standby || (role === "standby" && database === "replica" && !traffic);
      });
    });
    await this.wait(CALM_MS);
  }

  /** @throws Stopped with what was waited for, when the time is over */
  async until(what: string, everyMs: number, is: () => Promise<boolean>): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (!(await is())) {
      if (performance.now() > until) throw new Stopped(`waited ${PATIENCE_MS / 1_000} s for ${what}`, `see ${labFiles(this.folder).log}`);
      await this.wait(everyMs);
    }
  }

  private async status(): Promise<Status> {
    return (await this.changeover<Status>(["status"])).report;
  }

  private facts(): Promise<SiteFacts[]> {
    return siteFacts(this.env);
  }
}
