import { explainCalculated, FIRST_OPINION, observe, statusOf, type Check, type Opinion } from "./health";
import { probe, type Finding } from "./probe";

/** Route 53 asks every 10 or 30 seconds; the lab plays both as this. */
export const PROBE_INTERVAL_MS = 1_000;

/** Kept for `transitions()`; older ones are forgotten. */
const MAX_TRANSITIONS = 10_000;

export interface Transition {
  /** Milliseconds since 1970. */
  at: number;
  /** Milliseconds of the machine's monotonic clock: comparable between processes. */
  monotonicMs: number;
  /** Id of the health check. */
  check: string;
  to: "healthy" | "unhealthy";
  reason: string;
}

export interface CheckHealth {
  id: string;
  type: string;
  /** What the check looks at: `https://host:443/path`, or its children. */
  target: string;
  status: "healthy" | "unhealthy";
  /** Milliseconds since 1970. */
  since: number;
  lastReason: string;
  /** When the endpoint was last asked; `undefined` for a check that is not probed, or not yet. */
  checkedAt?: number;
}

interface Probed {
  check: Check;
  opinion: Opinion;
  last: Finding;
  checkedAt?: number;
  timer?: NodeJS.Timeout;
}

export interface ProberOptions {
  /** Address of a host; `undefined` when it does not resolve. */
  resolve(name: string): string | undefined;
  /** The lab's port for a port of AWS. */
  port(port: number): number;
  /** Called after a check's status has changed. */
  changed(transition: Transition): void;
}

/** Runs health checks for real and keeps what came of them. */
export class Prober {
  private checks = new Map<string, Check>();
  private readonly probed = new Map<string, Probed>();
  private readonly known = new Map<string, { healthy: boolean; since: number }>();
  private readonly history: Transition[] = [];

  constructor(private readonly options: ProberOptions) {}

  /** Takes over the checks that exist now. A check that stays keeps its opinion. */
  update(checks: Check[]): void {
    this.checks = new Map(checks.map((check) => [check.id, check]));
    for (const [id, entry] of this.probed) {
      const now = this.checks.get(id);
      if (now !== undefined && isProbed(now)) entry.check = now;
      else this.forget(id, entry);
    }
    for (const id of this.known.keys()) if (!this.checks.has(id)) this.known.delete(id);
    for (const check of checks) {
      if (isProbed(check) && !this.probed.has(check.id)) {
        const entry: Probed = { check, opinion: FIRST_OPINION, last: { ok: true, reason: "not asked yet" } };
        this.probed.set(check.id, entry);
        void this.ask(entry);
      }
    }
    this.settle();
  }

  healthy(id: string): boolean {
    return statusOf(this.checks, this.opinion, id);
  }

  health(): CheckHealth[] {
    return [...this.checks.values()].map((check) => {
      const entry = this.probed.get(check.id);
      const known = this.known.get(check.id);
      return {
        id: check.id,
        type: check.type,
        target: describeTarget(check),
        status: word(known?.healthy ?? this.healthy(check.id)),
        since: known?.since ?? Date.now(),
        lastReason: this.reason(check),
        ...(entry?.checkedAt === undefined ? {} : { checkedAt: entry.checkedAt }),
      };
    });
  }

  /** Changes of status, oldest first; the first status of a check is none. */
  transitions(): Transition[] {
    return [...this.history];
  }

  stop(): void {
    for (const [id, entry] of this.probed) this.forget(id, entry);
  }

  private readonly opinion = (id: string): boolean => this.probed.get(id)?.opinion.healthy ?? FIRST_OPINION.healthy;

  private forget(id: string, entry: Probed): void {
    clearTimeout(entry.timer);
    this.probed.delete(id);
  }

  private async ask(entry: Probed): Promise<void> {
    const { check } = entry;
    const begun = performance.now();
    const address = check.address ?? (check.fqdn === undefined ? undefined : this.options.resolve(check.fqdn));
    const finding: Finding =
      address === undefined
        ? { ok: false, reason: `${check.fqdn ?? "the host"} does not resolve` }
        : await probe(check, address, this.options.port(check.port));
    if (this.probed.get(check.id) !== entry) return;
    // An answer to a question that is no longer asked says nothing.
    if (sameQuestion(check, entry.check)) {
      entry.last = finding;
      entry.checkedAt = Date.now();
      entry.opinion = observe(entry.opinion, finding.ok, entry.check.threshold);
      this.settle();
    }
    entry.timer = setTimeout(() => void this.ask(entry), Math.max(0, PROBE_INTERVAL_MS - (performance.now() - begun)));
  }

  /** Writes down each check whose status is another one than before. */
  private settle(): void {
    for (const check of this.checks.values()) {
      const healthy = this.healthy(check.id);
      const before = this.known.get(check.id);
      if (before?.healthy === healthy) continue;
      const at = Date.now();
      this.known.set(check.id, { healthy, since: at });
      if (before === undefined) continue;
      const transition: Transition = {
        at,
        monotonicMs: Number(process.hrtime.bigint()) / 1e6,
        check: check.id,
        to: word(healthy),
        reason: this.reason(check),
      };
      this.history.push(transition);
      if (this.history.length > MAX_TRANSITIONS) this.history.shift();
      this.options.changed(transition);
    }
  }

  private reason(check: Check): string {
    const text = (): string => {
      if (check.disabled) return "disabled";
      if (check.type === "CALCULATED") return explainCalculated(this.checks, this.opinion, check);
      return this.probed.get(check.id)?.last.reason ?? `the lab does not run checks of type ${check.type}`;
    };
    return check.inverted ? `inverted: ${text()}` : text();
  }
}

const PROBED = new Set(["HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP"]);

function isProbed(check: Check): boolean {
  return PROBED.has(check.type) && !check.disabled;
}

function sameQuestion(a: Check, b: Check): boolean {
  return (
    a.type === b.type && a.fqdn === b.fqdn && a.address === b.address && a.port === b.port && a.path === b.path && a.search === b.search
  );
}

function describeTarget(check: Check): string {
  if (check.type === "CALCULATED") return check.children.join(", ");
  const host = check.fqdn ?? check.address ?? "?";
  const scheme = check.type.replace("_STR_MATCH", "").toLowerCase();
  return `${scheme}://${host}:${check.port}${check.type === "TCP" ? "" : check.path}`;
}

function word(healthy: boolean): "healthy" | "unhealthy" {
  return healthy ? "healthy" : "unhealthy";
}
