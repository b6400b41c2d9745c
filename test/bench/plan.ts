import { copyFileSync, cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Stopped } from "../../automation/errors";
import type { Plan } from "../../automation/plan/plan";
import { ROOT } from "../../lab/folder";
import type { BenchLab } from "./lab";
import { PeakMemory } from "./memory";
import { runProgram } from "./run";
import { withServices } from "./services";

/** One plan, measured. */
export interface PlanTime {
  services: number;
  /** The command's whole time. */
  ms: number;
  peakMiB: number;
  /** Operations that it found: proof that it planned them all. */
  operations: number;
}

/** What the command runs from. */
const PROGRAMS = ["automation", "bin", "components", "guard", "policies", "setup", "stacks", "topology"];
const FILES = ["package.json", "package-lock.json", "tsconfig.json", "Pulumi.yaml"];

/** A copy of the checkout with a topology of its own, whose stacks are the lab's. Plans change nothing, so the lab never hears of it. */
export class PlanBench {
  private readonly root = mkdtempSync(join(tmpdir(), "changeover-bench-"));

  constructor(private readonly lab: BenchLab) {
    for (const name of [...PROGRAMS, ...FILES])
      cpSync(join(ROOT, name), join(this.root, name), { recursive: true, preserveTimestamps: true });
    symlinkSync(join(ROOT, "node_modules"), join(this.root, "node_modules"));
  }

  /** Plans a failover of a topology with so many services, from the lab's present state. */
  async measure(services: number): Promise<PlanTime> {
    return this.lab.step(
      `Plan ${services} services`,
      () => this.plan(services),
      ({ ms, peakMiB, operations }) => `${Math.round(ms)} ms, ${Math.round(peakMiB)} MiB, ${operations} operations`,
    );
  }

  close(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  private async plan(services: number): Promise<PlanTime> {
    writeFileSync(join(this.root, "topology.yaml"), withServices(readFileSync(join(ROOT, "topology.yaml"), "utf8"), services));
    for (const name of readdirSync(ROOT)) if (/^Pulumi\.lab-.+\.yaml$/.test(name)) copyFileSync(join(ROOT, name), join(this.root, name));
    const { active, standby } = await this.lab.roles();
    const args = [join(this.root, "bin", "changeover.mjs"), "plan", "--to", standby, "--unreachable", active, "--json"];
    let memory: PeakMemory | undefined;
    const ran = await runProgram(process.execPath, args, {
      ...this.lab.options(),
      cwd: this.root,
      onStart: (pid) => (memory = new PeakMemory(pid)),
    }).finally(() => memory?.stop());
    this.lab.signal.throwIfAborted();
    if (ran.code !== 0)
      throw new Stopped(`changeover plan with ${services} services ended with ${ran.code}: ${ran.stderr.trim()}`, "see above");
    const { operations } = JSON.parse(ran.stdout) as Plan;
    return { services, ms: ran.tookMs, peakMiB: (memory?.stop() ?? 0) / 2 ** 20, operations: operations.length };
  }
}
