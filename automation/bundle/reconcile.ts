import { existsSync, readdirSync, readFileSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { BadInput } from "../../topology/errors";
import { TERMINAL } from "../changeover/incident";
import { Refused } from "../errors";
import type { Environment } from "../facts";
import { readJournal } from "../journal";
import type { StepList } from "../steps";
import { JOURNALS, MADE } from "./contents";
import { nameOf } from "../pulumi/urn";
import { differences, epochOf, type Exported } from "./deployment";
import { readManifest, verifyBundle } from "./manifest";
import { exportAll, openBundle } from "./write";

export interface Reconciled {
  environment: string;
  /** The highest epoch that the bundle knows. */
  epoch: number;
  /** Stacks whose state went into the backend now. */
  imported: string[];
  /** Stacks that the bundle had moved and the backend has already. */
  alreadyThere: string[];
  unmoved: string[];
  /** Config values written to the checkout, by stack. */
  config: Record<string, Record<string, string | null>>;
  /** Journals copied. */
  journals: string[];
}

const FINISH = "finish it from the bundle first: node bin/changeover.mjs resume";

/** A stack as three see it: the bundle when it was made, the bundle now, the backend now. */
interface Part {
  part: string;
  made: Exported;
  mine: Exported;
  theirs: Exported;
  /** Secret config values of the checkout that are not those that the bundle was made with: `changeover:appPassword`. */
  newSecrets: string[];
}

/**
 * Brings into the backend what was done from a bundle: the state of the stacks that it moved, their config, the journals.
 * Everything is checked before anything is written, and what is there already is left: it can be run again.
 * @param journals folder that the journals are copied to
 * @throws Refused where the backend has moved on since the bundle was made
 */
export async function reconcile(env: Environment, folder: string, journals: string, steps: StepList): Promise<Reconciled> {
  const { workspace } = env;
  const { environment, parts } = await readManifest(folder);
  if (environment !== workspace.environment) {
    throw new BadInput([{ path: "-e", value: workspace.environment, message: `${environment}: the bundle is of that environment` }]);
  }

  steps.start("compare", "Compare the bundle with the backend");
  const harmed = (await verifyBundle(folder)).changed.filter((path) => path.startsWith(`${MADE}/`));
  if (harmed.length > 0) {
    throw new Refused(
      `${harmed.join(", ")} of the bundle is not as it was made`,
      "take the copy of the bundle that the changeover was run from",
    );
  }
  const own = await openBundle(folder, environment);
  const theirs = await exportAll(env);
  const compared = await Promise.all(
    parts.map(async (part): Promise<Part> => {
      const made = JSON.parse(await readFile(join(folder, MADE, `${part}.json`), "utf8")) as Exported;
      const theirState = theirs[part];
      if (!theirState)
        throw new Refused(`the topology has no ${part} any more, and the bundle has`, "take the topology that the bundle was made with");
      return {
        part,
        made,
        mine: await own.exportState(part),
        theirs: theirState,
        newSecrets: newSecrets(folder, workspace.root, workspace.stackName(part)),
      };
    }),
  );
  const { moved, alreadyThere, unmoved, epoch } = decide(compared, (part) => workspace.stackName(part));
  const config = configChanges(folder, workspace.root, environment, parts);
  const copies = journalCopies(join(folder, JOURNALS), journals);
  steps.done("compare", `${moved.length + alreadyThere.length} stacks were moved from the bundle`);

  steps.start("import", "Import what was moved");
  // What is replaced stays at hand: an import keeps no copy in every backend.
  const replaced = join(folder, "replaced");
  if (moved.length > 0) await mkdir(replaced, { recursive: true, mode: 0o700 });
  for (const { part, mine, theirs: before } of moved) {
    await writeFile(join(replaced, `${part}.json`), `${JSON.stringify(before, null, 2)}\n`, { mode: 0o600 });
    await workspace.importState(part, mine);
  }
  for (const [part, values] of Object.entries(config)) {
    await workspace.configure(part, Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value ?? undefined])));
  }
  if (copies.length > 0) await mkdir(journals, { recursive: true, mode: 0o700 });
  for (const name of copies) await copyFile(join(folder, JOURNALS, name), join(journals, name));
  steps.done("import", `${moved.length} stacks, ${copies.length} journals`);

  const names = (list: Part[]): string[] => list.map(({ part }) => workspace.stackName(part));
  return {
    environment,
    epoch,
    imported: names(moved),
    alreadyThere: names(alreadyThere),
    unmoved: names(unmoved),
    config: Object.fromEntries(Object.entries(config).map(([part, values]) => [workspace.stackName(part), values])),
    journals: copies,
  };
}

