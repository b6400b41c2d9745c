import { setTimeout as sleep } from "node:timers/promises";
import { openWrites, readWrites } from "../../guard/writes";
import { DAY } from "../../topology/duration";
import type { SiteName } from "../../topology/schema";
import type { Environment, SiteFacts } from "../facts";
import { untilReady } from "../probes/cluster";
import { waitForReplay, type Replayed } from "../probes/database";
import { askDirectly, verifyWrite, type Verified, type VerifyTarget } from "../probes/service";
import { follows, takesOver, type StackConfig } from "./config";
import type { Incident } from "./incident";
import { refreshStack, updateStack } from "./locks";
import { TargetProgress } from "./progress";
import type { MoveReport } from "./report";
import { asAdmin, databaseOf, markedBy, subjectOf, verifyPath } from "./sites";
import { TargetDatabase } from "./target-database";
import { TargetUpdate } from "./target-update";

const DATABASE = "aws:rds/instance:Instance";

/** Until the guards of the new epoch have started, the driver's own lease lets the services log in. */
const GRACE_MS = 120_000;
/** An instance that was promoted restarts on RDS; it is asked until it takes writes. */
const OPEN_MS = 120_000;
/** As long as the engine waits for pods. */
const PODS_MS = 600_000;

/** What was decided, and stays decided over a resume. */
export interface Decision {
  from: SiteName;
  to: SiteName;
  epoch: number;
  /** Epoch of the active site that is left. */
  fromEpoch: number;
  /** The target's config before, for the way back. */
  before: StackConfig;
}

export const decisionOf = (incident: Incident): Decision | undefined => incident.detailOf("assess")?.["decision"] as Decision | undefined;

/** The part that every move of the active site has: the target takes over. */
export class Takeover {
  private readonly progress: TargetProgress;
  private database: TargetDatabase;
  private update: TargetUpdate | undefined;
  private verifying: Promise<Verified & { atMs: number }> | undefined;
  private readonly stopping = new AbortController();
  private openedMs: number | undefined;

  constructor(
    private readonly env: Environment,
    private readonly incident: Incident,
    readonly decision: Decision,
    target: SiteFacts,
    private readonly secrets: Record<string, string>,
    private readonly promotedBefore: boolean,
    /** How long the target's guards may rely on the operator's word that it is the active site, in milliseconds. */
    private readonly confirmedMs = 0,
    /** Whether writes are paused meanwhile. */
    private readonly planned = true,
    /** Config of the target that goes with it. */
    private readonly more: StackConfig = {},
  ) {
    this.database = this.databaseAt(target, secrets);
    this.progress = new TargetProgress(env.topology.tiers, () => incident.clock());
  }

  /** Tells where the target's database is, where that was not known before. */
  target(target: SiteFacts, secrets: Record<string, string>): void {
    this.database = this.databaseAt(target, secrets);
  }

  /** Writes the target's config and starts its update, which waits at the gate. @throws where the config cannot be written */
  async start(): Promise<void> {
    const { to, epoch } = this.decision;
    const { workspace } = this.env;
    await workspace.configure(to, {
      ...takesOver({ activeSite: to, epoch }),
      ...(this.confirmedMs > 0 && { confirmedUntil: new Date(Date.now() + this.confirmedMs).toISOString() }),
      ...this.more,
    });
    this.update = new TargetUpdate(this.env, this.incident, to, this.progress, this.planned);
  }

  /** Starts the update and waits until it stands at the gate. @throws what keeps it from getting there */
  async arm(): Promise<void> {
    await this.start();
    await Promise.all([this.armedUpdate.armed, this.promotedBefore ? undefined : this.database.warmUp()]);
  }

  /** Connects to the target's database, so that nothing of what follows waits for it. @throws where it does not answer */
  async connect(): Promise<void> {
    await this.database.connect();
  }

  /** Waits until the target has all up to this position of the log. @throws as `waitForReplay` */
  async drain(lsn: string, timeoutMs: number): Promise<Replayed> {
    return waitForReplay(await this.database.connect(), lsn, { timeoutMs, everyMs: 5 });
  }

