import type { SiteName } from "../topology/schema";
import { BadInput } from "../topology/errors";
import { Refused, Stopped } from "./errors";
import { databaseState, latestActivation, roleIn, siteFacts, type Environment } from "./facts";
import { objectionTo } from "./guards";
import type { Journal } from "./journal";
import { verifyWrite, type Verified } from "./probes/service";
import type { StepList } from "./steps";
import { UpdateFailed, type ResourceEvent } from "./workspace";

export interface FailoverRequest {
  to: SiteName;
  /** Sites to which not one call goes. */
  unreachable: SiteName[];
  epoch?: number | undefined;
  outageSince?: Date | undefined;
  acceptLoss?: string | undefined;
  /** How long the write through the public name may take after the promotion, in milliseconds. */
  verifyTimeoutMs: number;
  /** The operator's yes: asked once every guard has said yes, before anything changes. */
  confirm(question: string): Promise<boolean>;
}

/** What a failover measured. Times are milliseconds since the command began. */
export interface FailoverReport {
  kind: "failover";
  from: SiteName;
  to: SiteName;
  epoch: number;
  /** When the command began, in milliseconds of the wall clock. */
  startedAt: number;
  /** One after the other, so that they add up to `recoveredMs`. */
  segmentsMs: { decide: number; fence: number; promote: number; services: number; traffic: number; verify: number };
  tiers: { tier: number; readyMs: number }[];
  /** From the command to the write read back. */
  recoveredMs: number;
  /** From the command to its end, the `data` stack updated. */
  totalMs: number;
  verified: Verified;
  journal: string;
}

/**
 * An unplanned changeover: promotes the target, brings the tiers up in order, turns its takeover switch on and verifies
 * by a write through the public name. The same stack update as `pulumi up` with the same config; nothing else changes
 * anything.
 * @throws BadInput, Refused before anything changed; Stopped after
 */
