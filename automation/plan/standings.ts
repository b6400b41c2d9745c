import { latestActivation, roleIn, type SiteFacts } from "../facts";
import type { Role } from "../../topology/roles";
import type { SiteName, Topology } from "../../topology/schema";
import type { PlanKind } from "./changes";

/** What a site is in a plan; of a lost one nobody knows more. */
export type Standing = Role | "lost";

export interface Standings {
  before: Standing;
  after: Standing;
}

interface Move {
  kind: PlanKind;
  from: SiteName;
  to: SiteName;
  unreachable: readonly SiteName[];
}

/** What each site is before a changeover and after it. */
export function standingsOf(topology: Topology, facts: readonly SiteFacts[], move: Move): Record<SiteName, Standings> {
  const latest = latestActivation(topology, facts);
  return Object.fromEntries(
    facts.map((own) => {
      const before = move.unreachable.includes(own.site) ? "lost" : roleIn(topology, own, latest);
      return [own.site, { before, after: afterwards(move, own.site, before) }];
    }),
  );
}

function afterwards({ kind, from, to }: Move, site: SiteName, before: Standing): Standing {
  if (site === to) return kind === "reprotect" ? "standby" : "active";
  if (kind === "reprotect" || before === "lost") return before;
  // What streams from a database that is replaced streams on, and stands behind nothing.
  if (kind === "restore") return before === "standby" ? "fenced" : before;
  return site === from ? "fenced" : before;
}