  /**
   * Promotes the database, by RDS itself: the engine comes to it late, and hears late that it is done. Beside it the pods of
   * an unplanned move start. @returns what the journal is to know @throws what RDS says; what stops the update
   */
  async promote(): Promise<Record<string, unknown>> {
    if (!this.planned) this.armedUpdate.go();
    if (this.promotedBefore) return {};
    return Promise.race([this.database.promote(this.stopping.signal), this.failure()]);
  }

  /**
   * Opens the target's database for the services, in the new epoch; verification begins.
   * @param headStartMs where pods stand ready, the update lets users' first writes pass for so long: the engine takes every core
   *   that it finds, and the service may share them
   */
  async open(headStartMs = 0): Promise<Record<string, unknown>> {
    const { to, epoch } = this.decision;
    const mark = { ...subjectOf(this.env), site: to, epoch, by: markedBy(this.incident), leaseMs: GRACE_MS };
    const until = performance.now() + OPEN_MS;
    for (let attempts = 1; ; attempts++) {
      try {
        await openWrites(await this.database.connect(), mark);
        this.database.close();
        this.openedMs = this.incident.clock();
        this.verifying = this.verification();
        if (headStartMs === 0) this.armedUpdate.go();
        else
          void sleep(headStartMs).then(() => {
            this.armedUpdate.go();
          });
        return { attempts };
      } catch (error) {
        this.database.close();
        if (this.stopping.signal.aborted || performance.now() > until) throw error;
        await sleep(50);
      }
    }
  }

  /**
   * From the opening on: waits for tiers 0 and 1, for the takeover switch, and for the write through the public name.
   * @param verifyTimeoutMs counted from the opening @throws what keeps one of them away
   */
  async serve(verifyTimeoutMs: number): Promise<void> {
    const { incident, env } = this;
    await incident.step("services", "Tiers 0 and 1", () => this.services(), env.topology.tiers[1]?.maxDowntime);
    await incident.step("traffic", "The takeover switch is on, by its stack", async () => {
      await this.reached(this.progress.switched.reached);
      return undefined;
    });
    await incident.step("verify", `Verify a write through ${env.names.app}`, async () => {
      const verified = await this.verify(verifyTimeoutMs);
      return { ...verified, note: `${verified.attempts} attempts, answered by ${verified.address}` };
    });
  }

  private async services(): Promise<Record<string, unknown>> {
    await this.reached(Promise.all(this.progress.critical.map(({ reached }) => reached)));
    // What an update that was cut off had begun looks done to the engine of this one, which does not wait for it.
    if (this.incident.resumed) await this.reached(this.pods());
    return { tiersReadyMs: this.progress.critical.map(({ at }) => Math.round(at ?? 0)) };
  }

