import { canonical, type RecordSet, type Zone } from "./zone";

/** One record of an answer; `value` as Route 53 writes it. */
export interface DnsRecord {
  name: string;
  type: string;
  /** Seconds. */
  ttl: number;
  value: string;
}

export interface Answer {
  /** REFUSED: no hosted zone and no AWS name that the lab plays. */
  rcode: "NOERROR" | "NXDOMAIN" | "REFUSED";
  records: DnsRecord[];
  /** The zone's SOA under a negative answer, so that resolvers know for how long. */
  authority: DnsRecord[];
  /** Why this answer, one sentence a step. */
  trail: string[];
}

/** What an answer depends on beside the records. */
export interface Facts {
  /** Whether a health check counts as healthy now. */
  healthy(check: string): boolean;
  /** Load balancers and S3 hosts by name; `undefined` for a name that AWS would not know. */
  aws(name: string): { address: string; healthy: boolean } | undefined;
  /** Longest life of a record in resolvers, in seconds. */
  maxTtl: number;
}

/** CNAMEs followed before giving up; also how deep aliases may be nested. */
const MAX_DEPTH = 8;

/**
 * What Route 53 answers to one question. A CNAME is followed through everything that the lab knows, so that a client
 * needs no second resolver. Simple and failover routing are Route 53's; of any other routing policy
 * (weighted, latency, ...) the first healthy record set answers, since all clients of the lab are in one place.
 *
 * Rules: "How Amazon Route 53 chooses records when health checking is configured" in the Route 53 developer guide.
 */
export function answer(zones: Zone[], facts: Facts, name: string, type: string): Answer {
  const trail: string[] = [];
  const records: DnsRecord[] = [];
  let owner = canonical(name);
  const ttl = (seconds: number): number => Math.min(seconds, facts.maxTtl);
  const done = (rcode: Answer["rcode"], zone?: Zone): Answer => ({
    rcode,
    records,
    authority: zone === undefined ? [] : [startOfAuthority(zone, ttl)],
    trail,
  });

  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const zone = zoneOf(zones, owner);
    if (zone === undefined) {
      const target = facts.aws(owner);
      if (target === undefined) {
        trail.push(`${owner}: in no hosted zone`);
        return done(records.length > 0 ? "NOERROR" : "REFUSED");
      }
      trail.push(`${owner}: ${target.address}`);
      if (type === "A") records.push({ name: owner, type, ttl: ttl(60), value: target.address });
      return done("NOERROR");
    }
    const sets = setsAt(zone, owner);
    const chosen = choose({ zone, facts, trail }, ofType(sets, type)) ?? choose({ zone, facts, trail }, ofType(sets, "CNAME"));
    if (chosen === undefined) {
      if (sets.length > 0 || hasDescendants(zone, owner)) {
        trail.push(`${owner}: exists, but has no ${type} record`);
        return done("NOERROR", zone);
      }
      trail.push(`${owner}: does not exist in ${zone.name}`);
      return done("NXDOMAIN", zone);
    }
    const values = valuesOf({ zone, facts, trail }, chosen, type);
    for (const value of values) records.push({ name: owner, type: chosen.type, ttl: ttl(chosen.ttl), value });
    const [first] = values;
    if (first === undefined) return done("NOERROR", zone);
    if (chosen.type === type) return done("NOERROR");
    owner = canonical(first);
  }
  trail.push(`${owner}: more than ${MAX_DEPTH} names followed`);
  return done("NOERROR");
}

interface Search {
  zone: Zone;
  facts: Facts;
  trail: string[];
}

/** The record set that answers among those of one name and type. When none is healthy all count as healthy, and a primary comes first. */
function choose(search: Search, sets: RecordSet[]): RecordSet | undefined {
  const inOrder = [...sets].sort((a, b) => order(a) - order(b));
  const [first] = inOrder;
  if (first === undefined || sets.length === 1) return first;
  const found = inOrder.find((set) => {
    const reason = unhealthy(search, set);
    search.trail.push(reason === undefined ? `${label(set)} answers` : `${label(set)} is out: ${reason}`);
    return reason === undefined;
  });
  if (found !== undefined) return found;
  search.trail.push(`nothing is healthy, so ${label(first)} answers`);
  return first;
}

