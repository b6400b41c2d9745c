import { binds, type Edge, type Kind, type State as Stage } from "../../automation/changeover/table";
import { perform } from "./effects";
import { copy, linked, NAMES, other, reachable, setMark, type Driver, type Place, type Rules, type Site, type State } from "./state";

/** One thing that can happen. */
export interface Move {
  what: string;
  /** Something that goes wrong, or an operator's new wish: a way on may not depend on it. */
  fault: boolean;
  next: State;
}

const stepsOf = ({ edges }: Rules, kind: Kind): Edge[] => edges.filter((edge) => edge.kind === kind);

/** All that the operators and their drivers may do. */
export function driverMoves(state: State, rules: Rules): Move[] {
  return [...begin(state, rules), ...([0, 1] as const).flatMap((slot) => drive(state, rules, slot))];
}

/** The site that the newest outputs call active. The state is at neither. */
function active({ sites: [a, b] }: State): Place {
  const since = ({ stackActive, stack }: Site): number => (stackActive ? stack : 0);
  return since(a) > since(b) ? 0 : 1;
}

/** What is open is refused; but a failover takes over from a changeover whose driver does not run any more. */
function begin(state: State, rules: Rules): Move[] {
  const opened = rules.seesOthers ? state.drivers.find((driver) => driver !== undefined) : undefined;
  const slot = opened ? state.drivers.indexOf(opened) : state.drivers.indexOf(undefined);
  if (state.left === 0 || slot < 0 || opened?.running === true) return [];
  const from = active(state);
  const to = other(from);
  const reached = Math.max(...state.sites.map(({ stack }) => stack));
  const isReplica = state.sites[to].database === "replica";
  const isDormant = state.sites[to].database === "none";
  const isCold = state.cold && to === 1;
  const fresh = { ended: 0, begun: false, done: 0, running: true, undoing: false };
  const start = (kind: Kind, target: Place, epoch: number): Move => {
    const next = copy(state);
    next.left--;
    const ended = afterSilent(rules, kind, 0);
    next.drivers[slot] = { kind, target, epoch, asked: opened?.asked === true, heir: opened !== undefined, ...fresh, ended };
    return { what: `an operator begins: ${kind}, target ${NAMES[target]}, ${NAMES[from]} is active, epoch ${epoch}`, fault: true, next };
  };
  const both = reachable(state, from) && reachable(state, to);
  const goesOn = opened?.asked === true && opened.kind !== "activation" && opened.target === to;
  // The site that was being left takes its role back, in an epoch that the one which is lost never had.
  const back = opened?.asked === true && opened.kind !== "restore" ? other(opened.target) : undefined;
  const returns =
    back !== undefined && !reachable(state, other(back)) && reachable(state, back) && state.sites[back].database === "primary";
  const left = (target: Place): number =>
    !opened?.asked || !rules.beyondLeft ? 0 : opened.target === target ? opened.epoch - 1 : opened.epoch;
  const ahead = (target: Place): number => Math.max(reached, left(target)) + 1;
  return [
    ...(reachable(state, to) && (isReplica || goesOn) ? [start("failover", to, ahead(to))] : []),
    ...(returns ? [start("failover", back, ahead(back))] : []),
    ...(!opened && both && isReplica && linked(state) ? [start("switchover", to, reached + 1)] : []),
    ...(!opened && both && !isReplica && !isCold ? [start("reprotect", from, reached)] : []),
    ...(reachable(state, to) && isDormant ? [start("activation", to, Math.max(reached, opened?.epoch ?? 0) + 1)] : []),
    ...(!opened && reachable(state, from) && state.sites[from].database === "primary" ? [start("restore", from, reached + 1)] : []),
  ];
}

/** Builds moves of one driver; without `change` its changeover is over. */
type Make = (what: string, change?: (next: State, driver: Driver) => void, from?: State) => Move;

function drive(state: State, rules: Rules, slot: 0 | 1): Move[] {
  const driver = state.drivers[slot];
  if (!driver) return [];
  const make: Make = (what, change, from = state) => {
    const next = copy(from);
    const own = next.drivers[slot];
    if (change && own) change(next, own);
    else next.drivers[slot] = undefined;
    return { what: `${driver.kind} ${driver.epoch}: ${what}`, fault: false, next };
  };
  if (!driver.running) {
    const resumed = make("resumed", (_, own) => (own.running = true));
    return driver.undoing && rules.retreatIsFinal ? [resumed] : [resumed, ...retreat(rules, driver, make)];
  }
  const lost = { running: false, done: 0, undoing: driver.undoing && rules.retreatIsFinal };
  const killed = { ...make("its driver is killed", (_, own) => Object.assign(own, lost)), fault: true };
  if (driver.undoing) return [killed, ...undo(state, rules, driver, make)];
  return [killed, ...step(state, rules, driver, make), ...(inVain(state, rules, driver) ? retreat(rules, driver, make) : [])];
}

/** What a switchover waits for never comes: somebody else's promotion made a primary of its target before that had everything. */
function inVain({ sites }: State, rules: Rules, { kind, target, ended, done }: Driver): boolean {
  const { database, lag } = sites[target];
  return kind === "switchover" && stepsOf(rules, kind)[ended]?.effects[done] === "drain" && database === "primary" && lag > 0;
}

