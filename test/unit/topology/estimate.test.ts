import { describe, expect, it, test } from "vitest";
import { loadTopology } from "../../../stacks/topology-file";
import { estimateFailover, estimates, type Estimate, type Prediction } from "../../../topology/estimate";
import { FIGURES, type FigureName } from "../../../topology/estimate/figures";
import { schedule, type Segment } from "../../../topology/estimate/schedule";
import type { DisasterName, Topology } from "../../../topology/schema";

const topology = loadTopology("topology.yaml");

/** A copy of the topology with something else in it. */
function changed(change: (topology: any) => void): Topology {
  const copy = structuredClone(topology);
  change(copy);
  return copy;
}

function estimateOf(disaster: DisasterName, of = topology): Estimate {
  return estimates(of).find((one) => one.disaster === disaster)!;
}

function predicted(disaster: DisasterName, of = topology): Prediction {
  return estimateOf(disaster, of).predicted!;
}

/** Names of the segments and losses of a disaster that a change makes longer or shorter. */
function moved(disaster: DisasterName, change: (topology: any) => void): string[] {
  const [before, after] = [predicted(disaster), predicted(disaster, changed(change))];
  const lengths = ({ segments, losses }: Prediction): [string, number][] => [...segments, ...losses].map(({ name, ms }) => [name, ms]);
  const old = new Map(lengths(before));
  return lengths(after).flatMap(([name, ms]) => (old.get(name) === ms ? [] : [name]));
}

const ESTIMATED = ["database-failure", "regional-outage", "multi-region-outage", "complete-compromise"] as const;

describe("each disaster has its own way back", () => {
  it.each([
    ["database-failure", ["detect", "decide", "fence", "restore", "validate", "services", "verify"], ["log"]],
    ["regional-outage", ["detect", "decide", "fence", "promote", "services", "verify"], ["replica", "objects"]],
    ["multi-region-outage", ["detect", "decide", "fence", "restore", "validate", "services", "health check", "verify"], ["copy"]],
    ["complete-compromise", ["decide", "fence", "build", "restore", "validate", "services", "verify"], ["copy"]],
  ] as const)("%s", (disaster, critical, losses) => {
    const found = predicted(disaster);
    expect(found.segments.filter((segment) => segment.critical).map(({ name }) => name)).toEqual(critical);
    expect(found.losses.map(({ name }) => name)).toEqual(losses);
  });

  it("the oldest of what may be lost is the RPO", () => {
    const rpoAt = (maxLag: number): number =>
      predicted(
        "regional-outage",
        changed((t) => (t.database.maxLag = maxLag)),
      ).rpoMs;
    expect([60_000, 900_001].map(rpoAt)).toEqual([900_000, 900_001]);
  });

  it("archived objects come by the cheapest retrieval that keeps the RTO", () => {
    const archive = (disaster: DisasterName, archiveClass = "GLACIER") =>
      predicted(
        disaster,
        changed((t) => (t.storage.archiveClass = archiveClass)),
      ).segments.find(({ name }) => name === "archive");
    expect(archive("multi-region-outage")).toMatchObject({ ms: 300_000, later: true, from: expect.stringContaining("Expedited") });
    expect(archive("complete-compromise")).toMatchObject({ ms: 18_000_000, later: true, from: expect.stringContaining("Standard") });
    expect(archive("complete-compromise", "GLACIER_IR")).toMatchObject({ ms: 0, later: true, from: expect.stringContaining("at once") });
    // None keeps 8 h: the fastest there is.
    expect(archive("complete-compromise", "DEEP_ARCHIVE")).toMatchObject({ ms: 43_200_000, from: expect.stringContaining("Standard") });
  });

  test("the segments that are critical add up to the RTO, whatever is longest", () => {
    const topologies = [topology, changed((t) => (t.traffic.ttl = 3_600_000)), changed((t) => (t.traffic.healthFailures = 200))];
    for (const [of, disaster] of topologies.flatMap((each) => ESTIMATED.map((name) => [each, name] as const))) {
      const { segments, rtoMs } = predicted(disaster, of);
      expect(segments.filter(({ critical }) => critical).reduce((sum, { ms }) => sum + ms, 0)).toBe(rtoMs);
      expect(segments.at(-1)).toMatchObject({ name: "verify", endsMs: rtoMs });
    }
  });

  test("each segment and loss says what it is made of, and has a source unless all of it is in the topology", () => {
    for (const disaster of ESTIMATED) {
      const { segments, losses } = predicted(disaster);
      for (const { name, from, figures } of [...segments, ...losses]) {
        expect(from, name).not.toBe("");
        if (name !== "replica") expect(figures.length, name).toBeGreaterThan(0);
      }
    }
  });
});

