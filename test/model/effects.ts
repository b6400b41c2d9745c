import type { Effect } from "../../automation/changeover/table";
import { accepts, copy, linked, other, reachable, served, setMark, type Driver, type Rules, type State } from "./state";

/** What an attempt leads to. None: the driver waits, or gives up. */
export interface Outcome {
  how: string;
  next: State;
  /** `false`: begun at the site, and still to be waited for. */
  done: boolean;
}

type Change = (next: State) => void;

/** What an effect of the table means here. Idempotent: a driver that resumes does the step again. */
export function perform(state: State, rules: Rules, driver: Driver, effect: Effect): Outcome[] {
  const { target, epoch, kind } = driver;
  const old = other(target);
  const from = state.sites[old];
  const to = state.sites[target];
  const outcome = (change?: Change, how = "", done = true): Outcome[] => {
    if (!change) return [{ how, next: copy(state), done }];
    const next = copy(state);
    change(next);
    return [{ how, next, done }];
  };
  const when = (possible: boolean, change?: Change, how?: string, done?: boolean): Outcome[] =>
    possible ? outcome(change, how, done) : [];
  const ofOld = reachable(state, old);
  const ofTarget = reachable(state, target);

  switch (effect) {
    case "fence-old": {
      // Nothing is marked in a replica. Whoever activates a cold site calls no other.
      if (kind === "reprotect" && from.database !== "primary") return outcome(undefined, " (nobody wrote there)");
      const marks = kind !== "activation" && ofOld && from.database === "primary" && from.markEpoch <= epoch;
      const fence = when(marks, (next) => {
        setMark(next, old, "fenced", epoch);
      });
      const accept = when(
        kind === "failover" || kind === "activation",
        (next) => (next.sites[old].unfenced = true),
        " (not fenced, accepted by name)",
      );
      return [...fence, ...accept];
    }
    case "pause-old":
      return when(ofOld && from.markEpoch <= epoch && from.mark !== "fenced", (next) => {
        setMark(next, old, "paused", from.markEpoch);
      });
    case "switch-target-on":
      return when(ofTarget, (next) => (next.sites[target].switch = epoch));
    case "switch-old-off":
      // In a failover it is tried; the site's guard does it when it comes back.
      return ofOld ? outcome((next) => (next.sites[old].switch = 0)) : when(kind === "failover", undefined, " (no answer)");
    case "drain":
      return when(ofOld && ofTarget && from.mark !== "open" && to.lag === 0);
    case "promote-target":
      if (!ofTarget) return [];
      if (to.database === "primary") {
        return outcome((next) => Object.assign(next.sites[target], { role: "active", epoch }));
      }
      return when(to.promoting === undefined, (next) => (next.sites[target].promoting = kind), " (asked)", false);
    case "restore-target":
      if (to.database === "primary") return outcome();
      // A copy has the mark of when it was taken.
      return when(ofTarget, (next) => {
        const copied = {
          database: "primary",
          lag: 0,
          mark: "open",
          markEpoch: epoch - 1,
          markSite: old,
          lease: false,
          sessions: false,
        } as const;
        Object.assign(next.sites[target], copied);
      });
    case "open-target":
      return when(ofTarget && to.database === "primary" && to.markEpoch <= epoch, (next) => {
        setMark(next, target, "open", epoch);
        next.sites[target].looked = true;
        // With the opening its pods begin.
        if (kind === "activation") Object.assign(next.sites[target], { role: "active", epoch });
      });
    case "verify-target":
      return when(ofTarget && accepts(to) && (!rules.traffic || served(state) === target));
    case "retire-old":
      return when(ofOld, (next) => Object.assign(next.sites[old], { role: "fenced", epoch, switch: 0 }));
    case "rebuild-old":
      return when(ofOld && linked(state) && to.database === "primary", (next) => {
        if (from.database === "primary" && from.mark !== "fenced") next.breach = "a database that is left still takes writes";
        const fresh = {
          database: "replica",
          lag: 2,
          mark: "open",
          markEpoch: to.markEpoch,
          markSite: to.markSite,
          lease: false,
          sessions: false,
        } as const;
        const standing = { role: "standby", epoch, switch: 0, unfenced: false, opening: undefined, looked: true } as const;
        if (from.database !== "replica") Object.assign(next.sites[old], fresh, standing);
        else Object.assign(next.sites[old], standing);
      });
    case "pause-target":
      return when(ofTarget && to.markEpoch <= epoch && to.mark !== "fenced", (next) => {
        setMark(next, target, "paused", to.markEpoch);
      });
    case "replace-target":
      // Another database takes the place; the damaged one stays paused, and the guard looks at it until it is restarted.
      return when(ofTarget && to.markEpoch <= epoch, (next) => {
        if (from.database === "replica") Object.assign(next.sites[old], { database: "stale", lag: 0 });
      });
    case "restart-target":
      return when(ofTarget, (next) => Object.assign(next.sites[target], { epoch }));
    case "await-stream":
      return when(linked(state) && from.database === "replica" && from.lag === 0);
  }
}
