import type { Edge, Kind, Retreat } from "../../automation/changeover/table";

/** A is the home of the service, B stands behind it in DNS: a warm site, or the cold one. A third one only answers that its switch is off. */
export type Place = 0 | 1;
export const NAMES = ["A", "B"] as const;
export const other = (place: Place): Place => (place === 0 ? 1 : 0);

export interface Site {
  up: boolean;
  /** `stale`: a replica of a database that the active site has left by a restore; `none`: the site is dormant. */
  database: "replica" | "primary" | "stale" | "none";
  /** Who asked for a promotion that is still under way. */
  promoting: Kind | undefined;
  /** What a replica has not got yet: nothing, marks only, acknowledged writes. */
  lag: 0 | 1 | 2;
  mark: "open" | "paused" | "fenced";
  markEpoch: number;
  /** Whose database was marked; replication carries that along. */
  markSite: Place;
  /** The services' role may log in. */
  lease: boolean;
  /** Somebody has logged in, and need not do so again. */
  sessions: boolean;
  /** The guard has looked round since the site came back. */
  looked: boolean;
  /** The mark that the guard has read and decided to open, and has not opened yet. */
  opening: string | undefined;
  /** What the site's own pods are told: their role, and since which epoch. */
  role: "active" | "standby" | "fenced";
  epoch: number;
  /** Epoch of the stack's outputs, which are written when an update has ended. */
  stack: number;
  /** They say that the site is the active one. */
  stackActive: boolean;
  /** Epoch that the takeover switch shows; 0 where it is off. */
  switch: number;
  /** A failover left this site without knowing that it takes no writes, and its guard has not looked since. */
  unfenced: boolean;
}

/** One changeover under way, with the process that drives it. */
export interface Driver {
  kind: Kind;
  /** The site that takes over; in a re-protection the active one. */
  target: Place;
  epoch: number;
  /** Steps that the journal has as ended. */
  ended: number;
  /** The journal has the next step as begun. */
  begun: boolean;
  /** A promotion was asked for, or a restored database opened, by this changeover or one that it took over from. */
  asked: boolean;
  /** It took over from another one, and what that one had done. */
  heir: boolean;
  /** Effects of that step that this process has seen done. */
  done: number;
  running: boolean;
  /** On the way back. */
  undoing: boolean;
}

/** A pair that cannot reach each other: the sites, or the operators' place and a site. */
export type Cut = "none" | "A-B" | "operator-A" | "operator-B";

export interface State {
  /** B is the cold site: it is activated from a copy, and not rebuilt once it was left. */
  cold: boolean;
  sites: [Site, Site];
  drivers: [Driver | undefined, Driver | undefined];
  cut: Cut;
  /** Changeovers that may still be begun. */
  left: number;
  /** Losses and cuts that may still happen; `undefined`: any number. */
  trouble: number | undefined;
  /** What no state may ever have; set by the transition that does it. */
  breach: string | undefined;
}

/** What is explored: the product's own rules, or these with a fault in them. */
export interface Rules {
  edges: readonly Edge[];
  retreats: readonly Retreat[];
  /** What a guard does at what it sees. */
  guard: (state: State, place: Place) => GuardAction;
  /** A site that comes back finds its lease run out. */
  leaseRunsOut: boolean;
  /** At a site that is up, the guard always renews the lease before it runs out. */
  guardsInTime: boolean;
  /** The guard opens only the mark that it had read. */
  comparesMark: boolean;
  /** For the way back, a step that was begun counts as taken. */
  begunCounts: boolean;
  /** There is no way back once a promotion was asked for, also by a changeover that this one took over from. */
  retreatKnowsPromotion: boolean;
  /** A failover that took over from another changeover and is given up undoes what that one had done. */
  heirsPay: boolean;
  /** A failover that takes over from one to another site begins an epoch that no site had. */
  beyondLeft: boolean;
  /** Once a way back was begun there is no way forward. */
  retreatIsFinal: boolean;
  /** A second operator sees what the first one has open. */
  seesOthers: boolean;
  /** Whether it also counts where DNS leads: at rest to the writer, and verification goes that way. */
  traffic: boolean;
  /** A site that finds a higher epoch turns its own takeover switch off. */
  fencedTurnsSwitchOff: boolean;
}

