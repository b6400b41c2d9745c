import { decide, overtakenIn, type Sight, type Switch } from "../../guard/decide";
import { linked, NAMES, other, type GuardAction, type Place, type Site, type State } from "./state";

/** What the guard of a place sees; the cold site always answers that its switch is off. */
export function sightOf(state: State, place: Place): Sight {
  const { role, epoch, database, mark, markEpoch, markSite, lease } = state.sites[place];
  const peer = other(place);
  const marked = { site: NAMES[markSite], epoch: markEpoch, state: mark, by: "someone", reason: "", at: new Date(0) };
  const switches = { [NAMES[peer]]: seen(state.sites[peer], peer, linked(state)), C: { state: "off" } as const };
  const standing = { site: NAMES[place], epoch, role, recovering: database !== "primary", others: [NAMES[peer], "C"] };
  return { ...standing, mark: marked, leaseLeftMs: lease ? 1 : -1, switches, now: 0 };
}

function seen({ switch: epoch }: Site, place: Place, answers: boolean): Switch {
  if (!answers) return { state: "unreadable", reason: "no answer" };
  return epoch === 0 ? { state: "off" } : { state: "on", activeSite: NAMES[place], epoch };
}

/** The product's own guard. */
export const asDecided = (state: State, place: Place): GuardAction => decide(sightOf(state, place));

/** Whether it also turns its site's own switch off: one from before another site took over. */
export function stepsAside(state: State, place: Place, action: GuardAction): boolean {
  const { epoch, switch: own } = state.sites[place];
  const overtaken = overtakenIn(sightOf(state, place), { ...action, epoch: "epoch" in action ? action.epoch : epoch, reason: "" });
  return own > 0 && overtaken !== undefined && own < overtaken;
}

/** One that lets a standby's database be, whoever promoted it. */
export function leavingStandbys(state: State, place: Place): GuardAction {
  const { role } = state.sites[place];
  return role === "standby" ? { action: "idle" } : decide(sightOf(state, place));
}

/** One that opens unless it could read no switch at all, as the words \u201cnone could be read\u201d would have it. */
export const trustingAnySwitch = (state: State, place: Place): GuardAction => decide({ ...sightOf(state, place), others: [] });
