import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { NotThisWay } from "./part";

export interface RunOptions {
  cwd?: string;
  /** Added to this process's environment. */
  env?: Record<string, string>;
  /** Each line of standard error, as it comes. */
  onLine?: (line: string) => void;
  /** Default: none. */
  timeoutMs?: number;
}

/** Runs a command to its end. @returns its standard output @throws NotThisWay with the end of what it said, when it fails */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  });
  let stdout = "";
  let said = "";
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-8_000);
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) options.onLine?.(line);
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (...end) => {
      resolve(end);
    });
  });
  if (code === 0) return stdout;
  throw new NotThisWay(`${command} ${args.slice(0, 2).join(" ")} ended with ${code ?? signal}: ${lastLines(said || stdout)}`);
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join(" / ").slice(-400);
}

/** Every executable of that name on PATH, best first. */
export function onPath(name: string): string[] {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .filter(isExecutable);
}

/** The executable of that name on PATH. @throws NotThisWay when there is none */
export function needOnPath(name: string): string {
  const [first] = onPath(name);
  if (first === undefined) throw new NotThisWay(`no ${name} on PATH`);
  return first;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
