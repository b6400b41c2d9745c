import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { BadInput } from "../../topology/errors";
import type { SiteName } from "../../topology/schema";
import { Refused } from "../errors";
import type { Environment } from "../facts";
import { processLives } from "../../setup/process.mjs";
import { Journal, PARTIAL, entriesOf, readJournal, type JournalEntry } from "../journal";
import type { StepList } from "../steps";
import { forgetOpen, JournalCopies, openCopies, readCopies, type CopyTarget } from "./copies";
import { FETCHED, openingOf, isOver, type Incident, type Opening } from "./incident";
import { isKnown, journalFile, journalOf, openIncident, partialJournals } from "./incidents";

/** A changeover without an end whose journal is in a control bucket and not on this machine. */
export interface Elsewhere {
  id: string;
  site: SiteName;
  opening: Opening;
  /** ISO 8601. */
  openedAt: string;
}

/** Where journals of changeovers may have been copied to: the control buckets of these sites. @default every site */
export function controlBuckets({ topology, names }: Environment, sites?: readonly SiteName[]): CopyTarget[] {
  return Object.entries(topology.sites)
    .filter(([site]) => !sites || sites.includes(site))
    .map(([site, { region }]) => ({ site, region, bucket: names.site(site).controlBucket }));
}

/**
 * The changeovers that another machine began and did not end, as a control bucket has them.
 * @throws where it cannot be read
 */
export async function openElsewhere(env: Environment, target: CopyTarget): Promise<Elsewhere[]> {
  const { environment } = env.workspace;
  const strange = (await openCopies(target)).filter((id) => !isKnown(environment, id));
  return (await Promise.all(strange.map((id) => lookAt(target, id)))).flat();
}

/** From here on the incident's journal is copied to the control buckets of these sites. */
export function copyJournal(env: Environment, incident: Incident, ...sites: SiteName[]): void {
  for (const target of controlBuckets(env, sites)) incident.copyTo(new JournalCopies(target, incident.id));
}

/**
 * Tells the buckets that an incident is copied to what those that it took over from have come to: to another machine they
 * would be without an end.
 */
export async function copySuperseded(env: Environment, incident: Incident): Promise<void> {
  // Until it was approved it took nothing over.
  if (!incident.has("approve")) return;
  const { opening, copiedTo, list } = incident;
  for (let before = opening.supersedes; before;) {
    const { id } = before;
    const journal = journalOf(env.workspace.environment, id);
    const entries = journal ? readJournal(journal.file) : [];
    // The disk that did not take it whole is not asked how it ended, but this one has.
    const over = isOver(entries) ? entries : [];
    await Promise.all(
      copiedTo.map(async (target) => {
        const copies = new JournalCopies(target, id);
        for (const entry of over) copies.add(entry);
        const failure = await copies.end(true);
        if (failure) list.warn(`that ${id} is over could not be said in ${target.site}'s control bucket: ${failure.message}`);
      }),
    );
    before = entries.length > 0 ? openingOf(entries).supersedes : undefined;
  }
}

async function lookAt(target: CopyTarget, id: string): Promise<Elsewhere[]> {
  const entries = entriesOf(await readCopies(target, id), `${target.bucket}: ${id}`);
  const [first] = entries;
  if (first && !isOver(entries)) return [{ id, site: target.site, opening: openingOf(entries), openedAt: first.at }];
  await forgetOpen(target, id);
  return [];
}

/** Words for what another machine began. */
export function describeElsewhere({ id, site, opening, openedAt }: Elsewhere): string {
  const { kind, driver } = opening;
  return `${id}, a ${kind} that ${driver.owner} began on ${driver.host} (pid ${driver.pid}) at ${openedAt}, has no end; its journal is in ${site}'s control bucket`;
}

/**
 * Takes the journal of a changeover, whose driver ran on another machine, from a site's control bucket. It may lack what that
 * driver did last, and says so from then on.
 * @param wanted @default the newest that has no end
 * @throws BadInput for a site that is none; Refused where the bucket has no such journal
 */
export async function fetchJournal(env: Environment, site: SiteName, wanted: string | undefined, list: StepList): Promise<void> {
  const [target] = controlBuckets(env, [site]);
  if (!target) {
    const sites = Object.keys(env.topology.sites).join(", ");
    throw new BadInput([{ path: "--from", value: site, message: `a site of the topology: ${sites}` }]);
  }
  list.start("fetch", `Read the journal in ${target.bucket}`);
  const open = await openCopies(target);
  const incident = wanted ?? open.at(-1);
  const lines = incident === undefined || !open.includes(incident) ? [] : await readCopies(target, incident);
  if (incident === undefined || lines.length === 0)
    throw new Refused(`${target.bucket} has no journal ${wanted === undefined ? "" : `of ${wanted} `}without an end`, "name another site");
  const file = journalFile(env.workspace.environment, incident);
  if (existsSync(file)) throw new Refused(`${file} exists: this machine has that changeover's journal`, "leave --from out");
  write(file, entriesOf(lines, `${target.bucket}: ${incident}`));
  const journal = Journal.reopen(file);
  journal.append({ event: FETCHED, detail: { from: target.bucket } });
  journal.close();
  list.done("fetch", `${incident}, ${lines.length} entries`);
}

/**
 * Completes the journals that this machine's disk did not take whole, from their copies. What such a journal lacks may be
 * that a database was promoted: nobody may decide by it.
 * @throws Refused where a copy cannot be read
 */
export async function completeJournals(env: Environment, list: StepList): Promise<void> {
  for (const incident of partialJournals(env.workspace.environment)) {
    const { environment } = env.workspace;
    const file = journalFile(environment, incident);
    // Before its first entry is on the disk only its name says whose it is.
    const pid = Number(incident.split("-").at(-1));
    if (openIncident(environment, incident)?.running ?? processLives({ pid, startTime: "" })) {
      throw new Refused(`${incident} is under way, by process ${pid}`, "wait for it, or end that process first");
    }
    list.start(incident, `Complete the journal of ${incident}`);
    const copied = await Promise.all(controlBuckets(env).map((target) => readCopies(target, incident))).catch((error: unknown) => {
      throw new Refused(
        `${file}${PARTIAL} lacks entries, as its disk was full, and its copy cannot be read: ${(error as Error).message}`,
        "bring that region back; a failover needs no old journal",
      );
    });
    const lines = copied.reduce((longest, each) => (each.length > longest.length ? each : longest), []);
    const here = readFileSync(file + PARTIAL, "utf8")
      .split("\n")
      .slice(0, -1);
    // Where nothing took an entry the driver stopped before it acted.
    const whole = lines.length > here.length ? lines : here;
    if (!here.every((line, i) => line === whole[i])) throw new Error(`${file}${PARTIAL} and its copy are two journals`);
    if (whole.length > 0) write(file, entriesOf(whole, file));
    rmSync(file + PARTIAL);
    list.done(incident, `${whole.length - here.length} entries`);
  }
}

function write(file: string, entries: JournalEntry[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""), { mode: 0o600 });
}
