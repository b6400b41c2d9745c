import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { clearFolder, folderOf, readMade, writeMade, type MadePart } from "./cache";
import { dropGoCaches } from "./go";
import { changeoverHome } from "./home.mjs";
import { withLock } from "./lock.mjs";
import { NotThisWay, type Part } from "./part";

export type { MadePart } from "./cache";
export type { Part, Way } from "./part";

/** Where progress is shown; `StepList` of the driver is one. */
export interface Steps {
  start(id: string, title: string): void;
  note(id: string, note: string): void;
  done(id: string, note?: string): void;
  failed(id: string, note?: string): void;
}

/** What is set up. */
export interface Tools {
  /** Absolute path of an executable. @throws Error for a name that no part has */
  readonly tool: (name: string) => string;
  /** All of them, by name. */
  paths: Record<string, string>;
  /** The part's record: version, and which way it came. */
  readonly part: (name: string) => MadePart;
}

/** Parts that could not be had. The message names each, what was tried and what to install. */
export class SetUpFailed extends Error {
  /** Refused: it says what would satisfy it. */
  readonly exitCode = 3;
  constructor(readonly failures: readonly Failure[]) {
    super(failures.map(describe).join("\n"));
    this.name = "SetUpFailed";
  }
}

export interface Failure {
  part: Part;
  tried: { way: string; reason: string }[];
}

function describe({ part, tried }: Failure): string {
  return [`${part.name} ${part.version} cannot be had`, ...tried.map((t) => `  ${t.way}: ${t.reason}`), `  to go on: ${part.advice}`].join(
    "\n",
  );
}

/**
 * Sets up what is not there yet; with everything in place it is a few file operations. Parts are made one after another (the long ones use
 * every core), under a lock each, so that two checkouts can share the cache.
 *
 * @throws SetUpFailed when parts cannot be had; the others are set up nevertheless
 */
export async function ensure(parts: readonly Part[], steps?: Steps): Promise<Tools> {
  const home = changeoverHome();
  const made = new Map<string, MadePart>();
  const failures: Failure[] = [];
  let built = false;
  for (const part of parts) {
    const there = readMade(part, home);
    if (there) {
      made.set(part.name, there);
      continue;
    }
    const id = `setup:${part.name}`;
    steps?.start(id, `set up ${part.name} ${part.version}`);
    mkdirSync(join(home, "locks"), { recursive: true });
    const result = await withLock(
      join(home, "locks", `${part.name}-${part.version}.lock`),
      async () => readMade(part, home) ?? make(part, home, made, (note) => steps?.note(id, note)),
      (owner) => steps?.note(id, `process ${owner.pid} is at it`),
    );
    if ("tried" in result) {
      failures.push(result);
      steps?.failed(id, result.tried.at(-1)?.reason ?? "");
    } else {
      made.set(part.name, result);
      built ||= result.way === "Go build";
      steps?.done(id, result.version === part.version ? result.way : `${result.way}, ${result.version}`);
    }
  }
  if (built) await dropGoCaches(home);
  if (failures.length > 0) throw new SetUpFailed(failures);
  return toolsOf([...made.values()]);
}

async function make(part: Part, home: string, earlier: Map<string, MadePart>, note: (text: string) => void): Promise<MadePart | Failure> {
  const tried: Failure["tried"] = [];
  for (const way of part.ways) {
    note(way.name);
    try {
      const folder = clearFolder(part, home);
      const site = {
        home,
        folder,
        version: part.version,
        tool: toolsOf([...earlier.values()]).tool,
        note: (text: string) => {
          note(`${way.name}: ${text}`);
        },
      };
      return writeMade(part, way.name, await way.make(site), home);
    } catch (error) {
      tried.push({ way: way.name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { part, tried };
}

function toolsOf(parts: readonly MadePart[]): Tools {
  const paths = Object.assign({}, ...parts.map((part) => part.tools)) as Record<string, string>;
  return {
    paths,
    tool(name) {
      const path = paths[name];
      if (path === undefined) throw new NotThisWay(`${name} is not set up`);
      return path;
    },
    part(name) {
      const found = parts.find((part) => part.part === name);
      if (found === undefined) throw new NotThisWay(`${name} is not set up`);
      return found;
    },
  };
}

/** How a part stands. */
export interface PartReport {
  name: string;
  wanted: string;
  neededFor: Part["neededFor"];
  /** `ready`; `found`: the machine has it, to be taken at the next use; `missing`: to be had at the next use. */
  state: "ready" | "found" | "missing";
  version?: string;
  way?: string;
  tools: Record<string, string>;
  /** For a missing part: what to install where it cannot be had by itself. */
  advice?: string;
}

/** How each part stands, for `doctor`. Sets up nothing. */
export async function inspect(parts: readonly Part[]): Promise<PartReport[]> {
  const home = changeoverHome();
  const ready = parts.map((part) => readMade(part, home)).filter((made) => made !== undefined);
  return Promise.all(
    parts.map(async (part): Promise<PartReport> => {
      const base = { name: part.name, wanted: part.version, neededFor: part.neededFor };
      const made = ready.find((other) => other.part === part.name);
      if (made) return { ...base, state: "ready", version: made.version, way: made.way, tools: made.tools };
      const there = part.ways.find((way) => way.name === "already there");
      try {
        const found = await there?.make({
          home,
          folder: folderOf(part, home),
          version: part.version,
          tool: toolsOf(ready).tool,
          note: () => undefined,
        });
        if (found) return { ...base, state: "found", version: found.version ?? part.version, way: "already there", tools: found.tools };
      } catch {
        // Not there: then it is missing, and `ensure` says why when it fails as well.
      }
      return { ...base, state: "missing", tools: {}, advice: part.advice };
    }),
  );
}