export async function failover(env: Environment, request: FailoverRequest, journal: Journal, steps: StepList): Promise<FailoverReport> {
  const startedAt = Date.now();
  const started = performance.now();
  const clock = (): number => performance.now() - started;
  const { topology, names, workspace } = env;
  const { to } = request;
  for (const site of [to, ...request.unreachable]) {
    if (!topology.sites[site]) {
      throw new BadInput([
        {
          path: site === to ? "--to" : "--unreachable",
          value: site,
          message: `a site of the topology: ${Object.keys(topology.sites).join(", ")}`,
        },
      ]);
    }
  }

  steps.start("assess", "Assess the target", topology.phases.assessment.to - topology.phases.assessment.from);
  const decision = await assess(env, request);
  const { current, epoch, continues } = decision;
  const from = current.activeSite;
  journal.append({
    event: "assessed",
    step: "assess",
    detail: { from, to, epoch, unreachable: request.unreachable, database: decision.database, continues },
  });
  steps.done("assess", `${to} can take over from ${from}`);

  const loss = request.acceptLoss === undefined ? "" : `; loss beyond the RPO accepted: ${request.acceptLoss}`;
  if (
    !(await request.confirm(`Fail over from ${from} to ${to}, epoch ${epoch}, without a call to ${request.unreachable.join(", ")}${loss}?`))
  ) {
    throw new Refused("the operator said no", "run the command again and agree, or give --yes");
  }
  const decidedMs = clock();
  journal.append({
    event: "approved",
    step: "decide",
    detail: { unreachable: request.unreachable, acceptLoss: request.acceptLoss ?? null },
  });
  steps.start("fence", `Fence ${from}`);
  journal.append({ event: "not-fenced", step: "fence", detail: { site: from, reason: "named unreachable by the operator" } });
  steps.done("fence", "named unreachable: not one call goes there");
  const fencedMs = clock();

  const progress = new SiteProgress(env, steps, clock);
  const verifying = new AbortController();
  const updating = new AbortController();
  const interrupt = (): void => {
    updating.abort();
  };
  // `on`, not `once`: libraries that clean up at exit end the process when no other listener is left.
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    journal.append({ event: "begin", step: "update", detail: { stack: workspace.stackName(to), activeSite: to, epoch } });
    await workspace.configure(to, { activeSite: to, epoch: String(epoch) });
    const verified = progress.promoted.then(() => {
      steps.start("verify", `Verify a write through ${names.app}`);
      return verifyWrite(
        { host: names.app, path: servicePath(env), site: to, epoch },
        {
          timeoutMs: request.verifyTimeoutMs,
          everyMs: 50,
          signal: verifying.signal,
          onAttempt: (reason) => {
            steps.note("verify", reason);
          },
        },
      ).then((result) => {
        const atMs = clock();
        steps.done("verify", `${result.attempts} attempts, answered by ${result.address}`);
        journal.append({ event: "verified", step: "verify", detail: { ...result } });
        return { ...result, atMs };
      });
    });
    verified.catch(() => undefined);
    if (decision.continues && decision.database.kind === "primary") {
      // Promoted by the run that stopped, perhaps without an answer: promoting again would be refused.
      await workspace.refresh(to, DATABASE);
    }
    await workspace.update(to, { onResource: progress.take, signal: updating.signal });
    progress.finish();
    journal.append({ event: "end", step: "update", detail: progress.summary() });
    const result = await verified;

    steps.start("data", "Point the data stack at the new database");
    journal.append({ event: "begin", step: "data", detail: { stack: workspace.stackName("data") } });
    await workspace.configure("data", { activeSite: to, epoch: String(epoch) });
    await workspace.update("data", { signal: updating.signal });
    journal.append({ event: "end", step: "data" });
    steps.done("data");

    const promotedMs = progress.promotedMs ?? fencedMs;
    const servicesMs = Math.min(Math.max(progress.criticalMs ?? promotedMs, promotedMs), result.atMs);
    const switchedMs = Math.min(Math.max(progress.switchedMs ?? servicesMs, servicesMs), result.atMs);
    const report: FailoverReport = {
      kind: "failover",
      from,
      to,
      epoch,
      startedAt,
      segmentsMs: rounded({
        decide: decidedMs,
        fence: fencedMs - decidedMs,
        promote: promotedMs - fencedMs,
        services: servicesMs - promotedMs,
        traffic: switchedMs - servicesMs,
        verify: result.atMs - switchedMs,
      }),
      tiers: progress.tiers(),
      recoveredMs: Math.round(result.atMs),
      totalMs: Math.round(clock()),
      verified: { key: result.key, attempts: result.attempts, tookMs: Math.round(result.tookMs), address: result.address },
      journal: journal.file,
    };
    journal.append({ event: "recovered", detail: { segmentsMs: report.segmentsMs, tiers: report.tiers, recoveredMs: report.recoveredMs } });
    return report;
  } catch (error) {
    verifying.abort();
    if (error instanceof Refused) {
      // The stack is somebody else's at the moment: nothing was done, so nothing may look as if it had been.
      await workspace.configure(to, decision.before);
      journal.append({ event: "refused", step: "update", detail: { reason: error.message } });
      throw error;
    }
    const reason = error instanceof UpdateFailed ? error.message : updating.signal.aborted ? "interrupted" : (error as Error).message;
    journal.append({ event: "stopped", detail: { reason, ...progress.summary() } });
    throw new Stopped(
      `the failover to ${to} stopped: ${reason}\n  done so far: ${progress.describe()}`,
      `mend the cause and run the same command again: it goes on where this one stopped (journal: ${journal.file})`,
      { cause: error },
    );
  } finally {
    process.removeListener("SIGINT", interrupt);
    process.removeListener("SIGTERM", interrupt);
  }
}

const DATABASE = "aws:rds/instance:Instance";

/** Gathers the facts and asks the guards. */
async function assess(env: Environment, request: FailoverRequest) {
  const { topology, workspace } = env;
  const { to } = request;
  const [facts, secrets, settings] = await Promise.all([
    siteFacts(env),
    workspace.secrets(to),
    workspace.settings(to),
    workspace.warmUp(to),
  ]);
  const current = latestActivation(topology, facts);
  const target = facts.find(({ site }) => site === to);
  if (!target) throw new Error(`no facts of ${to}`);
  const database = await databaseState(target, secrets);
  // A changeover that stopped midway left its config behind: the same command goes on with the same epoch.
  const continues = settings["activeSite"] === to && Number(settings["epoch"]) > current.epoch;
  const epoch = request.epoch ?? (continues ? Number(settings["epoch"]) : current.epoch + 1);
  const objection = objectionTo({
    to,
    toRole: roleIn(topology, target, current),
    current,
    epoch,
    continues,
    unreachable: request.unreachable,
    otherWarm: Object.keys(topology.sites).filter(
      (site) => site !== to && site !== current.activeSite && topology.sites[site]?.standby === "warm",
    ),
    database,
    rpoMs: topology.disasters["regional-outage"].rpo,
    outageSince: request.outageSince,
    acceptLoss: request.acceptLoss,
    now: new Date(),
  });
  if (objection) throw new Refused(objection.reason, objection.satisfy);
  const before = { activeSite: settings["activeSite"] ?? current.activeSite, epoch: settings["epoch"] ?? String(current.epoch) };
  return { current, epoch, database, continues, before };
}

