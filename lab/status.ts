import { paint, table } from "../automation/output";
import { describeFault } from "./chaos/describe";
import type { ActiveFault } from "./chaos/request";
import type { LabIdentity } from "./control";
import type { OutageMode } from "./part";

/** Answer of the lab's `/status`. */
export interface LabStatus extends LabIdentity {
  plugins: Record<string, string>;
  /** Of all processes together, shared pages counted once. */
  memoryBytes: number;
  /** Trouble that `lab chaos` made. */
  faults: ActiveFault[];
  regions: { site: string; region: string; outage: { mode: OutageMode; at: string } | null }[];
  processes: { name: string; region: string | null; pid: number }[];
  parts: Record<string, unknown>;
}

export function describeLab(status: LabStatus): string {
  const rows = status.regions.map(({ site, region, outage }) => [
    site,
    region,
    outage ? paint.red(`lost since ${outage.at} (${outage.mode})`) : paint.green("up"),
    String(status.processes.filter((child) => child.region === region).length),
  ]);
  const plugins = Object.entries(status.plugins).map(([name, origin]) => `${name} ${origin}`);
  return [
    `lab in ${status.folder}, up since ${status.startedAt}, ${(status.memoryBytes / 2 ** 30).toFixed(1)} GiB of memory; plugins: ${plugins.join(", ")}`,
    "",
    table(["SITE", "REGION", "STATE", "PROCESSES"], rows),
    "",
    ...(status.faults.length === 0 ? [] : [...status.faults.map((fault) => paint.yellow(describeFault(fault))), ""]),
    'to point this shell at it: eval "$(npx changeover lab env)"',
  ].join("\n");
}