/** The next thing of the next step. */
function step(state: State, rules: Rules, driver: Driver, make: Make): Move[] {
  const steps = stepsOf(rules, driver.kind);
  const edge = steps[driver.ended]!;
  const place = placeOf(driver, edge);
  if (driver.done === 0 && !mayUpdate(state, rules, driver, edge)) return [];
  const effect = edge.effects[driver.done];
  if (effect !== undefined) {
    return perform(state, rules, driver, effect).map(({ how, next, done }) => {
      const after = {
        begun: true,
        asked: driver.asked || binds(driver.kind, edge.step),
        done: driver.done + Number(done),
      };
      return make(`${edge.step}: ${effect}${how}`, (_, own) => Object.assign(own, after), next);
    });
  }
  const ended = afterSilent(rules, driver.kind, driver.ended + 1);
  const write = (next: State): void => {
    // Outputs are written last.
    if (place === undefined || !isLastOfUpdate(rules, driver, edge)) return;
    Object.assign(next.sites[place], { stack: driver.epoch, stackActive: next.sites[place].role === "active" });
  };
  if (ended < steps.length) {
    return [
      make(`${edge.step} ended`, (next, own) => {
        write(next);
        Object.assign(own, { ended, begun: false, done: 0 });
      }),
    ];
  }
  const last = make(`${edge.step} ended, and all of it`);
  write(last.next);
  return [last];
}

/** Where the stack of an update is; `data` is nowhere in particular. */
function placeOf({ target }: Driver, { update }: Edge): Place | undefined {
  if (update === undefined || update === "data") return undefined;
  return update === "old" ? other(target) : target;
}

const isLastOfUpdate = (rules: Rules, { kind }: Pick<Driver, "kind">, edge: Edge): boolean =>
  stepsOf(rules, kind).findLast(({ update }) => update === edge.update) === edge;

/**
 * Steps that nobody can tell from their not having been taken are taken at once, so that they are not explored apart:
 * they do nothing, write no outputs, and the way back is the same before and after.
 */
function afterSilent(rules: Rules, kind: Kind, ended: number): number {
  const steps = stepsOf(rules, kind);
  const wayBack = (stage: Stage): string | undefined =>
    rules.retreats.find((retreat) => retreat.kind === kind && retreat.from.includes(stage))?.undo;
  let at = ended;
  for (let edge = steps[at]; edge && at < steps.length - 1; edge = steps[++at]) {
    const told = edge.effects.length > 0 || (edge.update !== undefined && isLastOfUpdate(rules, { kind }, edge));
    // Before the first effect there is nothing to go back from.
    const touched = steps.slice(0, at + 1).some(({ effects }) => effects.length > 0);
    if (told || (touched && wayBack(edge.from) !== wayBack(edge.to))) break;
  }
  return at;
}

/** A stack must answer, be locked by nobody else, and not have reached a later epoch. */
function mayUpdate(state: State, rules: Rules, driver: Driver, edge: Edge): boolean {
  const place = placeOf(driver, edge);
  if (place === undefined) return edge.update !== "data" || reachable(state, driver.target);
  const locked = state.drivers.some((holder) => holder && holder !== driver && holds(rules, holder, place));
  return reachable(state, place) && !locked && state.sites[place].stack <= driver.epoch;
}

/** An update holds its stack's lock from its first step to its last, also when its driver was killed. */
function holds(rules: Rules, driver: Driver, place: Place): boolean {
  const updates = stepsOf(rules, driver.kind).map((edge) => placeOf(driver, edge) === place);
  const first = updates.indexOf(true);
  return first >= 0 && (driver.ended > first || (driver.ended === first && driver.begun)) && driver.ended <= updates.lastIndexOf(true);
}

/** `resume --abort`: the state in the table says how. A step that was begun may have done all it does. */
function retreat(rules: Rules, driver: Driver, make: Make): Move[] {
  const edge = stepsOf(rules, driver.kind)[driver.ended]!;
  const stage = driver.begun && rules.begunCounts ? edge.to : edge.from;
  const way = rules.retreats.find(({ kind, from }) => kind === driver.kind && from.includes(stage));
  if (!way || (driver.asked && rules.retreatKnowsPromotion)) return [];
  if (way.undo === "leave" && !(driver.heir && rules.heirsPay)) return [make(`aborted from ${stage}: leave`)];
  return [make(`aborted from ${stage}: reopen`, (_, own) => Object.assign(own, { running: true, undoing: true }))];
}

/** Reopen: the target's switch off, the old one's on, writes open where they were. Over when all three are so. */
function undo(state: State, rules: Rules, driver: Driver, make: Make): Move[] {
  const { target, ended, begun, heir } = driver;
  const old = other(target);
  if (driver.kind === "restore") return unpause(state, driver, make);
  const from = state.sites[old];
  const answers = reachable(state, target);
  const isOff = state.sites[target].switch === 0;
  if (answers && !isOff) return [make("reopen: target's switch off", (next) => (next.sites[target].switch = 0))];
  if (!reachable(state, old)) return [];
  // One after the other, as the driver does it: the guard may look in between.
  if (from.switch === 0) return [make("reopen: old's switch on", (next) => (next.sites[old].switch = from.epoch))];
  if (from.mark !== "open") {
    return [
      make("reopen: old open", (next) => {
        setMark(next, old, "open", from.epoch);
        next.sites[old].looked = true;
      }),
    ];
  }
  const steps = stepsOf(rules, driver.kind).slice(0, ended + Number(begun));
  const steered = heir || steps.some(({ effects }) => effects.includes("switch-target-on"));
  return isOff && (answers || !steered) ? [make("reopened, and over")] : [];
}

/** A restore that is given up opens the database that it had paused. */
function unpause(state: State, { target }: Driver, make: Make): Move[] {
  const own = state.sites[target];
  if (!reachable(state, target)) return [];
  if (own.mark === "open") return [make("reopened, and over")];
  return [
    make("reopen: target open", (next) => {
      setMark(next, target, "open", own.epoch);
      next.sites[target].looked = true;
    }),
  ];
}
