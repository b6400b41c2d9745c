import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { changeoverHome } from "../../setup/home.mjs";
import { processLives } from "../../setup/process.mjs";
import { hostname } from "node:os";
import type { SiteName } from "../../topology/schema";
import { PARTIAL, readJournal, type JournalEntry } from "../journal";
import { enginesOf, isOver, openingOf, wasFetched, type Engine, type Opening, type Superseded } from "./incident";
import { binds, stateAfter, type State } from "./table";

/** An incident that has no end in its journal. */
export interface OpenIncident extends Superseded {
  file: string;
  opening: Opening;
  state: State;
  /** Whether its driver, or that of its last resume, still runs on this machine. */
  running: boolean;
  /** Its disk did not take all of it; its copy in a control bucket says how far it came. */
  partial: boolean;
  /** It is such a copy, from another machine, and may lack that one's last entries. */
  fetched: boolean;
}

/** Where the journal of an incident is, and whether its disk did not take all of it. */
interface JournalPlace {
  id: string;
  file: string;
  partial: boolean;
}

/** Journals live outside the checkout, so that a changeover leaves it clean: CHANGEOVER_JOURNALS, or the cache folder. */
export function journalFolder(environment: string): string {
  return process.env["CHANGEOVER_JOURNALS"] ?? join(changeoverHome(), "journals", environment);
}

/** A name that sorts by time and no second driver has. */
export function newIncidentId(): string {
  return `DR-${new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15)}-${process.pid}`;
}

export function journalFile(environment: string, incident: string): string {
  return join(journalFolder(environment), `${incident}.jsonl`);
}

/**
 * The incident of an environment that has no end. Every journal is looked at: one whose driver had a wrong clock does not
 * stand in its order.
 * @param wanted only this one
 * @throws where its journal was altered
 */
export function openIncident(environment: string, wanted?: string): OpenIncident | undefined {
  const journals = journalsIn(environment).map((journal) => ({ ...journal, entries: readJournal(journal.file) }));
  const taken = new Set(journals.flatMap(({ entries }) => takenOver(entries)));
  const open = journals.findLast(
    ({ id, entries }) =>
      // Another record, an operator's confirmation for one, is no changeover.
      entries[0]?.event === "opened" && !isOver(entries) && !taken.has(id) && (wanted === undefined || id === wanted),
  );
  return open && { ...describeOpen(open.id, open.file, open.entries), partial: open.partial };
}

/** What one that takes over from it has to know. A journal that may lack its last entries is taken for the worst. */
export function toTakeOver({ id, openedAt, epoch, move, engines, promoting, opened, partial, fetched }: OpenIncident): Superseded {
  const unsure = partial || fetched;
  return { id, openedAt, epoch, move, engines, promoting: promoting || unsure, opened: opened === true || unsure };
}

/** The incident that this one took over from, once it was approved. */
function takenOver(entries: JournalEntry[]): string[] {
  const [first] = entries;
  const before = (first?.detail as Opening | undefined)?.supersedes;
  return before && entries.some(({ event, step }) => event === "end" && step === "approve") ? [before.id] : [];
}

/** The processes with which the changeovers that this machine has journals of updated stacks; one that was altered tells of none. */
export function knownEngines(environment: string): Engine[] {
  return journalsIn(environment).flatMap(({ file }) => {
    try {
      return enginesOf(readJournal(file));
    } catch {
      return [];
    }
  });
}

/** Whether this machine has the journal of an incident, whole or not. */
export function isKnown(environment: string, incident: string): boolean {
  return journalOf(environment, incident) !== undefined;
}

/** The journal of an incident, whole or not; `undefined` where this machine has none. */
export function journalOf(environment: string, incident: string): JournalPlace | undefined {
  return journalsIn(environment).find(({ id }) => id === incident);
}

/** Incidents whose journals lack entries that their disk did not take. */
export function partialJournals(environment: string): string[] {
  return journalsIn(environment).flatMap(({ id, partial }) => (partial ? [id] : []));
}

/** The journals that this machine has, the oldest first. */
export function journalsIn(environment: string): JournalPlace[] {
  const folder = journalFolder(environment);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const partial = name.endsWith(PARTIAL);
      const [, id] = /^(DR-[^.]+)\.jsonl$/.exec(partial ? name.slice(0, -PARTIAL.length) : name) ?? [];
      return id === undefined ? [] : [{ id, file: join(folder, name), partial }];
    });
}

function describeOpen(id: string, file: string, entries: JournalEntry[]): Omit<OpenIncident, "partial"> {
  const opening = openingOf(entries);
  const resumed = entries.findLast(({ event }) => event === "resumed")?.detail as { driver: Opening["driver"] } | undefined;
  const driver = resumed?.driver ?? opening.driver;
  const ended = entries.filter(({ event }) => event === "end").map(({ step }) => step ?? "");
  const assessed = entries.findLast(({ event, step }) => event === "end" && step === "assess")?.detail;
  const decided = assessed?.["decision"] as Partial<{ epoch: number; from: SiteName; to: SiteName }> | undefined;
  const { from, to } = decided ?? {};
  const before = opening.supersedes;
  const begun = entries.filter(({ event }) => event === "begin").map(({ step }) => step);
  const here = driver.host === hostname() && driver.pid !== process.pid;
  return {
    id,
    file,
    opening,
    state: stateAfter(opening.kind, ended),
    openedAt: before?.openedAt ?? entries[0]?.at ?? "",
    epoch: decided?.epoch ?? before?.epoch,
    move: from !== undefined && to !== undefined && from !== to ? { from, to } : before?.move,
    engines: [...(before?.engines ?? []), ...enginesOf(entries)],
    promoting: before?.promoting === true || begun.some((step) => binds(opening.kind, step)),
    opened: before?.opened === true || begun.includes("open"),
    fetched: wasFetched(entries),
    running: here && entries.at(-1)?.event !== "stopped" && processLives(driver),
  };
}