describe("an input moves the segment that it belongs to, and no other", () => {
  it.each<[string, DisasterName, (t: any) => void, string[]]>([
    // The assessment has its length: what detection takes is not left for the decision.
    ["traffic.healthInterval", "regional-outage", (t) => (t.traffic.healthInterval = 30_000), ["detect", "decide", "traffic"]],
    ["traffic.healthInterval", "database-failure", (t) => (t.traffic.healthInterval = 30_000), ["detect"]],
    ["traffic.healthFailures", "database-failure", (t) => (t.traffic.healthFailures = 5), ["detect"]],
    ["traffic.takeoverFailures", "regional-outage", (t) => (t.traffic.takeoverFailures = 2), ["traffic"]],
    ["traffic.ttl", "regional-outage", (t) => (t.traffic.ttl = 30_000), ["resolvers", "traffic"]],
    ["traffic.ttl", "complete-compromise", (t) => (t.traffic.ttl = 30_000), ["traffic"]],
    ["traffic.ttl", "database-failure", (t) => (t.traffic.ttl = 30_000), []],
    ["phases.assessment", "regional-outage", (t) => (t.phases.assessment.to = 900_000), ["decide"]],
    ["phases.assessment", "complete-compromise", (t) => (t.phases.assessment.to = 900_000), ["decide"]],
    ["phases.assessment", "multi-region-outage", (t) => (t.disasters["multi-region-outage"].phases.assessment.to = 900_000), ["decide"]],
    ["phases.assessment", "multi-region-outage", (t) => (t.phases.assessment.to = 900_000), []],
    ["automation", "database-failure", (t) => (t.disasters["database-failure"].automation = "manual"), ["decide"]],
    ["automation", "regional-outage", (t) => (t.disasters["regional-outage"].automation = "full"), ["decide"]],
    ["database.storageGb", "database-failure", (t) => (t.database.storageGb = 1_000), ["validate"]],
    ["database.storageGb", "regional-outage", (t) => (t.database.storageGb = 1_000), []],
    ["database.storageGb", "multi-region-outage", (t) => (t.database.storageGb = 1_000), ["validate"]],
    ["database.maxLag", "regional-outage", (t) => (t.database.maxLag = 60_000), ["replica"]],
    ["database.maxLag", "multi-region-outage", (t) => (t.database.maxLag = 60_000), []],
    ["backups.interval", "multi-region-outage", (t) => (t.backups.interval = 7_200_000), ["copy"]],
    ["backups.interval", "complete-compromise", (t) => (t.backups.interval = 7_200_000), ["copy"]],
    ["backups.interval", "database-failure", (t) => (t.backups.interval = 7_200_000), []],
    ["fewer tiers", "regional-outage", (t) => t.tiers.splice(1), ["services", "other tiers"]],
    ["storage.archiveClass", "multi-region-outage", (t) => (t.storage.archiveClass = "GLACIER_IR"), ["archive"]],
    ["rto", "multi-region-outage", (t) => (t.disasters["multi-region-outage"].rto = 6 * 3_600_000), ["archive"]],
  ])("%s of a %s", (_, disaster, change, names) => {
    expect(moved(disaster, change)).toEqual(names);
  });

  /** What the estimate has no use for, and why. */
  const UNREAD: [RegExp, string][] = [
    [/^tiers\.\d\.(window|maxDowntime|services)\b/, "what a tier may take, and its pods, which all start at once"],
    [/^tiers\.\d\.tier$/, "a number by which the tiers are told apart; their count is what takes time"],
    [/^(disasters\.[a-z-]+\.)?phases\.(failover|validation)\./, "budgets"],
    [/^disasters\.database-failure\.phases\.assessment\./, "its recovery asks nobody"],
    [/^database\.backupRetention$/, "how far back one may go"],
    [/^backups\.(retention|coldRetention)$/, "the same"],
    [/^backups\.(verifyInterval|testInterval)$/, "how often copies are looked at"],
    [/^storage\.archiveAfter$/, "which objects are archived, not how long they take"],
    [/^storage\.lockFor$/, "how long nobody deletes a version"],
    [/^quotas\./, "what AWS allows, which is asked for long before"],
    [/^guard\./, "no recovery waits for the guards"],
  ];

  test("nothing else in the topology that is a number is left out", () => {
    const before = numbersOf(topology);
    const left = Object.keys(before).filter((path) => {
      const after = estimates(
        changed((t) => {
          set(t, path.split("."), before[path]! * 2 + 1);
        }),
      );
      return JSON.stringify(lengthsOf(after)) === JSON.stringify(lengthsOf(estimates(topology)));
    });
    expect(Object.keys(before)).toContain("backups.interval");
    for (const path of left)
      expect(
        UNREAD.some(([pattern]) => pattern.test(path)),
        path,
      ).toBe(true);
    for (const [pattern] of UNREAD)
      expect(
        left.some((path) => pattern.test(path)),
        String(pattern),
      ).toBe(true);
  });

  test("no figure is left over", () => {
    const used = new Set(
      ESTIMATED.flatMap((disaster) => [...predicted(disaster).segments, ...predicted(disaster).losses]).flatMap(({ figures }) => figures),
    );
    expect([...used].sort()).toEqual((Object.keys(FIGURES) as FigureName[]).sort());
  });
});

