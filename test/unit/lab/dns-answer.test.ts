import { describe, expect, it } from "vitest";
import { answer, type Answer, type Facts } from "../../../lab/dns/answer";
import type { RecordSet, Zone } from "../../../lab/dns/zone";

const ELB: Record<string, string> = {
  "primary.eu-north-1.elb.amazonaws.com": "127.10.0.80",
  "secondary.eu-west-1.elb.amazonaws.com": "127.20.0.80",
  "cold.us-east-1.elb.amazonaws.com": "127.30.0.80",
};

const ALL = { primary: true, secondary: true, cold: true };

const set = (name: string, type: string, rest: Partial<RecordSet>): RecordSet => ({ name, type, ttl: 60, values: [], ...rest });

/** The chain as the stacks build it: app -> primary's balancer, else standby -> secondary's balancer, else cold's. */
const chain = (evaluate = true): Zone => ({
  name: "example.com",
  records: [
    set("example.com", "SOA", { ttl: 900, values: ["ns-1.awsdns.com. hostmaster.example.com. 1 7200 900 1209600 86400"] }),
    set("example.com", "NS", { ttl: 172_800, values: ["ns-1.awsdns.com.", "ns-2.awsdns.net."] }),
    set("app.example.com", "A", alias("primary.eu-north-1.elb.amazonaws.com", false, "PRIMARY", "primary")),
    set("app.example.com", "A", alias("standby.example.com", evaluate, "SECONDARY")),
    set("standby.example.com", "A", alias("secondary.eu-west-1.elb.amazonaws.com", false, "PRIMARY", "secondary")),
    set("standby.example.com", "A", alias("cold.us-east-1.elb.amazonaws.com", false, "SECONDARY", "cold")),
    set("www.example.com", "CNAME", { values: ["app.example.com."] }),
    set("text.example.com", "TXT", { ttl: 300, values: ['"hello world"'] }),
    set("deep.down.example.com", "A", { values: ["192.0.2.9", "192.0.2.10"] }),
    set("*.wild.example.com", "A", { values: ["192.0.2.1"] }),
    set("there.wild.example.com", "TXT", { values: ['"no address"'] }),
  ],
});

function alias(
  target: string,
  evaluateTargetHealth: boolean,
  failover?: "PRIMARY" | "SECONDARY",
  healthCheck?: string,
): Partial<RecordSet> {
  return {
    alias: { target, evaluateTargetHealth },
    ...(failover === undefined ? {} : { failover, setIdentifier: failover.toLowerCase() }),
    ...(healthCheck === undefined ? {} : { healthCheck }),
  };
}

function ask(zones: Zone[], name: string, type = "A", healthy: Record<string, boolean> = ALL, emptyBalancers: string[] = []): Answer {
  const facts: Facts = {
    healthy: (check) => healthy[check] ?? false,
    aws: (host) => (ELB[host] === undefined ? undefined : { address: ELB[host], healthy: !emptyBalancers.includes(host) }),
    maxTtl: 1,
  };
  return answer(zones, facts, name, type);
}

const values = (result: Answer): string[] => result.records.map((record) => record.value);

