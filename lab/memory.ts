import { descendantsOf, readProc } from "./process-tree";

/**
 * Memory of processes and all their descendants, in bytes: the proportional set size, which counts a page that several
 * share once (proc(5), smaps_rollup). What has ended meanwhile counts nothing.
 */
export function memoryOf(roots: number[]): number {
  return [...new Set([...roots, ...descendantsOf(roots)])].reduce((sum, pid) => sum + proportional(pid), 0);
}

function proportional(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readProc(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1_024;
}
