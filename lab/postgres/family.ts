import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The processes of one PostgreSQL server. Each child of the postmaster makes a session of its own, so a signal to the
 * postmaster's group reaches the postmaster only; parentage is what ties them together.
 */

/** @returns `pid` and all its descendants, itself first; empty when it has ended */
export function family(pid: number): number[] {
  const children = new Map<number, number[]>();
  let alive = false;
  for (const { pid: each, ppid } of processes()) {
    if (each === pid) alive = true;
    const siblings = children.get(ppid);
    if (siblings) siblings.push(each);
    else children.set(ppid, [each]);
  }
  const found = alive ? [pid] : [];
  for (const each of found) found.push(...(children.get(each) ?? []));
  return found;
}

/**
 * Freezes each server of the list. The postmaster comes first: once it stands, it makes no further children.
 */
export async function freezeFamilies(postmasters: number[]): Promise<void> {
  for (const pid of postmasters) send(pid, "SIGSTOP");
  // A child forked just before the postmaster stopped shows in the second look at the latest.
  for (let look = 0; look < 2; look++) {
    for (const pid of postmasters) for (const each of family(pid)) send(each, "SIGSTOP");
    await sleep(2);
  }
}

export function thawFamilies(postmasters: number[]): void {
  // Children first, so that the postmaster does not find them slow.
  for (const pid of postmasters) for (const each of family(pid).reverse()) send(each, "SIGCONT");
}

/** Ends all of them at once, as a power cut does, and waits until nothing of them is left. */
export async function killFamilies(postmasters: number[]): Promise<void> {
  await freezeFamilies(postmasters);
  const doomed = postmasters.flatMap(family);
  for (const pid of doomed) send(pid, "SIGKILL");
  await gone(doomed);
}

/**
 * Ends server processes whose postmaster is gone. A running child ends by itself when that happens; one that was frozen cannot.
 * @param clusterName what `cluster_name` of the servers begins with: it is in the title of each of their processes
 * @param folder of their data, or one above it: a child that was frozen as it began has its postmaster's command line still
 * @returns how many there were
 */
export async function killOrphans(clusterName: string, folder: string): Promise<number> {
  const doomed = processes()
    .map(({ pid }) => pid)
    .filter((pid) => {
      const line = commandLine(pid);
      const own = [`\0-D\0${folder}\0`, `\0-D\0${folder}/`];
      return line.startsWith(`postgres: ${clusterName}`) || own.some((argument) => line.includes(argument));
    });
  for (const pid of doomed) send(pid, "SIGKILL");
  await gone(doomed);
  return doomed.length;
}

async function gone(pids: number[]): Promise<void> {
  const left = new Set(pids);
  for (let i = 0; i < 1_000 && left.size > 0; i++) {
    const running = new Set(processes().map(({ pid }) => pid));
    for (const pid of left) if (!running.has(pid)) left.delete(pid);
    if (left.size > 0) await sleep(5);
  }
  if (left.size > 0) throw new Error(`postgres: processes ${[...left].join(", ")} do not end after SIGKILL`);
}

/** Processes that run or are stopped; one that has ended and waits for its parent does not count. */
function processes(): { pid: number; ppid: number }[] {
  const found: { pid: number; ppid: number }[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // The command's name is in brackets and may hold anything; state and parent follow it (proc(5)).
      const [state, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state !== "Z" && state !== "X") found.push({ pid: Number(name), ppid: Number(ppid) });
    } catch {
      // ended meanwhile
    }
  }
  return found;
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
