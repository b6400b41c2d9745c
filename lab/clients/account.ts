import { Client, type ClientConfig } from "pg";
import { isAcknowledged, type Acknowledgement, type Attempt } from "./ledger";

/** A write as the surviving database has it. */
export interface Row {
  key: string;
  service: string;
  site: string;
  epoch: number;
  writtenAt: Date;
}

export interface Account {
  /** Keys that some attempt was acknowledged for. */
  acknowledged: number;
  /** Acknowledged keys that the surviving database does not have. */
  lost: number;
  lostKeys: string[];
  /**
   * Keys that were written more than once: with more than one row, or acknowledged as created more than once. One
   * that was created and is then acknowledged as already there is the same write, told again.
   */
  duplicated: number;
  /** Age of the oldest lost write at the moment of the outage, in milliseconds; 0 where nothing was lost, or only later writes. */
  oldestLostAgeMs: number;
  services: ServiceDowntime[];
  tiers: TierDowntime[];
  /** Downtime over all services together: how long none of them acknowledged anything. */
  clientDowntimeMs: number;
}

/** The longest time without an acknowledgement, from the outage on. All times in milliseconds since 1970. */
export interface Downtime {
  /** Last acknowledgement before it; `undefined` where there never was one. */
  lastAckBefore: number | undefined;
  /** First acknowledgement after it; `undefined` where there is none by the end. */
  firstAckAfter: number | undefined;
  /** Until the end of the ledger where it did not end. */
  downtimeMs: number;
}

export interface ServiceDowntime extends Downtime {
  service: string;
  tier: number;
}

/** From the first service of the tier that went to the last one that came back. */
export interface TierDowntime extends Downtime {
  tier: number;
}

/** One move of the active site, as far as the account needs it. */
export interface Move {
  /** Epoch that it began. */
  epoch: number;
  /** Site that took over. */
  to: string;
  /** When it began: the outage, or the command of a planned one. Milliseconds since 1970. */
  at: number;
  /** Up to when the ages of lost writes count, where that is later: the pause of a planned one. Default `at`. */
  lastWritesAt?: number | undefined;
}

/** What one move did to the clients. Losses are those of the epoch that it ended, downtimes run up to the next move. */
export interface MoveAccount extends Pick<
  Account,
  "acknowledged" | "lost" | "duplicated" | "oldestLostAgeMs" | "services" | "tiers" | "clientDowntimeMs"
> {
  epoch: number;
  /**
   * Acknowledgements by another site for requests that were sent after the target had acknowledged one: two sites took
   * writes at once. Told by the site, not by the epoch: pods of a standby serve its promoted database before they are rolled.
   */
  elsewhere: number;
  /** Of the service that waited longest between two of its acknowledgements. */
  longestServicePauseMs: number;
  /** When that began, milliseconds since 1970; `undefined` where nothing was ever acknowledged before. */
  longestServicePauseAt: number | undefined;
}

export interface Window {
  /** Milliseconds since 1970. For a planned changeover: when it began. */
  outageAt: number;
  /** What was sent later is left out. Default: the end of the ledger. */
  until?: number;
}

/**
 * The account of several moves, one after another. Every site's writes end up in the database of the site that is active
 * at the end, so that one has to have them all. Pure.
 * @param moves in order, at least one
 * @returns `total` over all epochs, the last one included, which no move has ended
 */
export function accountOfMoves(
  ledger: Iterable<Attempt>,
  rows: Iterable<Row>,
  moves: readonly Move[],
): { total: Account; moves: MoveAccount[] } {
  const attempts = [...ledger];
  const kept = [...rows];
  const [first] = moves;
  if (!first) throw new RangeError("an account of no move");
  const acknowledgements = attempts.filter(isAcknowledged).sort((a, b) => a.ackAt - b.ackAt);
  const epochOf = firstEpochs(acknowledgements);
  return {
    total: account(attempts, kept, { outageAt: first.at }),
    moves: moves.map(({ epoch, to, at, lastWritesAt = at }, i): MoveAccount => {
      const from = moves[i - 1]?.epoch ?? 0;
      const next = moves[i + 1]?.at;
      const during = acknowledgements.filter((ack) => ack.at >= at && ack.at < (next ?? Infinity));
      const takenOver = during.find((ack) => ack.site === to)?.ackAt ?? Infinity;
      const elsewhere = during.filter((ack) => ack.site !== to && ack.at > takenOver).length;
      const ended = (key: string): boolean => {
        const acknowledged = epochOf.get(key) ?? Infinity;
        return acknowledged >= from && acknowledged < epoch;
      };
      const { acknowledged, lost, duplicated, oldestLostAgeMs } = account(
        attempts.filter(({ key }) => ended(key)),
        kept.filter(({ key }) => ended(key)),
        { outageAt: lastWritesAt },
      );
      const { services, tiers, clientDowntimeMs } = account(attempts, [], { outageAt: at, ...(next === undefined ? {} : { until: next }) });
      const longest = services.reduce<Downtime | undefined>(
        (most, one) => (most && most.downtimeMs >= one.downtimeMs ? most : one),
        undefined,
      );
      return {
        epoch,
        elsewhere,
        acknowledged,
        lost,
        duplicated,
        oldestLostAgeMs,
        services,
        tiers,
        clientDowntimeMs,
        longestServicePauseMs: longest?.downtimeMs ?? 0,
        longestServicePauseAt: longest?.lastAckBefore,
      };
    }),
  };
}

