import { join } from "node:path";
import type { MoveReport } from "../../../automation/changeover/report";
import { accountOfMoves } from "../../../lab/clients/account";
import type { Attempt } from "../../../lab/clients/ledger";
import { drillResult, type Observed } from "../../../lab/drill/assemble";
import { moveOf, type DrillResult, type ObservedMove } from "../../../lab/drill/result";
import { loadTopology } from "../../../stacks/topology-file";

export const topology = loadTopology(join(__dirname, "../../../topology.yaml"));

/** The outage of the made-up drill. */
export const T = 1_700_000_000_000;

const report: MoveReport = {
  kind: "failover",
  incident: "DR-1",
  from: "primary",
  to: "secondary",
  epoch: 2,
  openedAt: T + 4_000,
  startedAt: T + 4_000,
  segmentsMs: { decide: 900, fence: 5, promote: 1_200, services: 2_000, traffic: 40, verify: 55 },
  tiers: [],
  recoveredMs: 4_200,
  totalMs: 6_000,
  verified: { key: "k", attempts: 3, tookMs: 2_100, address: "127.20.0.80" },
  steps: [],
  fenced: { known: false, reason: "drill" },
  journal: "/nowhere/DR-1.jsonl",
};

export const failover: ObservedMove = {
  kind: "failover",
  disaster: "regional-outage",
  report,
  outage: { at: T, detectedAt: T + 3_100, callsToLostRegion: 0 },
};

const { fenced: _, ...plain } = report;

/** Home again, a minute after the outage. Writes pause for 1.1 s. */
export const failback: ObservedMove = {
  kind: "failback",
  report: {
    ...plain,
    from: "secondary",
    to: "primary",
    epoch: 3,
    startedAt: T + 60_000,
    segmentsMs: { decide: 8_000, fence: 700, promote: 400, services: 300, traffic: 10, verify: 90 },
    recoveredMs: 9_500,
    pause: { from: T + 68_000, to: T + 69_100 },
    journal: "/nowhere/DR-3.jsonl",
  },
};

/** Every service writes once in 100 ms but for the outage, 0 to 8.2 s, and the failback, 68 to 69.5 s. */
export function ledger(): Attempt[] {
  const times = Array.from({ length: 900 }, (_, i) => -10_000 + i * 100).filter(
    (ms) => (ms <= 0 || ms > 8_200) && (ms <= 68_000 || ms > 69_500),
  );
  return topology.tiers.flatMap(({ tier, services }) =>
    Object.keys(services).flatMap((service) =>
      times.map((ms): Attempt => {
        const epoch = ms <= 0 ? 1 : ms <= 68_000 ? 2 : 3;
        return {
          key: `${service}-${ms}`,
          service,
          tier,
          attempts: 1,
          at: T + ms - 10,
          monotonicMs: 0,
          tookMs: 10,
          outcome: "acknowledged",
          ackAt: T + ms,
          site: epoch === 2 ? "secondary" : "primary",
          epoch,
          created: true,
        };
      }),
    ),
  );
}

/** A regional outage, there and back. @param lostKeys acknowledged, and not in the database at the end */
export function drill(lostKeys: string[] = [], more: Partial<Observed> = {}): DrillResult {
  const attempts = ledger();
  const rows = attempts
    .filter(({ key }) => !lostKeys.includes(key))
    .map(({ key, service }) => ({ key, service, site: "primary", epoch: 1, writtenAt: new Date(T) }));
  return drillResult(topology, {
    scenario: "regional-outage",
    startedAt: new Date(T - 10_000).toISOString(),
    host: { cpus: 2, node: "20.20.2" },
    plugins: { aws: "stand-in", kubernetes: "official" },
    moves: [failover, failback],
    reprotections: [
      { site: "primary", protectedMs: 21_000, diverged: 2 },
      { site: "secondary", protectedMs: 18_500, diverged: 0 },
    ],
    accounts: accountOfMoves(attempts, rows, [failover, failback].map(moveOf)),
    oldSite: {
      attempts: 400,
      accepted: 0,
      answered: 300,
      outcomes: { "balancer: 503": 150, "database: 28000": 150, "balancer: ECONNREFUSED": 100 },
    },
    left: { processes: 0, locks: 0, pendingOperations: 0 },
    ...more,
  });
}

/** The database of the active site, restored: rows damaged at 0, monitoring found it after 0.6 s, the restored one took writes 12 s later. */
export const restore: ObservedMove = {
  kind: "restore",
  disaster: "database-failure",
  report: {
    ...plain,
    from: "primary",
    to: "primary",
    epoch: 2,
    startedAt: T + 1_000,
    segmentsMs: { decide: 3_000, fence: 8_000, promote: 50, services: 400, traffic: 20, verify: 30 },
    recoveredMs: 11_500,
    pause: { from: T + 4_000, to: T + 12_000 },
  },
  outage: { at: T, detectedAt: T + 600, callsToLostRegion: 0 },
  restored: { point: new Date(T - 1).toISOString(), dropped: 260, reinstated: 60, blindAlarms: [] },
};

/** @param lostKeys acknowledged, and neither restored nor put in again */
export function restored(lostKeys: string[] = [], more: Partial<ObservedMove["restored"]> = {}): DrillResult {
  const attempts = ledger()
    .filter(({ ackAt = 0 }) => ackAt <= T + 4_000 || ackAt > T + 12_000)
    .map((attempt) => ({ ...attempt, site: "primary", epoch: (attempt.ackAt ?? 0) <= T + 4_000 ? 1 : 2 }));
  const rows = attempts
    .filter(({ key }) => !lostKeys.includes(key))
    .map(({ key, service }) => ({ key, service, site: "primary", epoch: 1, writtenAt: new Date(T) }));
  const move: ObservedMove = { ...restore, restored: { ...restore.restored!, ...more } };
  return drill([], { scenario: "database-corruption", moves: [move], accounts: accountOfMoves(attempts, rows, [moveOf(move)]) });
}
