import { rmSync } from "node:fs";
import type { LabContext } from "../part";
import type { LabProcess } from "../processes";
import type { Outages } from "./outages";

/** Copies of files within a region and between regions. One that an outage of either breaks off begins anew when both are there. */
export class Transfers {
  private readonly running = new Map<LabProcess, string[]>();
  private closed = false;

  constructor(
    private readonly lab: Pick<LabContext, "processes">,
    private readonly outages: Outages,
  ) {}

  /**
   * Makes `to` a copy of the folder `from`. Files keep their owner: PostgreSQL wants its data to be its own.
   * @throws Error where it cannot be copied, or the lab ends before it is
   */
  async folder(regions: string[], from: string, to: string): Promise<void> {
    await this.run(regions, ["-a", "--reflink=auto", "--no-target-directory", from, to], () => {
      rmSync(to, { recursive: true, force: true });
    });
  }

  /** Copies files into a folder that is there. The empty rest of a WAL segment takes no room. */
  async files(regions: string[], from: string[], to: string): Promise<void> {
    await this.run(regions, ["--preserve", "--sparse=always", `--target-directory=${to}`, "--", ...from], () => undefined);
  }

  private async run(regions: string[], args: string[], prepare: () => void): Promise<void> {
    for (;;) {
      for (const region of regions) await this.outages.over(region, () => this.closed);
      // While one was waited for, another one may have been lost.
      if (!this.closed && this.lost(regions)) continue;
      if (this.closed) throw new Error("postgres: the lab ends");
      prepare();
      const name = this.freeName();
      const child = this.lab.processes.spawn({ name, command: "cp", args });
      this.running.set(child, regions);
      const { code, signal } = await child.ended.finally(() => this.running.delete(child));
      if (code === 0) return;
      if (!this.lost(regions) && signal === null) throw new Error(`postgres: cp ended with ${code}: see logs/${name}.log`);
    }
  }

  /** Breaks off what goes on with a region that is lost. */
  interrupt(region: string): void {
    for (const [child, regions] of this.running) if (regions.includes(region)) child.signal("SIGKILL");
  }

  async close(): Promise<void> {
    this.closed = true;
    this.outages.lookAgain();
    const ended = [...this.running.keys()].map((child) => {
      child.signal("SIGKILL");
      return child.ended;
    });
    await Promise.allSettled(ended);
  }

  /** Names are used again, as each has a log of its own. */
  private freeName(): string {
    for (let n = 0; ; n++) if (!this.lab.processes.get(`postgres-copy-${n}`)) return `postgres-copy-${n}`;
  }

  private lost(regions: string[]): boolean {
    return regions.some((region) => this.outages.modeOf(region) !== undefined);
  }
}
