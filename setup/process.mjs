import { readFileSync } from "node:fs";

/** Ticks since boot (proc(5), field 22); empty where there is no /proc, no such process, or one that only waits to be reaped. */
export function startTimeOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

/** Whether a process of this machine still runs; the start time tells it from a later one with the same number. */
export function processLives({ pid, startTime }) {
  if (startTime !== "") return startTimeOf(pid) === startTime;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
