import { driverMoves, type Move } from "./driver";
import { events } from "./events";
import { accepts, keyOf, NAMES, served, type Rules, type State } from "./state";

/** What was found wrong, and the shortest way there. */
export interface Violation {
  rule: string;
  trace: { what: string; state: State }[];
}

export interface Exploration {
  states: number;
  transitions: number;
  violation: Violation | undefined;
}

/** What must hold in a state, or why it does not. */
export function broken(state: State): string | undefined {
  const writers = state.sites.filter(accepts);
  if (state.breach !== undefined) return state.breach;
  if (writers.length === 2 && !state.sites.some(({ unfenced }) => unfenced)) return "two sites accept writes";
  const unseen = state.sites.findIndex((site) => accepts(site) && !site.looked);
  if (unseen >= 0) return `${NAMES[unseen]} came back and accepts writes before its guard has looked`;
  return undefined;
}

/** Nothing is under way, and one site takes writes. */
function settled(state: State, { traffic }: Rules): boolean {
  const [writer, second] = state.sites.flatMap((site, place) => (accepts(site) ? [place] : []));
  return state.drivers.every((driver) => !driver) && writer !== undefined && second === undefined && (!traffic || served(state) === writer);
}

/**
 * Every state that can be reached, breadth first, to closure. Stops at the first that breaks a rule; at the end looks for
 * one from which no way without a further fault leads to rest.
 */
export function explore(start: State, rules: Rules, limit = 1_000_000): Exploration {
  const seen = new Map([[keyOf(start), 0]]);
  const parents = [-1];
  const good = [settled(start, rules)];
  /** States that are still to be looked at; the others are met again by going the way once more. */
  const waiting: (State | undefined)[] = [start];
  /** Moves without a fault, as pairs of from and to. */
  const pairs: number[] = [];
  let transitions = 0;
  const found = (rule: string, id: number): Exploration => ({
    states: seen.size,
    transitions,
    violation: { rule, trace: retrace(start, rules, seen, parents, id) },
  });

  for (let id = 0; id < waiting.length; id++) {
    const state = waiting[id]!;
    waiting[id] = undefined;
    for (const { fault, next } of moves(state, rules)) {
      transitions++;
      const key = keyOf(next);
      let to = seen.get(key);
      if (to === undefined) {
        to = waiting.length;
        if (to >= limit) throw new RangeError(`more than ${limit} states`);
        seen.set(key, to);
        waiting.push(next);
        parents.push(id);
        good.push(settled(next, rules));
        const reason = broken(next);
        if (reason !== undefined) return found(reason, to);
      }
      if (!fault && to !== id) pairs.push(id, to);
    }
  }
  const stuck = firstStuck(good, pairs);
  return stuck === undefined ? { states: seen.size, transitions, violation: undefined } : found("no way on from here", stuck);
}

const moves = (state: State, rules: Rules): Move[] => [...driverMoves(state, rules), ...events(state, rules)];

/** Goes the way to a state again, to tell what happened on it. */
function retrace(start: State, rules: Rules, seen: Map<string, number>, parents: number[], id: number): Violation["trace"] {
  const way: number[] = [];
  for (let at = id; at > 0; at = parents[at]!) way.unshift(at);
  const trace = [{ what: "at the start", state: start }];
  for (const to of way) {
    const taken = moves(trace.at(-1)!.state, rules).find(({ next }) => seen.get(keyOf(next)) === to);
    if (!taken) throw new Error("the way there is lost");
    trace.push({ what: taken.what, state: taken.next });
  }
  return trace;
}

/** Walks back from every settled state; what is never met has no way on. Marks what it meets. */
function firstStuck(good: boolean[], pairs: number[]): number | undefined {
  // Who leads to a state: `into` from `ends[state - 1]` to `ends[state]`.
  const ends = new Uint32Array(good.length + 1);
  for (let i = 1; i < pairs.length; i += 2) ends[pairs[i]!]!++;
  for (let id = 1; id < ends.length; id++) ends[id]! += ends[id - 1]!;
  const into = new Uint32Array(pairs.length / 2);
  const at = ends.slice();
  for (let i = 0; i < pairs.length; i += 2) into[--at[pairs[i + 1]!]!] = pairs[i]!;
  const queue = good.flatMap((is, id) => (is ? [id] : []));
  for (const id of queue) {
    for (let i = at[id]!; i < ends[id]!; i++) {
      const from = into[i]!;
      if (good[from]) continue;
      good[from] = true;
      queue.push(from);
    }
  }
  const stuck = good.indexOf(false);
  return stuck < 0 ? undefined : stuck;
}
