import { PulumiCommand } from "@pulumi/pulumi/automation";
import { SemVer } from "semver";
import { run } from "../../setup/run";

/** How the Automation API itself calls the CLI, with its errors in their classes; the package's types leave it out. */
export interface Runner {
  run(args: string[], cwd: string, env: Record<string, string>): Promise<{ stdout: string }>;
}

/**
 * The CLI of a version that is known: `PulumiCommand.get` starts it once to ask, for a quarter of a second of every verb. The
 * set-up has asked, and takes no other version.
 */
export function commandOf(path: string, version: string): PulumiCommand {
  const Known = PulumiCommand as unknown as new (command: string, version: SemVer) => PulumiCommand;
  return new Known(path, new SemVer(version));
}

/** The process of a stack's update that this one started; `undefined` where it is over, or the machine does not tell. */
export async function engineOf(stackName: string): Promise<number | undefined> {
  const processes = await run("ps", ["-A", "-o", "pid=,ppid=,args="]).catch(() => "");
  for (const line of processes.split("\n")) {
    const [, pid, parent, args = ""] = /^\s*(\d+)\s+(\d+)\s+(.+)$/.exec(line) ?? [];
    if (Number(parent) === process.pid && args.includes("pulumi") && args.includes(` up `) && args.split(/\s+/).includes(stackName)) {
      return Number(pid);
    }
  }
  return undefined;
}
