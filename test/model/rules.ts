import { EDGES, RETREATS, type Edge, type Kind, type Step } from "../../automation/changeover/table";
import { asDecided } from "./guard";
import type { Rules } from "./state";

/** The product's table and guard, and what its driver has to hold to beside the table. */
export const PRODUCT: Rules = {
  edges: EDGES,
  retreats: RETREATS,
  guard: asDecided,
  leaseRunsOut: true,
  guardsInTime: false,
  comparesMark: true,
  begunCounts: true,
  heirsPay: true,
  retreatKnowsPromotion: true,
  beyondLeft: true,
  retreatIsFinal: true,
  seesOthers: true,
  traffic: false,
  fencedTurnsSwitchOff: true,
};

/** The table with one kind's steps in another order, or without some of them. */
export function inOrder(kind: Kind, steps: Step[], edges: readonly Edge[] = EDGES): Edge[] {
  const own = edges.filter((edge) => edge.kind === kind);
  let from = own[0]!.from;
  const chain = steps.map((step) => {
    const edge = { ...own.find((candidate) => candidate.step === step)!, from };
    from = edge.to;
    return edge;
  });
  return [...edges.filter((edge) => edge.kind !== kind), ...chain];
}

/** The table with other effects of one step. */
export function withEffects(kind: Kind, step: Step, effects: Edge["effects"], edges: readonly Edge[] = EDGES): Edge[] {
  return edges.map((edge) => (edge.kind === kind && edge.step === step ? { ...edge, effects } : edge));
}