describe("what cannot be estimated says why", () => {
  it("a provider outage without a site", () => {
    const { predicted: none, why } = estimateOf("provider-outage");
    expect([none, why]).toEqual([null, "disasters.provider-outage.recovery names no site: none is set up for multi-cloud"]);
  });

  it("with a site it is a failover or an activation, by how that site stands by", () => {
    const at = (site: string) =>
      predicted(
        "provider-outage",
        changed((t) => (t.disasters["provider-outage"].recovery.site = site)),
      );
    expect(at("secondary").segments.map(({ name }) => name)).toContain("promote");
    expect(at("cold").segments.map(({ name }) => name)).toContain("restore");
  });
});

describe("segments side by side", () => {
  const of = (name: string, ms: number, after: string[] = [], later = false): Segment => ({
    name,
    ms,
    from: "",
    figures: [],
    after,
    later,
  });
  const critical = (segments: Segment[]) => {
    const { segments: found, ms } = schedule(segments);
    return [found.filter((segment) => segment.critical).map(({ name }) => name), ms];
  };

  it("cost what the longest costs", () => {
    const both = (left: number, right: number) => [
      of("a", 1),
      of("left", left, ["a"]),
      of("right", right, ["a"]),
      of("z", 1, ["left", "right"]),
    ];
    expect(critical(both(5, 3))).toEqual([["a", "left", "z"], 7]);
    expect(critical(both(3, 5))).toEqual([["a", "right", "z"], 7]);
  });

  it("and nothing where nobody waits for them", () => {
    expect(critical([of("a", 1), of("later", 100, ["a"], true), of("z", 1, ["a"])])).toEqual([["a", "z"], 2]);
  });

  it("a segment that waits for none that is known is a mistake", () => {
    expect(() => schedule([of("a", 1, ["b"])])).toThrow(/no segment b/);
  });

  it("a slow resolver outlasts a promotion, and then only it counts", () => {
    const { segments, rtoMs } = predicted(
      "regional-outage",
      changed((t) => (t.traffic.ttl = 3_600_000)),
    );
    expect(segments.filter((segment) => segment.critical).map(({ name }) => name)).toEqual([
      "detect",
      "decide",
      "fence",
      "traffic",
      "verify",
    ]);
    expect(rtoMs).toBe(600_000 + 5_000 + 10_000 + 3_600_000 + 1_000);
  });
});

test("a plan's prediction is the regional outage's, from the decision on", () => {
  const { segments, rtoMs, rpoMs } = predicted("regional-outage");
  const decided = segments.find(({ name }) => name === "decide")!.endsMs;
  expect(estimateFailover(topology)).toEqual({ promoteMs: 300_000, rtoMs: rtoMs - decided, rpoMs });
});

/** Without what is said in words. */
function lengthsOf(all: Estimate[]): unknown {
  return all.map(({ objective, predicted: found }) => [
    objective,
    found?.rtoMs,
    found?.rpoMs,
    found?.segments.map(({ name, ms }) => [name, ms]),
    found?.losses.map(({ ms }) => ms),
  ]);
}

/** Every number of the topology by its path. */
function numbersOf(value: unknown, path: string[] = []): Record<string, number> {
  if (typeof value === "number") return { [path.join(".")]: value };
  if (typeof value !== "object" || value === null) return {};
  return Object.assign({}, ...Object.entries(value).map(([key, inner]) => numbersOf(inner, [...path, key]))) as Record<string, number>;
}

function set(target: any, [key, ...rest]: string[], value: number): void {
  if (rest.length === 0) target[key!] = value;
  else set(target[key!], rest, value);
}
