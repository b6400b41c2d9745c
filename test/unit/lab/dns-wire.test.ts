import { decode, encode, type Answer as Packet, type DecodedPacket } from "dns-packet";
import { describe, expect, it } from "vitest";
import type { Answer } from "../../../lab/dns/answer";
import { reply } from "../../../lab/dns/wire";

const result = (records: Answer["records"], rest: Partial<Answer> = {}): Answer => ({
  rcode: "NOERROR",
  records,
  authority: [],
  trail: [],
  ...rest,
});

function ask(
  answer: Answer,
  type: "A" | "TXT" | "MX" = "A",
  limit?: number,
  additionals: Packet[] = [],
): DecodedPacket & { rcode: string } {
  const query = encode({ type: "query", id: 7, flags: 0x0100, questions: [{ name: "app.example.com", type }], additionals });
  const message = reply(query, () => answer, limit);
  if (message === undefined) throw new Error("no reply");
  return decode(message) as DecodedPacket & { rcode: string };
}

describe("a reply", () => {
  it("carries id, question, answer and the authoritative bit", () => {
    const packet = ask(result([{ name: "app.example.com", type: "A", ttl: 1, value: "127.10.0.80" }]));
    expect(packet).toMatchObject({ id: 7, type: "response", rcode: "NOERROR", flag_aa: true, flag_rd: true });
    expect(packet.questions).toMatchObject([{ name: "app.example.com", type: "A" }]);
    expect(packet.answers).toMatchObject([{ name: "app.example.com", type: "A", ttl: 1, data: "127.10.0.80" }]);
  });

  it("says NXDOMAIN with the SOA, and refuses without authority", () => {
    const soa = { name: "example.com", type: "SOA", ttl: 1, value: "ns.example.com. host.example.com. 1 2 3 4 5" };
    const packet = ask(result([], { rcode: "NXDOMAIN", authority: [soa] }));
    expect(packet.rcode).toBe("NXDOMAIN");
    expect(packet.authorities).toMatchObject([
      { type: "SOA", data: { mname: "ns.example.com", rname: "host.example.com", serial: 1, minimum: 5 } },
    ]);
    expect(ask(result([], { rcode: "REFUSED" }))).toMatchObject({ rcode: "REFUSED", flag_aa: false });
  });

  it("unquotes text", () => {
    const packet = ask(result([{ name: "app.example.com", type: "TXT", ttl: 1, value: '"one \\"1\\"" "two"' }]), "TXT");
    expect(packet.answers?.[0]).toMatchObject({ data: [Buffer.from('one "1"'), Buffer.from("two")] });
  });

  it("is cut and marked where it does not fit, but not for a client that takes more", () => {
    const many = result(Array.from({ length: 60 }, (_, i) => ({ name: "app.example.com", type: "A", ttl: 1, value: `192.0.2.${i}` })));
    expect(ask(many, "A", 512)).toMatchObject({ flag_tc: true, answers: [] });
    expect(ask(many, "A").answers).toHaveLength(60);
    const opt = {
      name: ".",
      type: "OPT",
      udpPayloadSize: 4096,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    } as unknown as Packet;
    expect(ask(many, "A", 512, [opt])).toMatchObject({ flag_tc: false });
  });

  it("is SERVFAIL for a record that has no wire format here", () => {
    expect(ask(result([{ name: "app.example.com", type: "NAPTR", ttl: 1, value: "x" }])).rcode).toBe("SERVFAIL");
  });

  it("is not given to what is no query", () => {
    expect(reply(Buffer.from("nonsense"), () => result([]))).toBeUndefined();
    expect(reply(encode({ type: "response", id: 1, questions: [{ name: "a.b", type: "A" }] }), () => result([]))).toBeUndefined();
  });
});
