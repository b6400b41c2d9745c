import { Agent, Pool, request } from "undici";
import type { HealthCheck, Target, TargetGroup } from "./read";
import { matches } from "./rules";

/** ELB asks every 5 to 300 seconds; the lab plays all of them as this, thresholds kept. */
export const CHECK_INTERVAL_MS = 1_000;
export const CHECK_TIMEOUT_MS = 1_000;

/** A target that has just been registered is asked again this soon, so that a pod which is ready serves at once. */
const FIRST_CHECK_INTERVAL_MS = 200;

/** ELB gives up connecting to a target after this. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Connections to one target. */
const MAX_CONNECTIONS = 128;

/** State of a target, in ELB's words. */
export interface TargetHealth extends Target {
  state: "initial" | "healthy" | "unhealthy" | "unused" | "draining";
  /** ELB's reason code; none for a healthy target. */
  reason?: string;
  description?: string;
}

interface Verdict {
  state: "initial" | "healthy" | "unhealthy";
  /** Answers in a row against the state. */
  streak: number;
  reason?: string;
  description?: string;
}

/** What a health check came to. `reason` is ELB's code for the failure. */
export type CheckResult = { ok: true } | { ok: false; reason: string; description: string };

/** A new target needs one good answer to serve; after that the thresholds hold. */
export function judge(verdict: Verdict, result: CheckResult, check: Pick<HealthCheck, "healthyThreshold" | "unhealthyThreshold">): Verdict {
  if (result.ok) {
    if (verdict.state === "healthy") return { state: "healthy", streak: 0 };
    const streak = verdict.streak + 1;
    return verdict.state === "initial" || streak >= check.healthyThreshold ? { state: "healthy", streak: 0 } : { ...verdict, streak };
  }
  const { reason, description } = result;
  if (verdict.state === "unhealthy") return { state: "unhealthy", streak: 0, reason, description };
  const streak = verdict.streak + 1;
  return streak >= check.unhealthyThreshold ? { state: "unhealthy", streak: 0, reason, description } : { ...verdict, streak };
}

class CheckedTarget {
  readonly pool: Pool;
  verdict: Verdict = { state: "initial", streak: 0 };
  private timer: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(
    readonly target: Target,
    private readonly group: () => TargetGroup,
    private readonly agent: Agent,
    private readonly changed: (target: CheckedTarget) => void,
  ) {
    this.pool = new Pool(`${group().scheme}://${target.address}:${target.port}`, {
      connections: MAX_CONNECTIONS,
      // ELB does not verify the certificate of a target.
      connect: { timeout: CONNECT_TIMEOUT_MS, rejectUnauthorized: false },
    });
    void this.loop();
  }

  /** No new requests; those under way end as they will. */
  async drain(): Promise<void> {
    this.end();
    await this.pool.close();
  }

  async destroy(): Promise<void> {
    this.end();
    await this.pool.destroy();
  }

  private end(): void {
    this.ended = true;
    clearTimeout(this.timer);
  }

  private async loop(): Promise<void> {
    const begun = performance.now();
    const { check } = this.group();
    const result = await ask(this.target, check, this.agent);
    if (this.ended) return;
    const before = this.verdict.state;
    this.verdict = judge(this.verdict, result, check);
    if (this.verdict.state !== before) this.changed(this);
    const interval = this.verdict.state === "initial" ? FIRST_CHECK_INTERVAL_MS : CHECK_INTERVAL_MS;
    this.timer = setTimeout(() => void this.loop(), Math.max(0, interval - (performance.now() - begun)));
  }
}

/** Targets of one group: checked, and handed out in turn. */
export class Targets {
  private readonly members = new Map<string, CheckedTarget>();
  private readonly draining = new Map<string, CheckedTarget>();
  private readonly agent = new Agent({ connections: 1, connect: { timeout: CHECK_TIMEOUT_MS, rejectUnauthorized: false } });
  private turn = 0;

  constructor(
    private group: TargetGroup,
    private readonly log: (message: string) => void,
  ) {
    this.update(group);
  }

  update(group: TargetGroup): void {
    this.group = group;
    const wanted = new Map(group.targets.map((target) => [key(target), target]));
    for (const [id, member] of this.members) {
      if (wanted.has(id)) continue;
      this.members.delete(id);
      this.draining.set(id, member);
      void member.drain().finally(() => {
        if (this.draining.get(id) === member) this.draining.delete(id);
      });
    }
    for (const [id, target] of wanted) {
      if (this.members.has(id)) continue;
      const changed = ({ verdict }: CheckedTarget): void => {
        this.log(`${this.group.name} ${id} is ${verdict.state}${verdict.description === undefined ? "" : `: ${verdict.description}`}`);
      };
      this.members.set(id, new CheckedTarget(target, () => this.group, this.agent, changed));
    }
  }

  /**
   * Connections to the target whose turn it is: a healthy one; where none is, any unhealthy one, since ELB 'fails open'.
   * @returns `undefined` where there is none but targets not yet checked, or none at all
   */
  next(): Pool | undefined {
    const all = [...this.members.values()];
    const healthy = all.filter((member) => member.verdict.state === "healthy");
    const usable = healthy.length > 0 ? healthy : all.filter((member) => member.verdict.state === "unhealthy");
    this.turn = (this.turn + 1) % 1_000_000;
    return usable[this.turn % usable.length]?.pool;
  }

  /** Whether Route 53 counts the group as healthy: at least one target is. */
  get healthy(): boolean {
    return [...this.members.values()].some((member) => member.verdict.state === "healthy");
  }

  health(): TargetHealth[] {
    const members = [...this.members.values()].map(({ target, verdict }): TargetHealth => {
      const { state, reason, description } = verdict;
      if (state === "initial")
        return { ...target, state, reason: "Elb.RegistrationInProgress", description: "Target registration is in progress" };
      return { ...target, state, ...(reason === undefined ? {} : { reason }), ...(description === undefined ? {} : { description }) };
    });
    const draining = [...this.draining]
      .filter(([id]) => !this.members.has(id))
      .map(([, { target }]): TargetHealth => ({
        ...target,
        state: "draining",
        reason: "Target.DeregistrationInProgress",
        description: "Target deregistration is in progress",
      }));
    return [...members, ...draining];
  }

  /** Everything ends at once, requests under way too. */
  async destroy(): Promise<void> {
    const all = [...this.members.values(), ...this.draining.values()];
    this.members.clear();
    this.draining.clear();
    await Promise.all([...all.map((member) => member.destroy()), this.agent.destroy()]);
  }
}

function key(target: Target): string {
  return `${target.address}:${target.port}`;
}

async function ask(target: Target, check: HealthCheck, agent: Agent): Promise<CheckResult> {
  try {
    const { statusCode, body } = await request(`${check.scheme}://${target.address}:${check.port ?? target.port}${check.path}`, {
      dispatcher: agent,
      signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
      headers: { "user-agent": "ELB-HealthChecker/2.0" },
    });
    await body.dump();
    if (matches(check.matcher, statusCode)) return { ok: true };
    return { ok: false, reason: "Target.ResponseCodeMismatch", description: `Health checks failed with these codes: [${statusCode}]` };
  } catch (error) {
    const { name } = error as Error;
    if (name === "TimeoutError" || name === "AbortError") return { ok: false, reason: "Target.Timeout", description: "Request timed out" };
    return { ok: false, reason: "Target.FailedHealthChecks", description: `Health checks failed: ${(error as Error).message}` };
  }
}
