import type { Topology } from "../../topology/schema";
import type { accountOfMoves } from "../clients/account";
import { changeoverOf, objectivesOf, tierResults, type DrillResult, type ObservedMove, type OldSite, type Reprotection } from "./result";

/** What a drill saw. */
export interface Observed {
  scenario: string;
  startedAt: string;
  host: DrillResult["host"];
  plugins: DrillResult["plugins"];
  /** In order. */
  moves: ObservedMove[];
  reprotections: Reprotection[];
  /** One for each move, in the same order. */
  accounts: ReturnType<typeof accountOfMoves>;
  oldSite: OldSite | undefined;
  left: DrillResult["left"];
}

/** Holds what was seen against the topology. Pure. */
export function drillResult(topology: Topology, seen: Observed): DrillResult {
  const { scenario, startedAt, host, plugins, reprotections, oldSite, left } = seen;
  const { total } = seen.accounts;
  const moves = seen.moves.flatMap((move, i) => {
    const account = seen.accounts.moves[i];
    return account ? [{ move, account }] : [];
  });
  const elsewhere = moves.reduce((sum, { account }) => sum + account.elsewhere, 0);
  const changeovers = moves.map(({ move, account }) => changeoverOf(move, account));
  return {
    scenario,
    startedAt,
    host,
    plugins,
    lab: { healthIntervalMs: 1_000, ttlMs: 1_000 },
    changeovers,
    reprotections,
    ...(oldSite && { oldSite }),
    tiers: tierResults(topology, moves),
    objectives: objectivesOf(topology, { changeovers, lost: total.lost, elsewhere, ...(oldSite && { oldSite }) }),
    writers: { acknowledged: total.acknowledged, lost: total.lost, duplicated: total.duplicated },
    left,
  };
}
