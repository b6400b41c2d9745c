/**
 * What a changeover goes through, as data: the driver runs it, `docs/states.md` is drawn from it, and the model of
 * `test/unit/automation/` explores every way through it. Pure.
 */

export type Kind = "failover" | "switchover" | "reprotect" | "restore" | "activation";

/** What the service is in between two steps. */
export type State =
  | "protected"
  | "exposed"
  | "assessed"
  | "approved"
  | "fenced"
  | "compared"
  | "prepared"
  | "armed"
  | "paused"
  | "steered"
  | "drained"
  | "promoted"
  | "open"
  | "serving"
  | "switched"
  | "verified"
  | "proven"
  | "connected"
  | "rebuilt"
  | "copying"
  | "restoring"
  | "recovered"
  | "checked"
  | "listed";

export const STATES: Record<State, string> = {
  protected: "at rest: one site takes writes and a standby streams from it",
  exposed: "at rest: one site takes writes and nothing stands behind it",
  assessed: "the sites were asked and every guard says yes; nothing has changed",
  approved: "the operator agreed",
  fenced: "the site that is left takes no writes, or the operator accepted by name that this is not known",
  compared: "both databases were compared, table by table",
  prepared:
    "the target's update is started, and does nothing that the role decides before the word; in a planned move it has the pods of an active site",
  armed: "the target's update waits for the restored database; all that does not need one is there",
  paused: "the active site takes no writes; reads go on",
  steered: "the takeover switches lead traffic to the target",
  drained: "the target has replayed all that the active site ever acknowledged",
  promoted: "the target's database has no source any more: there is no way back",
  open: "the target's database takes writes",
  serving: "tiers 0 and 1 are ready at the target",
  switched: "the target's takeover switch is on",
  verified: "a write through the public name was read back from the target",
  proven: "every row of the site that was left is at the target",
  connected: "the data stack's provider is at the target",
  rebuilt: "the site that was left has a new database, made from the active one",
  copying: "the active site copies its buckets to it",
  restoring: "RDS makes a database of an earlier moment, beside the damaged one; nothing else has changed",
  recovered: "that database is there, and nobody writes to it",
  checked: "every table of it was read, what the operator asks of it holds, and it gives out no number that the damaged one gave out",
  listed: "every row of the damaged database that the restored one has not is written down",
};

/** At rest no step is under way: nothing has to be resumed. */
export const AT_REST: readonly State[] = ["protected", "exposed"];

export type Step =
  | "assess"
  | "approve"
  | "fence"
  | "compare"
  | "prepare"
  | "pause"
  | "steer"
  | "drain"
  | "promote"
  | "open"
  | "services"
  | "traffic"
  | "verify"
  | "prove"
  | "data"
  | "retire"
  | "rebuild"
  | "copy"
  | "stream"
  | "restore"
  | "recover"
  | "check"
  | "list"
  | "retrieve";

/** What a step does to a site; the words of the model. `old` is the site that is left, `target` the one that takes over. */
export type Effect =
  | "fence-old"
  | "pause-old"
  | "drain"
  | "promote-target"
  | "restore-target"
  | "open-target"
  | "switch-target-on"
  | "switch-old-off"
  | "verify-target"
  | "retire-old"
  | "rebuild-old"
  | "await-stream"
  | "pause-target"
  | "replace-target"
  | "restart-target";

/** One step: from a state to the next, and what it does. */
export interface Edge {
  kind: Kind;
  from: State;
  step: Step;
  to: State;
  /** In order. Empty: nothing that a site could tell. */
  effects: readonly Effect[];
  /** Stack whose update does it, beside others of the same update that follow. */
  update?: "target" | "old" | "active" | "data";
}

function chain(kind: Kind, start: State, rows: [Step, State, Effect[]?, Edge["update"]?][]): Edge[] {
  let from = start;
  return rows.map(([step, to, effects = [], update]) => {
    const edge: Edge = { kind, from, step, to, effects, ...(update && { update }) };
    from = to;
    return edge;
  });
}