/** Why a record set may not answer; `undefined` where it may. */
function unhealthy(search: Search, set: RecordSet, depth = 0): string | undefined {
  if (set.healthCheck !== undefined && !search.facts.healthy(set.healthCheck)) return `health check ${set.healthCheck} is unhealthy`;
  if (set.alias?.evaluateTargetHealth !== true) return undefined;
  const target = set.alias.target;
  if (depth >= MAX_DEPTH) return `aliases nested deeper than ${MAX_DEPTH}`;
  if (!within(search.zone, target)) {
    const host = search.facts.aws(target);
    if (host === undefined) return `${target} is no load balancer`;
    return host.healthy ? undefined : `${target} has no healthy target`;
  }
  const sets = ofType(setsAt(search.zone, target), set.type);
  if (sets.length === 0) return `${target} has no ${set.type} record`;
  const reasons = sets.map((inner) => unhealthy(search, inner, depth + 1));
  return reasons.includes(undefined) ? undefined : `nothing at ${target} is healthy`;
}

/** Values of a chosen record set, aliases followed. An alias answers under its own name. */
function valuesOf(search: Search, set: RecordSet, type: string, depth = 0): string[] {
  if (set.alias === undefined) return set.values;
  const { target } = set.alias;
  search.trail.push(`${label(set)} is an alias of ${target}`);
  if (depth >= MAX_DEPTH) return [];
  if (!within(search.zone, target)) {
    const host = type === "A" ? search.facts.aws(target) : undefined;
    if (host === undefined) search.trail.push(`${target} has no address`);
    return host === undefined ? [] : [host.address];
  }
  const inner = choose(search, ofType(setsAt(search.zone, target), set.type));
  return inner === undefined ? [] : valuesOf(search, inner, type, depth + 1);
}

function label(set: RecordSet): string {
  const kind = set.failover ?? set.setIdentifier ?? "";
  return [set.name, set.type, kind].filter((part) => part !== "").join(" ");
}

function order(set: RecordSet): number {
  return set.failover === "SECONDARY" ? 1 : 0;
}

function ofType(sets: RecordSet[], type: string): RecordSet[] {
  return sets.filter((set) => set.type === type);
}

function within(zone: Zone, name: string): boolean {
  return name === zone.name || name.endsWith(`.${zone.name}`);
}

/** The most specific zone that holds the name. */
function zoneOf(zones: Zone[], name: string): Zone | undefined {
  return zones.filter((zone) => within(zone, name)).sort((a, b) => b.name.length - a.name.length)[0];
}

/** Record sets of a name; where the name does not exist, those of the closest wildcard, under the asked name (RFC 4592). */
function setsAt(zone: Zone, name: string): RecordSet[] {
  const exact = zone.records.filter((set) => set.name === name);
  if (exact.length > 0 || hasDescendants(zone, name) || !within(zone, name)) return exact;
  const labels = name.split(".");
  for (let i = 1; i < labels.length; i++) {
    const parent = labels.slice(i).join(".");
    if (!within(zone, parent)) break;
    const wild = zone.records.filter((set) => set.name === `*.${parent}`);
    if (wild.length > 0) return wild;
    // A name that exists stops the search: its own wildcard is the only one that may speak below it.
    if (zone.records.some((set) => set.name === parent) || hasDescendants(zone, parent)) break;
  }
  return [];
}

function hasDescendants(zone: Zone, name: string): boolean {
  return zone.records.some((set) => set.name.endsWith(`.${name}`));
}

function startOfAuthority(zone: Zone, ttl: (seconds: number) => number): DnsRecord {
  const soa = zone.records.find((set) => set.type === "SOA" && set.name === zone.name);
  const [
    server = "ns.lab",
    mailbox = "hostmaster.lab",
    serial = "1",
    refresh = "7200",
    retry = "900",
    expire = "1209600",
    minimum = "86400",
  ] = soa?.values[0]?.split(/\s+/) ?? [];
  const value = [server, mailbox, serial, refresh, retry, expire, ttl(Number(minimum))].join(" ");
  return { name: zone.name, type: "SOA", ttl: ttl(soa?.ttl ?? 900), value };
}
