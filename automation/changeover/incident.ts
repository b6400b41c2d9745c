import { hostname, userInfo } from "node:os";
import { startTimeOf } from "../../setup/process.mjs";
import type { SiteName } from "../../topology/schema";
import { Stopped } from "../errors";
import { Journal, readJournal, type JournalEntry, type JournalRecord } from "../journal";
import type { StepList } from "../steps";
import type { Outputs } from "../pulumi/state";
import type { CopyTarget, JournalCopies } from "./copies";
import type { StepTiming } from "./report";
import { IRREVERSIBLE, stateAfter, type Kind, type State, type Step } from "./table";

/** Which process does it. */
export interface Driver {
  owner: string;
  host: string;
  pid: number;
  /** Ticks since boot. */
  startTime: string;
}

export function thisDriver(): Driver {
  return { owner: userInfo().username, host: hostname(), pid: process.pid, startTime: startTimeOf(process.pid) };
}

/** What an operator asked for, as the journal's first entry has it, so that `resume` can go on with it. */
export interface Opening {
  kind: Kind;
  environment: string;
  request: Record<string, unknown>;
  driver: Driver;
  /** An incident that was left midway, and that this one takes over from once it is approved. */
  supersedes?: Superseded | undefined;
}

/** What a later incident has to know of the one that it takes over from, those before that one included. */
export interface Superseded {
  id: string;
  /** ISO 8601. */
  openedAt: string;
  /** Epoch that it begins; `undefined` where it had not decided yet. */
  epoch?: number | undefined;
  /** The sites between which it moves the role; `undefined` where it does not, or had not decided yet. */
  move?: { from: SiteName; to: SiteName } | undefined;
  /**
   * Whether a promotion was asked for, which may happen yet, or a restored database opened, or the takeover switch of an activated
   * site turned on: there is no way back.
   */
  promoting: boolean;
  /** Whether its target was opened, and may have taken writes that no other site has. */
  opened?: boolean | undefined;
  /** The processes that updated its stacks. */
  engines: Engine[];
}

/** A process that updated a stack, as the journal names it. */
export interface Engine {
  stack: string;
  pid: number;
  /** Ticks since boot; empty where the machine does not tell. */
  startTime: string;
}

interface Kept {
  part: string;
  outputs: Outputs;
}

export function enginesOf(entries: readonly JournalEntry[]): Engine[] {
  return entries.flatMap(({ event, detail }) => (event === "engine" ? [detail as unknown as Engine] : []));
}

/** Events after which an incident is over. */
export const TERMINAL = ["finished", "aborted", "refused", "superseded"] as const;

/** Whether an incident's journal has an end. */
export function isOver(entries: readonly JournalEntry[]): boolean {
  return entries.some(({ event }) => (TERMINAL as readonly string[]).includes(event));
}

/** Whether a journal is a copy that was fetched, which may lack its last entries. */
export function wasFetched(entries: readonly JournalEntry[]): boolean {
  return entries.some(({ event }) => event === FETCHED);
}

/** Said by the machine that fetches a journal from a control bucket. */
export const FETCHED = "fetched";

/** One changeover under way: its journal, its state in the table, the list of steps that the operator sees. */
export class Incident {
  readonly timings: StepTiming[] = [];
  private readonly opened = performance.now();
  private readonly entries: JournalEntry[];
  private readonly copies: JournalCopies[] = [];
  private told = false;
  private closed = false;

  private constructor(
    private readonly journal: Journal,
    readonly opening: Opening,
    readonly list: StepList,
    entries: JournalEntry[],
    readonly resumed: boolean,
  ) {
    this.entries = entries;
  }

  /** Opens the journal of a new incident. */
  static open(file: string, id: string, opening: Opening, list: StepList): Incident {
    const journal = Journal.create(file, id);
    const incident = new Incident(journal, opening, list, [], false);
    incident.note({ event: "opened", detail: { ...opening } });
    return incident;
  }

  /** Goes on with one that a driver left. */
  static resume(file: string, list: StepList): Incident {
    const entries = readJournal(file);
    const opening = openingOf(entries);
    const incident = new Incident(Journal.reopen(file), opening, list, entries, true);
    incident.note({ event: "resumed", detail: { driver: thisDriver(), state: incident.state } });
    return incident;
  }

  get id(): string {
    return this.journal.incident;
  }

  get kind(): Kind {
    return this.opening.kind;
  }

  /** Where its journal is. */
  get file(): string {
    return this.journal.file;
  }

  /** Where its journal is when it is whole: what other files beside it are named after. */
  get path(): string {
    return this.journal.path;
  }

  /** Where the incident is in the table, told by the steps that have ended. */
  get state(): State {
    return stateAfter(
      this.kind,
      this.entries.filter(({ event }) => event === "end").map(({ step }) => step ?? ""),
    );
  }

  /** Whether a step has ended, in this run or an earlier one. */
  has(step: Step): boolean {
    return this.firstOf("end", step) !== undefined;
  }

  /** Whether a step has begun, ended or not. */
  begun(step: Step): boolean {
    return this.firstOf("begin", step) !== undefined;
  }

  /** What the latest end of a step told. */
  detailOf(step: Step): Record<string, unknown> | undefined {
    return this.entries.findLast((entry) => entry.event === "end" && entry.step === step)?.detail;
  }

