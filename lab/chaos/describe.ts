import { formatDuration } from "../../topology/duration";
import type { ActiveFault } from "./request";

/** A fault in one line. */
export function describeFault(fault: ActiveFault): string {
  const detail = fault.detail === undefined ? "" : ` (${fault.detail})`;
  return `${what(fault)}${detail}${outcome(fault)}`;
}

function what(fault: ActiveFault): string {
  const where = fault.region ?? "";
  switch (fault.fault) {
    case "throttle":
      return `AWS of ${where} throttles ${percent(fault.rate)} of the requests`;
    case "errors":
      return `AWS of ${where} answers ${percent(fault.rate)} of the requests with 500`;
    case "latency":
      return `AWS of ${where} takes ${formatDuration(fault.ms)} more for each request`;
    case "hang-kubernetes":
      return `the Kubernetes API of ${where} hangs`;
    case "cut-replication":
      return `nothing is replicated to ${where}`;
    case "damage-backup":
      return `the newest base backups of ${where} are damaged`;
    case "lose-wal":
      return `a WAL segment of ${where}'s archives is missing`;
    case "restart-dns":
      return `the name server is closed for ${formatDuration(fault.forMs)}`;
    case "disk-full":
      return `the journals' disk has ${fault.leaveBytes} bytes left`;
    case "clock":
      return `the clock of drivers is ${formatDuration(Math.abs(fault.shiftMs))} ${fault.shiftMs < 0 ? "slow" : "fast"}`;
    case "lose":
      return `${where} is to be lost at the ${fault.on} of ${fault.step}`;
    case "kill":
      return `the driver ${fault.onlyDriver ? "alone" : "and what it started"} is to be killed at the ${fault.on} of ${fault.step}`;
  }
}

function outcome({ happened, failed }: ActiveFault): string {
  if (failed !== undefined) return `: failed: ${failed}`;
  return happened ? `: ${happened.at}, in ${happened.incident}: ${happened.what}` : "";
}

function percent(rate: number): string {
  return `${Math.round(rate * 1_000) / 10} %`;
}
