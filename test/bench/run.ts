import { spawn } from "node:child_process";

export interface RunOptions {
  cwd: string;
  env: Record<string, string>;
  /** Ends the process and all that it started. */
  signal: AbortSignal;
  /** Called with its pid as soon as it has one. */
  onStart?: (pid: number) => void;
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Just before it was started, milliseconds of the wall clock. */
  startedAt: number;
  tookMs: number;
}

/** Runs a program to its end, in a process group of its own, and takes the time from just before it is started. */
export function runProgram(command: string, args: readonly string[], { cwd, env, signal, onStart }: RunOptions): Promise<Ran> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const startedAt = Date.now();
    const begun = performance.now();
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const end = (): void => {
      // Until it is reaped its group exists, and then nobody listens any more.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    };
    signal.addEventListener("abort", end);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    if (child.pid !== undefined) onStart?.(child.pid);
    child.once("exit", () => {
      signal.removeEventListener("abort", end);
    });
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code, stdout, stderr, startedAt, tookMs: performance.now() - begun });
    });
  });
}
