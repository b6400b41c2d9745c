import type { Move } from "./driver";
import { stepsAside } from "./guard";
import { accepts, copy, linked, NAMES, other, setMark, type Cut, type Place, type Rules, type Site, type State } from "./state";

const PLACES = [0, 1] as const;
const CUTS: readonly Cut[] = ["A-B", "operator-A", "operator-B"];

/** All that happens without anyone asking. At most one site is lost and one pair cut off at a time, any number of times. */
export function events(state: State, rules: Rules): Move[] {
  const moves: Move[] = [];
  const add = (what: string, change: (next: State) => void, fault = false): void => {
    const next = copy(state);
    change(next);
    moves.push({ what, fault, next });
  };
  const nobodyLost = state.sites.every(({ up }) => up);
  for (const place of PLACES) {
    const site = state.sites[place];
    const name = NAMES[place];
    if (!site.up) {
      add(`${name} comes back`, (next) => (next.sites[place].up = true));
      continue;
    }
    if (nobodyLost && state.trouble !== 0) {
      add(
        `${name} is lost`,
        (next) => {
          const { sites } = next;
          if (next.trouble !== undefined) next.trouble--;
          const lost = { up: false, sessions: false, looked: false, opening: undefined };
          Object.assign(sites[place], lost, rules.leaseRunsOut ? { lease: false } : {});
          if (site.database !== "primary") sites[place].looked = true;
        },
        true,
      );
    }
    if (site.promoting) {
      // Whoever asked for it may have been overtaken: then it lost nothing, and lacks what the other site took since.
      const awaits = state.drivers.find((driver) => driver?.target === place && driver.asked);
      add(`${name}'s promotion is done`, (next) => {
        if (awaits?.kind === "switchover" && site.lag === 2) next.breach = "a switchover lost an acknowledged write";
        const open = site.mark === "open";
        const promoted = { database: "primary", promoting: undefined, lease: open, sessions: open, looked: true } as const;
        Object.assign(next.sites[place], promoted, awaits && { lag: 0 });
      });
      continue;
    }
    if (site.database === "none") continue;
    if (site.database !== "primary" && rules.fencedTurnsSwitchOff && stepsAside(state, place, { action: "idle" })) {
      add(`${name}'s guard turns its switch off`, (next) => (next.sites[place].switch = 0));
    }
    if (site.database === "stale") continue;
    if (site.database === "replica") {
      const source = state.sites[other(place)];
      if (linked(state) && source.database === "primary" && site.lag > 0) {
        add(`${name} has replayed everything`, (next) => {
          Object.assign(next.sites[place], { lag: 0, mark: source.mark, markEpoch: source.markEpoch, markSite: source.markSite });
        });
      }
      continue;
    }
    const replica = state.sites[other(place)];
    if (accepts(site) && replica.database === "replica" && replica.lag < 2) {
      add(`${name} acknowledges a write`, (next) => (next.sites[other(place)].lag = 2), true);
    }
    if (site.lease && rules.leaseRunsOut && !rules.guardsInTime)
      add(`${name}'s lease runs out`, (next) => (next.sites[place].lease = false), true);
    if (site.opening === undefined) guard(state, rules, place, add);
    else {
      add(`${name}'s guard opens`, (next) => {
        if (!rules.comparesMark || site.opening === markOf(site)) setMark(next, place, "open", site.epoch);
        next.sites[place].opening = undefined;
      });
    }
  }
  if (state.cut === "none" && state.trouble !== 0) {
    for (const cut of CUTS) {
      add(
        `${cut} is cut`,
        (next) => {
          next.cut = cut;
          if (next.trouble !== undefined) next.trouble--;
        },
        true,
      );
    }
  }
  if (state.cut !== "none") add(`${state.cut} is healed`, (next) => (next.cut = "none"));
  return moves;
}

const markOf = ({ mark, markEpoch, markSite }: Site): string => `${mark}${markEpoch}${markSite}`;

/** A guard's look round, and what it does then. */
function guard(state: State, rules: Rules, place: Place, add: (what: string, change: (next: State) => void) => void): void {
  const decision = rules.guard(state, place);
  add(`${NAMES[place]}'s guard looks: ${decision.action}`, (next) => {
    const own = next.sites[place];
    // Only a site that has run all along, with its lease, may go on without having read the target's switch.
    if (linked(state) || !own.looked || !own.lease) own.unfenced = false;
    own.looked = true;
    if (rules.fencedTurnsSwitchOff && stepsAside(state, place, decision)) own.switch = 0;
    switch (decision.action) {
      case "idle":
        return;
      case "hold":
        if (!own.lease) own.sessions = false;
        return;
      case "renew":
        own.lease = true;
        own.sessions = own.mark === "open";
        return;
      case "open":
        own.opening = markOf(own);
        return;
      case "fence":
        if (own.mark !== "fenced" || own.markEpoch < decision.epoch) setMark(next, place, "fenced", decision.epoch);
        own.lease = false;
        own.sessions = false;
        own.unfenced = false;
    }
  });
}
