/**
 * The service's users: writers that send at a fixed rate whatever comes back, through the public name, and write down
 * every acknowledged key. A write that was not acknowledged is sent again with the same key until it is, or the run ends.
 * A process of its own, so that its clock is not held up by the lab's.
 *
 * SIGTERM ends the run: nothing new is sent, answers are waited for a little, the summary is written.
 */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Backlog } from "./backlog";
import { Ledger, type Attempt } from "./ledger";
import { Sender } from "./sender";
import { readSettings } from "./settings";

const RETRY_TICK_MS = 50;
/** How long the end waits for answers under way. */
const GRACE_MS = 3_000;

interface Write {
  key: string;
  service: string;
  tier: number;
  path: string;
  attempts: number;
}

export interface Summary {
  startedAt: number;
  endedAt: number;
  /** Keys sent at least once. */
  writes: number;
  acknowledged: number;
  /** Keys that never were. */
  unacknowledged: number;
  /** New writes not made, because too many waited. */
  skipped: number;
  attempts: Record<Attempt["outcome"], number>;
}

const settings = readSettings(process.env);
const ledger = new Ledger(settings.ledgerFile);
const sender = new Sender(settings);
const backlog = new Backlog<Write>();
const summary: Summary = {
  startedAt: Date.now(),
  endedAt: 0,
  writes: 0,
  acknowledged: 0,
  unacknowledged: 0,
  skipped: 0,
  attempts: { acknowledged: 0, refused: 0, timeout: 0, error: 0 },
};
let underWay = 0;
let ending = false;

async function attempt(write: Write): Promise<void> {
  write.attempts += 1;
  underWay += 1;
  const at = Date.now();
  const begun = process.hrtime.bigint();
  const outcome = await send(write);
  const tookMs = Number(process.hrtime.bigint() - begun) / 1e6;
  underWay -= 1;
  const { key, service, tier, attempts } = write;
  ledger.add({
    key,
    service,
    tier,
    attempts,
    at,
    monotonicMs: Number(begun) / 1e6,
    tookMs,
    ...outcome,
    ...(outcome.outcome === "acknowledged" ? { ackAt: at + tookMs } : {}),
  });
  summary.attempts[outcome.outcome] += 1;
  if (outcome.outcome === "acknowledged") summary.acknowledged += 1;
  else backlog.add(write, attempts, performance.now());
}

type Outcome = Pick<Attempt, "outcome" | "status" | "error" | "site" | "epoch" | "created">;

async function send({ key, service, path }: Write): Promise<Outcome> {
  try {
    const { status, body } = await sender.put(`${path}/writes/${key}`, JSON.stringify({ service, at: Date.now() }));
    if (status !== 200) return { outcome: "refused", status, error: body.slice(0, 100) };
    const answer = JSON.parse(body) as { key?: unknown; site?: unknown; epoch?: unknown; created?: unknown };
    if (answer.key !== key) return { outcome: "error", status, error: `an answer for another key: ${body.slice(0, 100)}` };
    return { outcome: "acknowledged", status, site: String(answer.site), epoch: Number(answer.epoch), created: answer.created === true };
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    return name === "TimeoutError" ? { outcome: "timeout" } : { outcome: "error", error: code ?? message };
  }
}

/** New writes of one service: the n-th is due at n times the interval, also when the process was held up. */
async function write(service: (typeof settings.services)[number], phase: number): Promise<void> {
  const interval = 1_000 / settings.ratePerService;
  const begun = performance.now() + phase * interval;
  for (let n = 0; ; n++) {
    const wait = begun + n * interval - performance.now();
    if (wait > 0) await sleep(wait);
    if (ending) return;
    if (backlog.size + underWay >= settings.maxPending) {
      summary.skipped += 1;
      continue;
    }
    summary.writes += 1;
    void attempt({ key: randomUUID(), ...service, attempts: 0 });
  }
}

async function retry(): Promise<void> {
  let allowed = 0;
  while (!ending) {
    await sleep(RETRY_TICK_MS);
    const perTick = (settings.retriesPerSecond * RETRY_TICK_MS) / 1_000;
    allowed = Math.min(allowed + perTick, 2 * perTick + 1);
    for (const overdue of backlog.take(performance.now(), Math.floor(allowed))) {
      allowed -= 1;
      void attempt(overdue);
    }
  }
}

async function end(): Promise<void> {
  ending = true;
  const until = performance.now() + GRACE_MS;
  while (underWay > 0 && performance.now() < until) await sleep(20);
  sender.close();
  ledger.close();
  summary.endedAt = Date.now();
  summary.unacknowledged = summary.writes - summary.acknowledged;
  writeFileSync(settings.summaryFile, `${JSON.stringify(summary)}\n`);
  process.exit(0);
}

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void end());
settings.services.forEach((service, index) => void write(service, index / settings.services.length));
void retry();