  private async verify(timeoutMs: number): Promise<Verified> {
    if (!this.verifying) throw new Error("verification begins with the opening");
    const over = new AbortController();
    const left = (this.openedMs ?? 0) + timeoutMs - this.incident.clock();
    const late = sleep(Math.max(left, 1_000), undefined, { signal: over.signal }).then(async () => {
      const directly = await askDirectly(this.verifies, `${this.decision.to}.${this.env.topology.domain}`);
      throw new Error(
        `no write through ${this.env.names.app} was confirmed ${timeoutMs} ms after the opening; last: ${this.lastReason}; ${directly}`,
      );
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([this.verifying, late, this.failure()]);
    } finally {
      over.abort();
    }
  }

  /**
   * The `data` stack follows; tiers 2 and 3 come up beside it. The target's state hears of the promotion.
   * @param elsewhere whether the database is another one than the target had: the `data` stack learns from the target's where it is
   */
  async data(elsewhere = false): Promise<void> {
    const { to, epoch } = this.decision;
    await this.env.workspace.configure("data", follows({ activeSite: to, epoch }));
    const settled = this.armedUpdate.done.then(() => refreshStack(this.env, this.incident, to, DATABASE));
    settled.catch(() => undefined);
    if (elsewhere) await settled;
    await Promise.all([settled, updateStack(this.env, this.incident, "data", { signal: this.stopping.signal })]);
    this.progress.finish();
  }

  /** Ends what is under way. An update at the gate fails with nothing changed; one past it ends as after Ctrl-C. */
  async abandon(reason: string): Promise<void> {
    this.stopping.abort();
    this.database.close();
    await this.update?.abandon(reason);
  }

  async report(decidedMs: number, fencedMs: number): Promise<Pick<MoveReport, "segmentsMs" | "tiers" | "recoveredMs" | "verified">> {
    const { atMs, ...verified } = await (this.verifying ?? Promise.reject(new Error("nothing was verified")));
    const promotedMs = Math.max(this.openedMs ?? fencedMs, fencedMs);
    const criticalMs = Math.max(0, ...this.progress.critical.map(({ at }) => at ?? 0));
    const servicesMs = Math.min(Math.max(criticalMs, promotedMs), atMs);
    const switchedMs = Math.min(Math.max(this.progress.switched.at ?? servicesMs, servicesMs), atMs);
    const segmentsMs = {
      decide: decidedMs,
      fence: fencedMs - decidedMs,
      promote: promotedMs - fencedMs,
      services: servicesMs - promotedMs,
      traffic: switchedMs - servicesMs,
      verify: atMs - switchedMs,
    };
    return {
      segmentsMs: rounded(segmentsMs),
      tiers: this.progress.tierTimes(),
      recoveredMs: Math.round(atMs),
      verified: { ...verified, tookMs: Math.round(verified.tookMs) },
    };
  }

  /** Waits for the pods of tiers 0 and 1, by the cluster itself. */
  private pods(): Promise<void> {
    const { topology, names } = this.env;
    const services = topology.tiers.slice(0, 2).flatMap((tier) => Object.keys(tier.services));
    const { signal } = this.stopping;
    return untilReady(this.secrets["kubeconfig"] ?? "", names.namespace, services, { timeoutMs: PODS_MS, signal });
  }

  private databaseAt(target: SiteFacts, secrets: Record<string, string>): TargetDatabase {
    return new TargetDatabase(databaseOf(target, secrets), {
      region: this.env.topology.sites[this.decision.to]?.region ?? "",
      identifier: target.database?.identifier ?? "",
      backupRetentionDays: this.env.topology.database.backupRetention / DAY,
    });
  }

  private lastReason = "not tried";

  private get armedUpdate(): TargetUpdate {
    if (!this.update) throw new Error("the update was not armed");
    return this.update;
  }

  private get verifies(): VerifyTarget {
    const { to, epoch } = this.decision;
    return { host: this.env.names.app, path: verifyPath(this.env), site: to, epoch };
  }

  private async verification(): Promise<Verified & { atMs: number }> {
    const verified = await verifyWrite(this.verifies, {
      timeoutMs: Number.POSITIVE_INFINITY,
      everyMs: 50,
      signal: this.stopping.signal,
      onAttempt: (reason) => {
        this.lastReason = reason;
        this.incident.list.note("verify", reason);
      },
    });
    return { ...verified, atMs: this.incident.clock() };
  }

  /** A moment of the update; an update that is over has reached them all, one that failed throws. */
  private async reached(moment: Promise<unknown>): Promise<void> {
    await Promise.race([moment, this.armedUpdate.done]);
  }

  private async failure(): Promise<never> {
    await this.armedUpdate.done;
    return new Promise<never>(() => undefined);
  }
}

/**
 * Opens the writes of a site that was paused or fenced on the way to a move that is given up. Its own guard may have seen
 * the other site's switch a moment ago and act on it only now: it is looked at again after two of the guard's rounds.
 */
export async function reopenWrites(
  env: Environment,
  incident: Incident,
  facts: SiteFacts,
  secrets: Record<string, string>,
  epoch: number,
): Promise<void> {
  const address = databaseOf(facts, secrets);
  const open = (): Promise<boolean> =>
    asAdmin(address, async (client) => {
      const { mark } = await readWrites(client);
      if (mark?.state === "open" && mark.epoch === epoch) return false;
      const change = { ...subjectOf(env), site: facts.site, epoch, by: markedBy(incident), leaseMs: GRACE_MS };
      await openWrites(client, { ...change, ...(mark && { replacing: mark }) });
      return true;
    });
  await open();
  await sleep(2 * env.topology.guard.interval);
  while (await open()) await sleep(env.topology.guard.interval);
}

function rounded<T extends Record<string, number>>(values: T): T {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Math.round(value)])) as T;
}