/** Pure: which stacks go into the backend. @throws Refused where that would undo what the backend knows */
export function decide(
  parts: readonly Part[],
  stackName: (part: string) => string,
): { moved: Part[]; alreadyThere: Part[]; unmoved: Part[]; epoch: number } {
  const epoch = Math.max(...parts.map(({ mine }) => epochOf(mine)));
  const ahead = parts.find(({ theirs }) => epochOf(theirs) > epoch);
  if (ahead) {
    throw new Refused(
      `${stackName(ahead.part)} has reached epoch ${epochOf(ahead.theirs)} in the backend, and the bundle knows of epoch ${epoch}: the service has moved again since`,
      "leave the backend as it is; the bundle is history. Its journals are in its journals folder",
    );
  }
  const unfinished = parts.filter(({ mine }) => (mine.deployment.pending_operations ?? []).length > 0);
  if (unfinished.length > 0) {
    throw new Refused(
      `operations are pending in the bundle's ${unfinished.map(({ part }) => stackName(part)).join(", ")}: the changeover has not come to its end`,
      FINISH,
    );
  }
  const unmoved = parts.filter(({ made, mine }) => differences(made, mine).length === 0);
  const touched = parts.filter((part) => !unmoved.includes(part));
  const alreadyThere = touched.filter(({ mine, theirs }) => differences(mine, theirs).length === 0);
  const moved = touched.filter((part) => !alreadyThere.includes(part));
  for (const { part, made, theirs, newSecrets } of moved) {
    const others = [...differences(made, theirs).map(nameOf), ...newSecrets];
    if (others.length === 0) continue;
    const shown = others.slice(0, 5).join(", ");
    throw new Refused(
      `${stackName(part)} was changed in the backend after the bundle was made: ${shown}${others.length > 5 ? ` and ${others.length - 5} more` : ""}; importing the bundle's state would forget that`,
      `keep the backend's state and tell it what happened: set changeover:activeSite and changeover:epoch ${epoch} in its config as the bundle has them, then pulumi refresh -s ${stackName(part)} and pulumi up -s ${stackName(part)}`,
    );
  }
  return { moved, alreadyThere, unmoved, epoch };
}

/**
 * Plain values that the bundle's use changed, by part; `null` for a key that it removed.
 * @throws Refused where the checkout has meanwhile set the same key to something else
 */
function configChanges(folder: string, root: string, environment: string, parts: readonly string[]): Reconciled["config"] {
  const changes: Reconciled["config"] = {};
  for (const part of parts) {
    const file = `Pulumi.${environment}-${part}.yaml`;
    const [made, mine, here] = [join(folder, MADE, file), join(folder, file), join(root, file)].map(plainConfig);
    for (const key of new Set([...Object.keys(made ?? {}), ...Object.keys(mine ?? {})])) {
      const [was, is, now] = [made?.[key], mine?.[key], here?.[key]];
      if (is === was || is === now) continue;
      if (now !== was) {
        throw new Refused(
          `${file}: changeover:${key} is ${JSON.stringify(now)}; the bundle began with ${JSON.stringify(was)} and came to ${JSON.stringify(is)}`,
          `set it to ${JSON.stringify(was)} or to ${JSON.stringify(is)}`,
        );
      }
      (changes[part] ??= {})[key] = is ?? null;
    }
  }
  return changes;
}

/** Names of the secrets that were set anew in the checkout; a ciphertext changes with each setting. */
function newSecrets(folder: string, root: string, stackName: string): string[] {
  const [made, here] = [join(folder, MADE), root].map((where) => readConfig(join(where, `Pulumi.${stackName}.yaml`)));
  return Object.keys({ ...made, ...here }).filter((key) => {
    const values = [made?.[key], here?.[key]];
    return values.some((value) => typeof value === "object") && JSON.stringify(values[0]) !== JSON.stringify(values[1]);
  });
}

function readConfig(file: string): Record<string, unknown> {
  if (!existsSync(file)) return {};
  const { config = {} } = (parse(readFileSync(file, "utf8")) ?? {}) as { config?: Record<string, unknown> };
  return config;
}

function plainConfig(file: string): Record<string, string> {
  const config = readConfig(file);
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key, value]) => key.startsWith("changeover:") && typeof value !== "object")
      .map(([key, value]) => [key.slice("changeover:".length), String(value)]),
  );
}

/**
 * Names of the journals that are not there yet.
 * @throws where one of them was altered; Refused for a namesake, and while the last changeover has no end
 */
function journalCopies(from: string, to: string): string[] {
  if (!existsSync(from)) return [];
  const names = readdirSync(from)
    .filter((name) => name.endsWith(".jsonl"))
    .sort();
  const last = names
    .filter((name) => /^DR-[^.]+\.jsonl$/.test(name))
    .map((name) => ({ name, entries: readJournal(join(from, name)) }))
    .findLast(({ entries }) => entries[0]?.event === "opened" && !entries.some(({ event }) => event === "refused"));
  if (last?.entries.some(({ event }) => (TERMINAL as readonly string[]).includes(event)) === false) {
    throw new Refused(`${last.name} of the bundle has no end: the changeover has not come to its own`, FINISH);
  }
  return names.filter((name) => {
    if (!existsSync(join(to, name))) return true;
    if (readFileSync(join(to, name), "utf8") === readFileSync(join(from, name), "utf8")) return false;
    throw new Refused(`${join(to, name)} is another journal of that name`, "move it away");
  });
}