function servicePath({ topology }: Environment): string {
  for (const tier of topology.tiers) {
    const workload = tier.services[topology.verify.service];
    if (workload) return workload.path;
  }
  throw new Error(`no service ${topology.verify.service}`);
}

function rounded<T extends Record<string, number>>(values: T): T {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Math.round(value)])) as T;
}

/** Follows one site's update: when the database was promoted, each tier ready, the switch on. */
class SiteProgress {
  promotedMs: number | undefined;
  switchedMs: number | undefined;
  readonly promoted: Promise<void>;
  private resolvePromoted: () => void = () => undefined;
  private readonly waiting: Set<string>[];
  private readonly readyMs: (number | undefined)[];

  constructor(
    private readonly env: Environment,
    private readonly steps: StepList,
    private readonly clock: () => number,
  ) {
    this.promoted = new Promise((resolve) => (this.resolvePromoted = resolve));
    this.waiting = env.topology.tiers.map((tier) => new Set(Object.keys(tier.services)));
    this.readyMs = env.topology.tiers.map(() => undefined);
    steps.start("promote", "Promote the database", phaseBudget(env));
  }

  /** When the tiers that traffic waits for, 0 and 1, were ready. */
  get criticalMs(): number | undefined {
    return this.readyMs[1] ?? this.readyMs[0];
  }

  readonly take = (event: ResourceEvent): void => {
    if (event.type === DATABASE && event.phase === "end") {
      this.promotedMs ??= this.clock();
      this.steps.done("promote");
      this.resolvePromoted();
    }
    if (event.type === "kubernetes:apps/v1:Deployment") this.deployment(event);
    if (event.type === "aws:s3/bucketObjectv2:BucketObjectv2") {
      if (event.phase === "start") this.steps.start("switch", "Turn the takeover switch on");
      if (event.phase === "end") {
        this.switchedMs ??= this.clock();
        this.steps.done("switch");
      }
    }
  };

  /** The update is over: what it did not have to touch was ready before. */
  finish(): void {
    const now = this.clock();
    this.promotedMs ??= now;
    this.switchedMs ??= now;
    this.readyMs.forEach((ms, i) => (this.readyMs[i] = ms ?? now));
    this.steps.done("promote");
    this.resolvePromoted();
  }

  tiers(): { tier: number; readyMs: number }[] {
    return this.env.topology.tiers.map(({ tier }, i) => ({ tier, readyMs: Math.round(this.readyMs[i] ?? 0) }));
  }

  summary(): Record<string, unknown> {
    return { promotedMs: this.promotedMs ?? null, switchedMs: this.switchedMs ?? null, tiersReadyMs: this.readyMs.map((ms) => ms ?? null) };
  }

  describe(): string {
    const tiers = this.env.topology.tiers.filter((_, i) => this.readyMs[i] !== undefined).map(({ tier }) => tier);
    const done = [
      ...(this.promotedMs === undefined ? [] : ["database promoted"]),
      ...(tiers.length > 0 ? [`tier ${tiers.join(", ")} ready`] : []),
      ...(this.switchedMs === undefined ? [] : ["takeover switch on"]),
    ];
    return done.length > 0 ? done.join(", ") : "nothing that the site has confirmed";
  }

  private deployment({ phase, name }: ResourceEvent): void {
    this.waiting.forEach((services, i) => {
      const tier = this.env.topology.tiers[i];
      const service = Object.keys(tier?.services ?? {}).find((candidate) => name.endsWith(`-${candidate}-deployment`));
      if (!tier || !service) return;
      const id = `tier-${tier.tier}`;
      this.steps.start(id, `Tier ${tier.tier}: ${Object.keys(tier.services).join(", ")}`, tier.maxDowntime);
      if (phase !== "end") return;
      services.delete(service);
      if (services.size > 0) return;
      this.readyMs[i] ??= this.clock();
      this.steps.done(id);
    });
  }
}

function phaseBudget({ topology }: Environment): number {
  return topology.phases.failover.to - topology.phases.failover.from;
}