  /**
   * From the first begin of a step to the first end of another, in whichever run they were. Wall clock, milliseconds.
   * @returns `undefined` where the journal has not both
   */
  period(first: Step, last: Step): { from: number; to: number } | undefined {
    const [begin, end] = [this.firstOf("begin", first), this.firstOf("end", last)];
    return begin && end && { from: Date.parse(begin.at), to: Date.parse(end.at) };
  }

  private firstOf(event: "begin" | "end", step: Step): JournalEntry | undefined {
    return this.entries.find((entry) => entry.event === event && entry.step === step);
  }

  /** When the incident was opened, wall clock. */
  get openedAt(): Date {
    return new Date(this.entries[0]?.at ?? Date.now());
  }

  /** Since when locks and marks may be its own, those of the incident that it took over from included. */
  get ownsSince(): Date {
    return this.opening.supersedes ? new Date(this.opening.supersedes.openedAt) : this.openedAt;
  }

  /** The processes that updated its stacks, those of the incident that it took over from included. */
  get engines(): Engine[] {
    return [...(this.opening.supersedes?.engines ?? []), ...enginesOf(this.entries)];
  }

  /** Stacks' outputs from before the incident changed anything, by part: an update that is cut off may lose them. */
  get outputs(): Record<string, Outputs> {
    const kept = this.entries.filter(({ event }) => event === "outputs").map(({ detail }) => detail as unknown as Kept);
    return Object.fromEntries(kept.map(({ part, outputs }) => [part, outputs]));
  }

  /** Whether it may lack what its driver, on another machine, did last: its journal was fetched from a control bucket. */
  get fetched(): boolean {
    return wasFetched(this.entries);
  }

  /** Whether it may be past its point of no return, as far as its journal can tell. */
  get mayBind(): boolean {
    return this.fetched || this.begun(IRREVERSIBLE[this.kind]);
  }

  /** Writes a stack's outputs down, once. */
  keepOutputs(part: string, outputs: Outputs | undefined): void {
    if (outputs && !(part in this.outputs)) this.note({ event: "outputs", detail: { part, outputs } satisfies Kept });
  }

  /** Milliseconds since this run began. */
  clock(): number {
    return performance.now() - this.opened;
  }

  /** From here on every entry, and those so far, also go to a control bucket. */
  copyTo(copies: JournalCopies): void {
    this.copies.push(copies);
    for (const entry of this.entries) copies.add(entry);
  }

  /** The buckets that it is copied to. */
  get copiedTo(): CopyTarget[] {
    return this.copies.map(({ target }) => target);
  }

  /** Writes an entry; waits for a copy only where the disk does not take it. @throws Stopped where neither does */
  async record(record: JournalRecord): Promise<void> {
    this.note(record);
    if (!this.journal.broken) return;
    const failures = await Promise.all(this.copies.map((copies) => copies.flush()));
    if (failures.every((failure) => failure !== undefined)) {
      const why = failures.map(({ message }) => message).join("; ") || "none is known yet";
      throw new Stopped(
        `the journal can be written nowhere: ${this.file}: ${this.journal.broken.message}; control bucket: ${why}`,
        "free space on that disk, or point CHANGEOVER_JOURNALS at another one, then: changeover resume",
      );
    }
    if (!this.told) this.list.warn(`${this.file}: ${this.journal.broken.message}; the journal goes on in the control bucket`);
    this.told = true;
  }

  /** One step of the table: begin, run, end. What `run` returns is the end's detail. */
  async step(step: Step, title: string, run: () => Promise<Record<string, unknown> | undefined>, budgetMs?: number): Promise<void> {
    const startedMs = this.clock();
    this.list.start(step, title, budgetMs);
    await this.record({ event: "begin", step });
    try {
      const { note, ...detail } = (await run()) ?? {};
      await this.record({ event: "end", step, detail });
      this.list.done(step, typeof note === "string" ? note : undefined);
      this.timings.push({ step, startedMs: Math.round(startedMs), tookMs: Math.round(this.clock() - startedMs) });
    } catch (error) {
      this.list.failed(step);
      throw error;
    }
  }

  /** The last entry; then all that is to be copied is. */
  async finish(record: JournalRecord & { event: (typeof TERMINAL)[number] | "stopped" }): Promise<void> {
    this.note(record);
    const over = isOver(this.entries);
    await Promise.all(
      this.copies.map(async (copies) => {
        const failure = await copies.end(over);
        if (failure) this.list.warn(`the journal could not be copied to ${copies.target.site}'s control bucket: ${failure.message}`);
      }),
    );
    this.closed = true;
    this.journal.close();
  }

  /** Writes an entry and waits for nothing. What work that ran beside a failed step tells after the end goes nowhere. */
  note(record: JournalRecord): void {
    if (this.closed) return;
    const entry = this.journal.append(record);
    this.entries.push(entry);
    for (const copies of this.copies) copies.add(entry);
  }
}

/** What a journal's first entry says. @throws where it is no incident's */
export function openingOf(entries: JournalEntry[]): Opening {
  const [first] = entries;
  const detail = first?.detail as Opening | undefined;
  if (first?.event !== "opened" || detail?.kind === undefined) throw new Error("the journal does not begin with an opened incident");
  return detail;
}
