import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { changeoverHome } from "../../setup/home.mjs";
import { processLives } from "../../setup/process.mjs";
import { hostname } from "node:os";
import { readJournal, type JournalEntry } from "../journal";
import { openingOf, TERMINAL, type Opening } from "./incident";
import { stateAfter, type State } from "./table";

/** An incident that has no end in its journal. */
export interface OpenIncident {
  id: string;
  file: string;
  opening: Opening;
  state: State;
  /** ISO 8601. */
  openedAt: string;
  /** Whether a promotion was asked for, by it or by one that it took over from: it may happen yet. */
  promoting: boolean;
  /** Whether its driver, or that of its last resume, still runs on this machine. */
  running: boolean;
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
  const folder = journalFolder(environment);
  if (!existsSync(folder)) return undefined;
  const ids = readdirSync(folder).flatMap((name) => /^(DR-[^.]+)\.jsonl$/.exec(name)?.[1] ?? []);
  for (const id of wanted === undefined ? ids.sort().reverse() : ids.filter((other) => other === wanted)) {
    const file = join(folder, `${id}.jsonl`);
    const entries = readJournal(file);
    const end = entries.findLast(({ event }) => (TERMINAL as readonly string[]).includes(event))?.event;
    // Another record, an operator's confirmation for one, is no changeover.
    if (entries[0]?.event === "opened" && end === undefined) return describeOpen(id, file, entries);
  }
  return undefined;
}

function describeOpen(id: string, file: string, entries: JournalEntry[]): OpenIncident {
  const opening = openingOf(entries);
  const resumed = entries.findLast(({ event }) => event === "resumed")?.detail as { driver: Opening["driver"] } | undefined;
  const driver = resumed?.driver ?? opening.driver;
  const ended = entries.filter(({ event }) => event === "end").map(({ step }) => step ?? "");
  const here = driver.host === hostname() && driver.pid !== process.pid;
  return {
    id,
    file,
    opening,
    state: stateAfter(opening.kind, ended),
    openedAt: opening.supersedes?.openedAt ?? entries[0]?.at ?? "",
    promoting: opening.supersedes?.promoting === true || entries.some(({ event, step }) => event === "begin" && step === "promote"),
    running: here && entries.at(-1)?.event !== "stopped" && processLives(driver),
  };
}
