import { describe, expect, it } from "vitest";
import { loadTopology } from "../../../stacks/topology-file";
import { readAtOnce, retrievalTier, retrievalTime } from "../../../topology/archive";
import { rpoOfCopies, timeControlled } from "../../../topology/replication";
import type { Topology } from "../../../topology/schema";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("retrieval", () => {
  it("takes the cheapest tier that is in time", () => {
    expect(retrievalTier("GLACIER", 12 * HOUR)).toBe("Bulk");
    expect(retrievalTier("GLACIER", 12 * HOUR - 1)).toBe("Standard");
    expect(retrievalTier("GLACIER", 4 * HOUR)).toBe("Expedited");
    expect(retrievalTier("GLACIER", 4 * MINUTE)).toBeUndefined();
    expect(retrievalTier("DEEP_ARCHIVE", 24 * HOUR)).toBe("Standard");
    expect(retrievalTier("DEEP_ARCHIVE", 11 * HOUR)).toBeUndefined();
    expect(retrievalTier("GLACIER_IR", 0)).toBe("none");
  });

  it("has no tier that a class does not have", () => {
    expect(retrievalTime("DEEP_ARCHIVE", "Expedited")).toBeUndefined();
    expect(retrievalTime("GLACIER", "Standard")).toEqual({ fromMs: 3 * HOUR, toMs: 5 * HOUR });
    expect(["STANDARD", "STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"].filter(readAtOnce)).toEqual([
      "STANDARD",
      "STANDARD_IA",
      "GLACIER_IR",
    ]);
  });
});

describe("replication time", () => {
  const changed = (change: (t: Topology) => void): Topology => {
    const topology = loadTopology("topology.yaml");
    change(topology);
    return topology;
  };
  const outage = (t: Topology) => t.disasters["regional-outage"];

  it("is what the disasters ask that are recovered from by the copies, and warm sites change places", () => {
    const topology = loadTopology("topology.yaml");
    expect([rpoOfCopies(topology, "primary"), rpoOfCopies(topology, "secondary")]).toEqual([15 * MINUTE, 15 * MINUTE]);
    expect(rpoOfCopies(topology, "cold")).toBe(HOUR);
    expect(["secondary", "cold"].map((site) => timeControlled(topology, site))).toEqual([true, true]);
  });

  it("is nobody's at a site where no disaster ends", () => {
    const topology = changed((t) => (t.disasters["multi-region-outage"].recovery = { kind: "multi-cloud" }));
    expect(rpoOfCopies(topology, "cold")).toBeUndefined();
    expect(timeControlled(topology, "cold")).toBe(false);
  });

  it("costs nothing where a day may be lost", () => {
    expect(
      timeControlled(
        changed((t) => Object.assign(outage(t), { rpo: 24 * HOUR })),
        "secondary",
      ),
    ).toBe(false);
  });

  it("is the strictest of the disasters that end there", () => {
    const topology = changed((t) => (t.disasters["provider-outage"].recovery = { kind: "cross-region", site: "cold" }));
    expect(rpoOfCopies(topology, "cold")).toBe(30 * MINUTE);
    expect(timeControlled(topology, "cold")).toBe(true);
  });
});
