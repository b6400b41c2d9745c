import { spawn } from "node:child_process";
import { join } from "node:path";

export const ROOT = join(__dirname, "..", "..");

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. @param env added to this process's */
export function run(command: string, args: string[], env: Record<string, string> = {}, cwd = ROOT): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

/** The command as a user types it. */
export function changeover(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return run(process.execPath, [join(ROOT, "bin", "changeover.mjs"), ...args], env);
}

/** Brings a lab up. @param args more of the command line @returns the environment that points at it @throws with what it printed */
export async function labUp(args: readonly string[] = []): Promise<Record<string, string>> {
  const up = await changeover(["lab", "up", ...args]);
  if (up.code !== 0) throw new Error(`lab up ended with ${up.code}:\n${up.stderr}\n${up.stdout}`);
  return JSON.parse((await changeover(["lab", "env", "--json"])).stdout) as Record<string, string>;
}

/** Whether a preview by plain `pulumi` finds nothing to do; else what it said. */
export async function clean(stack: string, env: Record<string, string>): Promise<string> {
  const preview = await run("pulumi", ["preview", "--stack", stack, "--expect-no-changes", "--non-interactive"], env);
  return preview.code === 0 ? "clean" : preview.stdout + preview.stderr;
}