export type GuardAction = { action: "idle" | "hold" | "renew" | "open" } | { action: "fence"; epoch: number };

export function initial(left: number, trouble?: number): State {
  const site: Site = {
    up: true,
    database: "primary",
    promoting: undefined,
    lag: 0,
    mark: "open",
    markEpoch: 1,
    markSite: 0,
    lease: true,
    sessions: true,
    looked: true,
    opening: undefined,
    role: "active",
    epoch: 1,
    stack: 1,
    stackActive: true,
    switch: 1,
    unfenced: false,
  };
  const standby: Site = { ...site, database: "replica", lease: false, sessions: false, role: "standby", stackActive: false, switch: 0 };
  return { cold: false, sites: [site, standby], drivers: [undefined, undefined], cut: "none", left, trouble, breach: undefined };
}

/** A is active, and whatever stood by it is of no account: B is the cold site, with a copy. */
export function dormant(left: number, trouble?: number): State {
  const state = initial(left, trouble);
  state.cold = true;
  state.sites[1].database = "none";
  return state;
}

/** After a failover or a switchover: B is active, A was left and is fenced. */
export function exposed(left: number, trouble?: number): State {
  const state = initial(left, trouble);
  Object.assign(state.sites[0], { mark: "fenced", markEpoch: 2, lease: false, sessions: false, switch: 0 });
  Object.assign(state.sites[1], { database: "primary", markEpoch: 2, markSite: 1, lease: true, sessions: true, role: "active" });
  Object.assign(state.sites[1], { epoch: 2, stack: 2, stackActive: true, switch: 2 });
  return state;
}

export function copy({ sites: [a, b], drivers: [first, second], ...rest }: State): State {
  return { ...rest, sites: [{ ...a }, { ...b }], drivers: [first && { ...first }, second && { ...second }] };
}

export const accepts = ({ up, database, mark, lease, sessions }: Site): boolean =>
  up && database === "primary" && mark === "open" && (lease || sessions);

export const linked = ({ sites: [a, b], cut }: State): boolean => a.up && b.up && cut !== "A-B";

export const reachable = ({ sites, cut }: State, place: Place): boolean => sites[place].up && cut !== `operator-${NAMES[place]}`;

/** Where DNS leads: home, unless the later site's switch is on. */
export const served = ({ sites: [, b] }: State): Place => (b.up && b.switch > 0 ? 1 : 0);

/** Sets the mark of a place; it is in the WAL, so a replica of it is a mark behind. */
export function setMark(state: State, place: Place, mark: Site["mark"], epoch: number): void {
  const site = state.sites[place];
  site.mark = mark;
  site.markEpoch = epoch;
  site.markSite = place;
  site.sessions = mark === "open";
  if (mark === "open") site.lease = true;
  if (mark === "fenced") site.lease = false;
  const replica = state.sites[other(place)];
  if (replica.database === "replica" && replica.lag === 0) replica.lag = 1;
}

/** One string for each state that differs in something that matters. */
export function keyOf({ sites, drivers, cut, left, trouble, breach }: State): string {
  const [first = "", second = ""] = drivers.map(
    (d) => d && `${d.kind.slice(0, 3)}${d.target}${d.epoch}.${d.ended}.${d.done}${bits(d.begun, d.asked, d.heir, d.running, d.undoing)}`,
  );
  const [a, b] = sites.map(
    (s) =>
      `${s.database[0]}${s.lag}${s.mark[0]}${s.markEpoch}${s.markSite}${s.role[0]}${s.epoch}${s.stack}${s.switch}${s.promoting?.[0] ?? ""}${s.opening ?? ""}${bits(
        s.up,
        s.lease,
        s.sessions,
        s.looked,
        s.unfenced,
        s.stackActive,
      )}`,
  );
  // Which of two operators is which makes no difference.
  return `${a}|${b}|${first < second ? `${first}&${second}` : `${second}&${first}`}|${cut}${left}${trouble ?? ""}${breach ?? ""}`;
}

const bits = (...values: boolean[]): string => String.fromCharCode(values.reduce((sum, value) => sum * 2 + Number(value), 64));
