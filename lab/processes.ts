import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startTimeOf } from "../setup/process.mjs";

export interface ProcessSpec {
  /** Unique in the lab; file-name characters. Also the name of its log, `<folder>/logs/<name>.log`. */
  name: string;
  /** Region that takes it down with itself; `undefined` for what belongs to no region. */
  region?: string;
  command: string;
  args: string[];
  /** The whole environment; nothing is inherited but PATH, HOME and LANG. */
  env?: Record<string, string>;
  cwd?: string;
  uid?: number;
  gid?: number;
}

export interface LabProcess {
  readonly spec: ProcessSpec;
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `graceMs` (default 5000). */
  end(graceMs?: number): Promise<void>;
}

interface Entry {
  pid: number;
  startTime: string;
  command: string;
}

/**
 * Child processes of the lab, each leader of its own group and written down with its start time, so that a lab that
 * was killed can be cleaned up by the next one without ending a stranger that has got the same pid.
 */
export class ProcessTable {
  private readonly live = new Map<string, LabProcess>();

  constructor(private readonly folder: string) {
    mkdirSync(this.records, { recursive: true });
    mkdirSync(join(folder, "logs"), { recursive: true });
  }

  private get records(): string {
    return join(this.folder, "run");
  }

  spawn(spec: ProcessSpec): LabProcess {
    if (this.live.has(spec.name)) throw new Error(`process ${spec.name} runs already`);
    const log = openSync(join(this.folder, "logs", `${spec.name}.log`), "a");
    const { PATH = "/usr/bin:/bin", HOME = "/", LANG = "C.UTF-8" } = process.env;
    let child: ChildProcess;
    try {
      child = spawn(spec.command, spec.args, {
        cwd: spec.cwd ?? "/",
        env: { PATH, HOME, LANG, ...spec.env },
        stdio: ["ignore", log, log],
        detached: true,
        ...(spec.uid === undefined ? {} : { uid: spec.uid }),
        ...(spec.gid === undefined ? {} : { gid: spec.gid }),
      });
    } finally {
      closeSync(log);
    }
    const pid = child.pid;
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        resolve({ code, signal });
      });
    });
    if (pid === undefined) {
      ended.catch(() => undefined);
      throw new Error(`${spec.command} did not start`);
    }
    this.write(spec.name, { pid, startTime: startTimeOf(pid), command: spec.command });
    const entry: LabProcess = {
      spec,
      pid,
      ended,
      signal: (signal) => {
        signalGroup(pid, signal);
      },
      end: async (graceMs = 5_000) => {
        signalGroup(pid, "SIGCONT");
        signalGroup(pid, "SIGTERM");
        const timer = setTimeout(() => {
          signalGroup(pid, "SIGKILL");
        }, graceMs);
        await ended;
        clearTimeout(timer);
      },
    };
    this.live.set(spec.name, entry);
    void ended.finally(() => {
      if (this.live.get(spec.name) === entry) this.live.delete(spec.name);
      rmSync(join(this.records, `${spec.name}.json`), { force: true });
    });
    return entry;
  }

  get(name: string): LabProcess | undefined {
    return this.live.get(name);
  }

  list(region?: string): LabProcess[] {
    return [...this.live.values()].filter((p) => region === undefined || p.spec.region === region);
  }

  private write(name: string, entry: Entry): void {
    writeFileSync(join(this.records, `${name}.json`), JSON.stringify(entry));
  }

  /** Ends what an earlier lab of this folder left behind. @returns how many processes that were */
  static async sweep(folder: string): Promise<number> {
    const records = join(folder, "run");
    let names: string[] = [];
    try {
      names = readdirSync(records).filter((name) => name.endsWith(".json"));
    } catch {
      return 0;
    }
    let count = 0;
    for (const name of names) {
      const file = join(records, name);
      const entry = JSON.parse(readFileSync(file, "utf8")) as Entry;
      if (entry.startTime !== "" && startTimeOf(entry.pid) === entry.startTime) {
        signalGroup(entry.pid, "SIGKILL");
        count += 1;
        for (let i = 0; i < 100 && startTimeOf(entry.pid) === entry.startTime; i++) await sleep(20);
      }
      rmSync(file, { force: true });
    }
    return count;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