/** Epoch that first acknowledged each key. @param acks in the order in which they came */
function firstEpochs(acks: Acknowledgement[]): Map<string, number> {
  const epochs = new Map<string, number>();
  for (const { key, epoch } of acks) if (!epochs.has(key)) epochs.set(key, epoch);
  return epochs;
}

/** Compares what the clients were told with what the surviving database has. Pure. */
export function account(ledger: Iterable<Attempt>, rows: Iterable<Row>, window: Window): Account {
  const attempts = [...ledger].filter((attempt) => attempt.at <= (window.until ?? Infinity));
  const acks = attempts.filter(isAcknowledged).sort((a, b) => a.ackAt - b.ackAt);
  const end = window.until ?? attempts.reduce((latest, attempt) => Math.max(latest, attempt.at + attempt.tookMs), window.outageAt);

  const firstAck = new Map<string, Acknowledgement>();
  const created = new Map<string, number>();
  for (const ack of acks) {
    if (!firstAck.has(ack.key)) firstAck.set(ack.key, ack);
    if (ack.created) created.set(ack.key, (created.get(ack.key) ?? 0) + 1);
  }
  const rowsOf = new Map<string, number>();
  for (const { key } of rows) rowsOf.set(key, (rowsOf.get(key) ?? 0) + 1);

  const lost = [...firstAck.values()].filter(({ key }) => !rowsOf.has(key));
  const written = new Set([...firstAck.keys(), ...rowsOf.keys()]);
  const duplicated = [...written].filter((key) => (rowsOf.get(key) ?? 0) > 1 || (created.get(key) ?? 0) > 1);

  const tierOf = new Map(attempts.map(({ service, tier }) => [service, tier]));
  const services = [...tierOf].map(([service, tier]): ServiceDowntime => ({
    service,
    tier,
    ...longestGap(timesOf(acks.filter((ack) => ack.service === service)), window.outageAt, end),
  }));
  const tiers = [...new Set(tierOf.values())]
    .sort((a, b) => a - b)
    .map((tier): TierDowntime => ({
      tier,
      ...together(
        services.filter((service) => service.tier === tier),
        end,
      ),
    }));

  return {
    acknowledged: firstAck.size,
    lost: lost.length,
    lostKeys: lost.map(({ key }) => key),
    duplicated: duplicated.length,
    oldestLostAgeMs: lost.reduce((oldest, { ackAt }) => Math.max(oldest, window.outageAt - ackAt), 0),
    services,
    tiers,
    clientDowntimeMs: longestGap(timesOf(acks), window.outageAt, end).downtimeMs,
  };
}

function timesOf(acks: Acknowledgement[]): number[] {
  return acks.map(({ ackAt }) => ackAt);
}

/**
 * The longest gap that ends after `from`. The gap is looked for, not the first answer after the outage: answers that
 * were on their way then still arrive, and in a planned changeover the site goes on serving for a while.
 * @param times in order
 */
function longestGap(times: number[], from: number, end: number): Downtime {
  const before = times.findLast((time) => time <= from);
  const after = times.filter((time) => time > from);
  let longest: Downtime = { lastAckBefore: before, firstAckAfter: after[0], downtimeMs: (after[0] ?? end) - (before ?? from) };
  after.forEach((time, index) => {
    const next = after[index + 1];
    const downtimeMs = (next ?? end) - time;
    if (downtimeMs > longest.downtimeMs) longest = { lastAckBefore: time, firstAckAfter: next, downtimeMs };
  });
  return longest;
}

function together(members: Downtime[], end: number): Downtime {
  const lasts = members.map((member) => member.lastAckBefore).filter((time) => time !== undefined);
  const firsts = members.map((member) => member.firstAckAfter).filter((time) => time !== undefined);
  const lastAckBefore = lasts.length > 0 ? Math.min(...lasts) : undefined;
  const firstAckAfter = firsts.length === members.length ? Math.max(...firsts) : undefined;
  const longest = Math.max(...members.map((member) => member.downtimeMs));
  return {
    lastAckBefore,
    firstAckAfter,
    downtimeMs: lastAckBefore === undefined ? longest : (firstAckAfter ?? end) - lastAckBefore,
  };
}

/** All writes that a database has. @throws where it cannot be asked, or has no such table */
export async function readRows(connection: ClientConfig): Promise<Row[]> {
  const client = new Client(connection);
  await client.connect();
  try {
    const { rows } = await client.query<Omit<Row, "writtenAt"> & { written_at: Date }>(
      "select key, service, site, epoch, written_at from writes",
    );
    return rows.map(({ written_at: writtenAt, ...row }) => ({ ...row, writtenAt }));
  } finally {
    await client.end();
  }
}