/** Every step of every kind, in the order in which they are taken. */
export const EDGES: readonly Edge[] = [
  ...chain("failover", "protected", [
    ["assess", "assessed"],
    ["approve", "approved"],
    ["prepare", "prepared", [], "target"],
    // The switch first: the old site's guard, where one still looks, must see it before anything is promoted.
    ["fence", "fenced", ["switch-target-on", "fence-old"]],
    ["promote", "promoted", ["promote-target"], "target"],
    ["open", "open", ["open-target"]],
    ["services", "serving", [], "target"],
    ["traffic", "switched", ["switch-target-on"], "target"],
    ["verify", "verified", ["verify-target"]],
    ["data", "exposed", [], "data"],
  ]),
  ...chain("switchover", "protected", [
    ["assess", "assessed"],
    ["compare", "compared"],
    ["approve", "approved"],
    ["prepare", "prepared", [], "target"],
    ["pause", "paused", ["pause-old"]],
    ["steer", "steered", ["switch-target-on", "switch-old-off"]],
    ["drain", "drained", ["drain"]],
    ["promote", "promoted", ["promote-target"], "target"],
    ["open", "open", ["open-target"]],
    ["services", "serving", [], "target"],
    ["traffic", "switched", ["switch-target-on"], "target"],
    ["verify", "verified", ["verify-target"]],
    ["prove", "proven"],
    ["data", "connected", [], "data"],
    ["retire", "exposed", ["fence-old", "retire-old"], "old"],
  ]),
  ...chain("reprotect", "exposed", [
    ["assess", "assessed"],
    ["approve", "approved"],
    ["fence", "fenced", ["fence-old"]],
    ["compare", "compared"],
    ["rebuild", "rebuilt", ["rebuild-old"], "old"],
    ["copy", "copying", [], "active"],
    ["stream", "protected", ["await-stream"]],
  ]),
  // Of a dormant site, which has nothing but copies: `old` and whatever stood by it are lost. The switch comes late: a site that comes
  // back while the database is made serves meanwhile, and the activation is given up.
  ...chain("activation", "protected", [
    ["assess", "assessed"],
    ["approve", "approved"],
    ["restore", "restoring"],
    ["prepare", "armed", [], "target"],
    ["recover", "recovered", ["restore-target"]],
    ["check", "checked"],
    ["fence", "fenced", ["switch-target-on", "fence-old"]],
    ["open", "open", ["open-target"]],
    ["services", "serving", [], "target"],
    ["traffic", "switched", ["switch-target-on"], "target"],
    ["verify", "verified", ["verify-target"]],
    ["data", "connected", [], "data"],
    ["retrieve", "exposed"],
  ]),
  // Begins as well where nothing stands behind the active site, which is the target here.
  ...chain("restore", "protected", [
    ["assess", "assessed"],
    ["approve", "approved"],
    ["restore", "restoring"],
    ["pause", "paused", ["pause-target"]],
    ["recover", "recovered"],
    ["check", "checked"],
    ["prepare", "prepared", [], "target"],
    ["open", "open", ["replace-target", "open-target"]],
    ["services", "serving", ["restart-target"], "target"],
    ["traffic", "switched", ["switch-target-on"], "target"],
    ["verify", "verified", ["verify-target"]],
    ["list", "listed"],
    ["data", "exposed", [], "data"],
  ]),
];

/** What a way back does. */
export type Undo = "leave" | "reopen";

/** A way back, as `changeover resume --abort` takes it, or the driver itself when a step before the promotion fails. */
export interface Retreat {
  kind: Kind;
  /** From each of these. */
  from: readonly State[];
  undo: Undo;
  to: State;
}

export const RETREATS: readonly Retreat[] = [
  { kind: "failover", from: ["assessed", "approved", "prepared"], undo: "leave", to: "protected" },
  { kind: "failover", from: ["fenced"], undo: "reopen", to: "protected" },
  { kind: "switchover", from: ["assessed", "compared", "approved", "prepared"], undo: "leave", to: "protected" },
  { kind: "switchover", from: ["paused", "steered", "drained"], undo: "reopen", to: "protected" },
  { kind: "reprotect", from: ["assessed", "approved", "fenced", "compared"], undo: "leave", to: "exposed" },
  { kind: "activation", from: ["assessed", "approved", "restoring", "armed", "recovered", "checked"], undo: "leave", to: "protected" },
  { kind: "restore", from: ["assessed", "approved"], undo: "leave", to: "protected" },
  { kind: "restore", from: ["restoring", "paused", "recovered", "checked", "prepared"], undo: "reopen", to: "protected" },
];

/** From here on, begun or ended, there is no way back. */
export const IRREVERSIBLE: Record<Kind, Step> = {
  failover: "promote",
  switchover: "promote",
  reprotect: "rebuild",
  restore: "open",
  activation: "fence",
};

/** Whether a step, begun, binds whoever takes over from its changeover as well. A re-protection changes no roles. */
export function binds(kind: Kind, step: string | undefined): boolean {
  return kind !== "reprotect" && step === IRREVERSIBLE[kind];
}

/** The steps of a kind, in order. */
export function stepsOf(kind: Kind, edges: readonly Edge[] = EDGES): Edge[] {
  return edges.filter((edge) => edge.kind === kind);
}

/** The state that a kind begins in. */
export function startOf(kind: Kind): State {
  const [first] = stepsOf(kind);
  if (!first) throw new RangeError(`no kind ${kind}`);
  return first.from;
}

/** What comes after a state; `undefined` at the end. @throws RangeError for a state that the kind never is in */
export function nextStep(kind: Kind, state: State): Edge | undefined {
  const edges = stepsOf(kind);
  const next = edges.find(({ from }) => from === state);
  if (!next && edges.at(-1)?.to !== state) throw new RangeError(`a ${kind} is never ${state}`);
  return next;
}

/** How to get back from a state; `undefined` from the promotion on, or the opening of a restored database: there the only way is forward. */
export function retreatFrom(kind: Kind, state: State): Retreat | undefined {
  return RETREATS.find((retreat) => retreat.kind === kind && retreat.from.includes(state));
}

/** The state after a number of steps, told by the steps that have ended. */
export function stateAfter(kind: Kind, ended: readonly string[]): State {
  let state = startOf(kind);
  for (const { step, to } of stepsOf(kind)) {
    if (!ended.includes(step)) break;
    state = to;
  }
  return state;
}