describe("a failover chain", () => {
  it.each([
    [{ primary: true, secondary: true, cold: true }, "127.10.0.80"],
    [{ primary: true, secondary: false, cold: false }, "127.10.0.80"],
    [{ primary: false, secondary: true, cold: true }, "127.20.0.80"],
    [{ primary: false, secondary: true, cold: false }, "127.20.0.80"],
    [{ primary: false, secondary: false, cold: true }, "127.30.0.80"],
    // When nothing is healthy the primary answers.
    [{ primary: false, secondary: false, cold: false }, "127.10.0.80"],
  ])("with %o answers %s", (healthy, address) => {
    expect(values(ask([chain()], "app.example.com", "A", healthy))).toEqual([address]);
  });

  it("answers the inner pair by itself, its primary when nothing is healthy", () => {
    expect(values(ask([chain()], "standby.example.com", "A", { secondary: false, cold: true }))).toEqual(["127.30.0.80"]);
    expect(values(ask([chain()], "standby.example.com", "A", { secondary: false, cold: false }))).toEqual(["127.20.0.80"]);
  });

  it("takes the secondary on trust when it does not evaluate its target, and then the inner primary answers", () => {
    expect(values(ask([chain(false)], "app.example.com", "A", { primary: false, secondary: false, cold: false }))).toEqual(["127.20.0.80"]);
  });

  it("says why", () => {
    const { trail } = ask([chain()], "app.example.com", "A", { primary: false, secondary: true, cold: false });
    expect(trail.join("\n")).toContain("app.example.com A PRIMARY is out: health check primary is unhealthy");
    expect(trail.join("\n")).toContain("app.example.com A SECONDARY answers");
    expect(ask([chain()], "app.example.com", "A", {}).trail.join("\n")).toContain(
      "nothing is healthy, so app.example.com A PRIMARY answers",
    );
  });

  it("answers an alias under the name that was asked, with the ttl capped", () => {
    expect(ask([chain()], "APP.Example.com.").records).toEqual([{ name: "app.example.com", type: "A", ttl: 1, value: "127.10.0.80" }]);
  });
});

describe("the health of an alias", () => {
  const zone = (evaluate: boolean): Zone => ({
    name: "example.com",
    records: [
      set("app.example.com", "A", alias("primary.eu-north-1.elb.amazonaws.com", evaluate, "PRIMARY")),
      set("app.example.com", "A", alias("secondary.eu-west-1.elb.amazonaws.com", evaluate, "SECONDARY")),
    ],
  });
  const empty = ["primary.eu-north-1.elb.amazonaws.com"];

  it("is the balancer's when it evaluates its target", () => {
    expect(values(ask([zone(true)], "app.example.com", "A", {}, empty))).toEqual(["127.20.0.80"]);
  });

  it("is not the balancer's when it does not", () => {
    expect(values(ask([zone(false)], "app.example.com", "A", {}, empty))).toEqual(["127.10.0.80"]);
  });

  it("needs both the health check and the target", () => {
    const both: Zone = {
      name: "example.com",
      records: [
        set("app.example.com", "A", alias("primary.eu-north-1.elb.amazonaws.com", true, "PRIMARY", "primary")),
        set("app.example.com", "A", { failover: "SECONDARY", values: ["192.0.2.7"] }),
      ],
    };
    expect(values(ask([both], "app.example.com", "A", { primary: true }))).toEqual(["127.10.0.80"]);
    expect(values(ask([both], "app.example.com", "A", { primary: false }))).toEqual(["192.0.2.7"]);
    expect(values(ask([both], "app.example.com", "A", { primary: true }, empty))).toEqual(["192.0.2.7"]);
  });

  it("is bad when the target does not exist", () => {
    const gone: Zone = {
      name: "example.com",
      records: [
        set("app.example.com", "A", alias("nowhere.example.com", true, "PRIMARY")),
        set("app.example.com", "A", { failover: "SECONDARY", values: ["192.0.2.7"] }),
      ],
    };
    expect(values(ask([gone], "app.example.com"))).toEqual(["192.0.2.7"]);
  });

  it("ends for aliases that point at each other", () => {
    const loop: Zone = {
      name: "example.com",
      records: [
        set("a.example.com", "A", alias("b.example.com", true, "PRIMARY")),
        set("a.example.com", "A", alias("b.example.com", true, "SECONDARY")),
        set("b.example.com", "A", alias("a.example.com", true)),
      ],
    };
    const result = ask([loop], "a.example.com");
    expect(result.rcode).toBe("NOERROR");
    expect(result.records).toEqual([]);
  });
});

