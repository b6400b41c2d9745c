import type { Driver } from "../../automation/changeover/incident";
import { startTimeOf } from "../../setup/process.mjs";
import { descendantsOf } from "../process-tree";

/**
 * Ends a driver with SIGKILL, and with it everything that it started: the Pulumi CLI, its language host, its plugins.
 * They are stopped first, so that none of them sees another one go.
 * @param onlyDriver leaves what it started
 * @returns pids that were killed, the driver's first
 * @throws where that process is gone, or another one has its pid
 */
export function killDriver({ pid, startTime }: Pick<Driver, "pid" | "startTime">, { onlyDriver = false } = {}): number[] {
  const started = startTimeOf(pid);
  if (started === "") throw new Error(`the driver, pid ${pid}, is gone already`);
  if (started !== startTime) {
    throw new Error(`pid ${pid} is not the driver that the journal names: it started at ${started}, not ${startTime}`);
  }
  // What follows takes milliseconds, in which the driver would go on.
  signal(pid, "SIGSTOP");
  const stopped = [pid];
  if (!onlyDriver) {
    // Until no stopped process has a child that is not: none of them can start another one then.
    for (let found = descendantsOf(stopped); found.length > 0; found = descendantsOf(stopped)) {
      for (const child of found) signal(child, "SIGSTOP");
      stopped.push(...found);
    }
  }
  for (const each of stopped) signal(each, "SIGKILL");
  return stopped;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
