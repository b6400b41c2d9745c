import { setTimeout as sleep } from "node:timers/promises";
import type { ClientBase } from "pg";
import type { Epoch } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import { decide, overtakenIn, type Decision, type Switch } from "./decide";
import type { Settings } from "./settings";
import { endSessions, fenceWrites, openWrites, readWrites, renewLease, type Writes } from "./writes";

/** What a guard needs from outside. */
export interface Surroundings {
  readSwitches(): Promise<Record<SiteName, Switch>>;
  /** Turns the site's own switch off, unless it is of a later epoch. @returns what became of it, in words */
  turnOwnSwitchOff(upTo: Epoch): Promise<string>;
  withDatabase<T>(work: (client: ClientBase) => Promise<T>): Promise<T>;
  log(message: string, more: Record<string, unknown>): void;
}

/** The last round that came to its end. */
export interface Round {
  at: Date;
  tookMs: number;
  decision: Decision;
  /** What was read of the database, before anything was done. */
  writes: Writes;
  switches: Record<SiteName, Switch>;
}

/** Looks, decides, acts, again and again. */
export class Guard {
  private round: Round | undefined;
  /** When the last round that came to its end did so, by a clock that nobody sets. */
  private endedMs = -Infinity;
  private failure: { since: Date; error: string } | undefined;
  /** The last thing decided is that the site must not write, whether or not that could be carried out. */
  private fencing = false;
  private said = "";
  /** What became of the own switch, while another site has taken over. */
  private ownSwitch: string | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly around: Surroundings,
  ) {}

  /** Runs until `signal` aborts. A round that took longer than the interval is followed by the next at once. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      await this.look();
      const restMs = this.settings.intervalMs - (performance.now() - began);
      if (restMs > 0) await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One round. Never rejects: what goes wrong is in the status, and the next round tries again. */
  async look(): Promise<void> {
    const at = new Date();
    const began = performance.now();
    try {
      const { site, role, epoch, others, appRole, confirmedUntil } = this.settings;
      const [switches, writes] = await Promise.all([
        this.around.readSwitches(),
        this.around.withDatabase((client) => readWrites(client, appRole)),
      ]);
      const sight = {
        site,
        role,
        epoch,
        switches,
        ...writes,
        others: others.map((other) => other.site),
        ...(confirmedUntil !== undefined && { confirmedUntil }),
        now: at.getTime(),
      };
      const decision = decide(sight);
      this.fencing = decision.action === "fence";
      await this.act(decision, writes);
      this.endedMs = performance.now();
      this.round = { at, tookMs: Math.round(this.endedMs - began), decision, writes, switches };
      this.failure = undefined;
      this.say(decision.action, decision.reason, { ...("epoch" in decision && { inEpoch: decision.epoch }), switches, mark: writes.mark });
      // Last, because whatever S3 answers, the database has to be shut. In each round, so that what failed is tried again.
      const overtaken = overtakenIn(sight, decision);
      if (overtaken === undefined) this.ownSwitch = undefined;
      else await this.stepAside(overtaken - 1);
    } catch (error) {
      const { message } = error as Error;
      this.failure = { since: this.failure?.since ?? at, error: message };
      this.say("failed", message);
    }
  }

  /** Whether the site may be taken for one that serves: not while it is fenced, nor when nobody has been able to look for a lease. */
  get ready(): boolean {
    return !this.fencing && performance.now() - this.endedMs <= this.settings.leaseMs;
  }

  /** For people. */
  get status(): Record<string, unknown> {
    const { site, role, epoch, pod } = this.settings;
    const { ownSwitch, failure } = this;
    return { site, role, epoch, pod, ready: this.ready, ...this.round, ...(ownSwitch && { ownSwitch }), ...(failure && { failure }) };
  }

  /** Never rejects. */
  private async stepAside(upTo: Epoch): Promise<void> {
    const now = await this.around.turnOwnSwitchOff(upTo).catch((error: unknown) => `still on, or not known: ${(error as Error).message}`);
    if (now !== this.ownSwitch) this.around.log("own switch", { reason: now });
    this.ownSwitch = now;
  }

  private async act(decision: Decision, writes: Writes): Promise<void> {
    const { site, appRole: role, leaseMs, pod, database } = this.settings;
    const { action, reason } = decision;
    const seen = writes.at;
    if (action === "idle") return;
    // Whoever opened it in a later epoch may be gone, and another site active: busy sessions outlive the lease.
    const overdue = (writes.leaseLeftMs ?? Infinity) <= 0;
    if (action === "hold" && !overdue) return;
    await this.around.withDatabase(async (client) => {
      if (action === "hold") {
        await endSessions(client, database.name, role);
        return;
      }
      if (action === "renew") {
        await renewLease(client, { role, epoch: this.settings.epoch, leaseMs, seen });
        return;
      }
      // Another guard, or a driver, may have been faster; then there is another mark to decide about.
      const replacing = writes.mark ?? null;
      const change = { database: database.name, role, site, epoch: decision.epoch, by: `guard of ${site} (${pod})`, reason, replacing };
      if (action === "open") await openWrites(client, { ...change, leaseMs, seen });
      else await fenceWrites(client, change);
    });
  }

  /** A line for each change, not for each round. */
  private say(action: string, reason: string, more: Record<string, unknown> = {}): void {
    const now = `${action}: ${reason}`;
    if (now === this.said) return;
    this.said = now;
    this.around.log(action, { reason, ...more });
  }
}