describe("a lone record set", () => {
  it("answers whatever its health check says: when all are unhealthy all count as healthy", () => {
    const zone: Zone = { name: "example.com", records: [set("one.example.com", "A", { values: ["192.0.2.1"], healthCheck: "primary" })] };
    expect(values(ask([zone], "one.example.com", "A", { primary: false }))).toEqual(["192.0.2.1"]);
  });

  it("gives all its values", () => {
    expect(values(ask([chain()], "deep.down.example.com"))).toEqual(["192.0.2.9", "192.0.2.10"]);
  });
});

describe("names", () => {
  it("knows NXDOMAIN from NODATA, with the SOA under both", () => {
    for (const [name, type, rcode] of [
      ["no.example.com", "A", "NXDOMAIN"],
      ["app.example.com", "AAAA", "NOERROR"],
      ["text.example.com", "A", "NOERROR"],
      ["example.com", "A", "NOERROR"],
      // An empty non-terminal exists: it has a name below it.
      ["down.example.com", "A", "NOERROR"],
    ] as const) {
      const result = ask([chain()], name, type);
      expect([name, result.rcode, result.records]).toEqual([name, rcode, []]);
      expect(result.authority).toEqual([
        { name: "example.com", type: "SOA", ttl: 1, value: "ns-1.awsdns.com. hostmaster.example.com. 1 7200 900 1209600 1" },
      ]);
    }
  });

  it("refuses what is in no zone", () => {
    expect(ask([chain()], "example.org").rcode).toBe("REFUSED");
    expect(ask([chain()], "notexample.com").rcode).toBe("REFUSED");
  });

  it("answers SOA, NS and TXT", () => {
    expect(values(ask([chain()], "example.com", "NS"))).toHaveLength(2);
    expect(ask([chain()], "example.com", "SOA").records).toHaveLength(1);
    expect(values(ask([chain()], "text.example.com", "TXT"))).toEqual(['"hello world"']);
  });

  it("follows a CNAME into the failover chain, and gives it alone when it is asked for", () => {
    const result = ask([chain()], "www.example.com", "A", { primary: false, secondary: true });
    expect(result.records.map((record) => [record.name, record.type, record.value])).toEqual([
      ["www.example.com", "CNAME", "app.example.com."],
      ["app.example.com", "A", "127.20.0.80"],
    ]);
    expect(values(ask([chain()], "www.example.com", "CNAME"))).toEqual(["app.example.com."]);
  });

  it("ends for CNAMEs that point at each other", () => {
    const loop: Zone = {
      name: "example.com",
      records: [set("a.example.com", "CNAME", { values: ["b.example.com"] }), set("b.example.com", "CNAME", { values: ["a.example.com"] })],
    };
    expect(ask([loop], "a.example.com").records.length).toBeLessThan(20);
  });

  it("lets a wildcard answer below its parent, but not for a name that exists", () => {
    expect(ask([chain()], "any.wild.example.com").records).toEqual([
      { name: "any.wild.example.com", type: "A", ttl: 1, value: "192.0.2.1" },
    ]);
    expect(values(ask([chain()], "a.b.wild.example.com"))).toEqual(["192.0.2.1"]);
    expect(ask([chain()], "there.wild.example.com").records).toEqual([]);
    expect(ask([chain()], "x.there.wild.example.com").rcode).toBe("NXDOMAIN");
  });

  it("answers from the most specific zone", () => {
    const inner: Zone = { name: "down.example.com", records: [set("deep.down.example.com", "A", { values: ["198.51.100.1"] })] };
    expect(values(ask([chain(), inner], "deep.down.example.com"))).toEqual(["198.51.100.1"]);
  });

  it("resolves a load balancer's own name", () => {
    expect(values(ask([], "cold.us-east-1.elb.amazonaws.com"))).toEqual(["127.30.0.80"]);
    expect(ask([], "cold.us-east-1.elb.amazonaws.com", "AAAA")).toMatchObject({ rcode: "NOERROR", records: [] });
  });
});
