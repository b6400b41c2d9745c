import { AUTHORITATIVE_ANSWER, decode, encode, TRUNCATED_RESPONSE, type Answer as Packet, type DecodedPacket } from "dns-packet";
import type { Answer, DnsRecord } from "./answer";

const RCODE: Record<Answer["rcode"] | "SERVFAIL" | "NOTIMP", number> = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };

/** Bits of the query that come back as they were: recursion desired. */
const RECURSION_DESIRED = 0x0100;

/**
 * Answers one message.
 * @param limit most octets that the way back takes (512 over UDP without EDNS); a longer answer is cut and marked so
 * @returns the reply, or `undefined` for a message that is no query
 */
export function reply(message: Buffer, resolve: (name: string, type: string) => Answer, limit?: number): Buffer | undefined {
  let query: DecodedPacket;
  try {
    query = decode(message);
  } catch {
    return undefined;
  }
  const [question] = query.questions ?? [];
  if (query.type !== "query" || question === undefined) return undefined;
  const base = { id: query.id ?? 0, type: "response" as const, questions: [question] };
  const flags = (query.flags ?? 0) & RECURSION_DESIRED;
  const edns = query.additionals?.find((record) => record.type === "OPT");
  const most = limit === undefined ? undefined : Math.max(limit, edns?.type === "OPT" ? edns.udpPayloadSize : 0);

  const result = resolve(question.name, question.type);
  const code = RCODE[result.rcode] | (result.rcode === "REFUSED" ? 0 : AUTHORITATIVE_ANSWER) | flags;
  try {
    const full = encode({ ...base, flags: code, answers: result.records.map(packet), authorities: result.authority.map(packet) });
    return most !== undefined && full.length > most ? encode({ ...base, flags: code | TRUNCATED_RESPONSE }) : full;
  } catch {
    // A record whose type or text the encoder does not know.
    return encode({ ...base, flags: flags | RCODE.SERVFAIL });
  }
}

/** One record in dns-packet's terms, from the text that Route 53 keeps. */
function packet({ name, type, ttl, value }: DnsRecord): Packet {
  const words = value.split(/\s+/);
  const at = (index: number): string => (words[index] ?? "").replace(/\.$/, "");
  const number = (index: number): number => Number(words[index]);
  switch (type) {
    case "A":
    case "AAAA":
      return { name, type, ttl, data: value };
    case "CNAME":
    case "NS":
    case "PTR":
      return { name, type, ttl, data: value.replace(/\.$/, "") };
    case "TXT":
      return {
        name,
        type,
        ttl,
        data: [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1")),
      };
    case "MX":
      return { name, type, ttl, data: { preference: number(0), exchange: at(1) } };
    case "SRV":
      return { name, type, ttl, data: { priority: number(0), weight: number(1), port: number(2), target: at(3) } };
    case "CAA":
      return { name, type, ttl, data: { flags: number(0), tag: at(1) as "issue", value: words.slice(2).join(" ").replace(/^"|"$/g, "") } };
    case "SOA":
      return {
        name,
        type,
        ttl,
        data: {
          mname: at(0),
          rname: at(1),
          serial: number(2),
          refresh: number(3),
          retry: number(4),
          expire: number(5),
          minimum: number(6),
        },
      };
    default:
      throw new RangeError(`no wire format for ${type}`);
  }
}
