import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { formatDuration, parseDuration } from "../../../topology/duration";
import { parseTopology, type Problem, type Topology } from "../../../topology/schema";

const file = join(__dirname, "../../../topology.yaml");
const raw = (): Record<string, never> => parse(readFileSync(file, "utf8")) as Record<string, never>;

function good(): Topology {
  const result = parseTopology(raw());
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.topology;
}

/** Spoils one value of the good topology and returns what is said of it. */
function spoil(change: (topology: any) => void): Problem[] {
  const value = structuredClone(raw());
  change(value);
  const result = parseTopology(value);
  return result.ok ? [] : result.problems;
}

describe("topology.yaml", () => {
  it("describes the runbook's tiers, in recovery order", () => {
    const { tiers } = good();
    expect(tiers.map(({ tier, maxDowntime }) => [tier, formatDuration(maxDowntime)])).toEqual([
      [0, "5m"],
      [1, "15m"],
      [2, "30m"],
      [3, "1h"],
    ]);
    expect(tiers.flatMap(({ services }) => Object.keys(services))).toEqual([
      "emergency-call",
      "auth",
      "payments",
      "booking",
      "reader-tools",
      "analytics",
      "notifications",
    ]);
  });

  it("describes the runbook's four disaster types", () => {
    const { disasters } = good();
    expect(Object.entries(disasters).map(([name, d]) => [name, d.rpo / 60_000, d.rto / 60_000, d.recovery.kind, d.automation])).toEqual([
      ["database-failure", 5, 15, "same-region", "full"],
      ["regional-outage", 15, 60, "cross-region", "partial"],
      ["provider-outage", 30, 240, "multi-cloud", "manual"],
      ["complete-compromise", 60, 480, "clean-environment", "manual"],
    ]);
  });
});

describe("a wrong topology", () => {
  const cases: [string, (t: any) => void, string, RegExp][] = [
    ["an unknown key", (t) => (t.regoin = 1), "(root)", /regoin/],
    ["a missing value", (t) => delete t.domain, "domain", /./],
    ["a duration without a unit", (t) => (t.disasters["regional-outage"].rpo = "15"), "disasters.regional-outage.rpo", /unit/],
    ["a number for a duration", (t) => (t.database.maxLag = 15), "database.maxLag", /string/],
    ["no region", (t) => (t.sites.primary.region = "stockholm"), "sites.primary.region", /eu-north-1/],
    ["a region twice", (t) => (t.sites.secondary.region = "eu-north-1"), "sites.secondary.region", /primary has this one/],
    ["networks that overlap", (t) => (t.sites.secondary.network = "10.10.128.0/17"), "sites.secondary.network", /primary/],
    ["an unknown site in the chain", (t) => (t.chain[1] = "tertiary"), "chain.1", /primary, secondary, cold/],
    ["a chain that leaves a site out", (t) => t.chain.pop(), "chain", /also cold/],
    ["a chain that begins elsewhere than at home", (t) => t.chain.reverse(), "chain.0", /home/],
    ["a cold home", (t) => (t.sites.primary.standby = "cold"), "sites.primary.standby", /warm/],
    [
      "an image without a digest",
      (t) => (t.tiers[0].services["emergency-call"].image = "x:latest"),
      "tiers.0.services.emergency-call.image",
      /digest/,
    ],
    [
      "a service twice",
      (t) => (t.tiers[1].services["emergency-call"] = t.tiers[0].services["emergency-call"]),
      "tiers.1.services.emergency-call",
      /once/,
    ],
    ["tiers out of order", (t) => t.tiers.reverse(), "tiers.0.tier", /recovery order/],
    ["a tier that is back later than it may be down", (t) => (t.tiers[0].window.to = "6m"), "tiers.0.window.to", /maxDowntime/],
    [
      "an autoscaler below its floor",
      (t) => (t.tiers[0].services["emergency-call"].replicas.max = 2),
      "tiers.0.services.emergency-call.replicas.max",
      /3/,
    ],
    ["an RPO beyond the RTO", (t) => (t.disasters["database-failure"].rpo = "16m"), "disasters.database-failure.rpo", /RTO/],
    ["a lag alarm beyond the RPO", (t) => (t.database.maxLag = "16m"), "database.maxLag", /regional-outage/],
    ["an interval that Route 53 does not have", (t) => (t.traffic.healthInterval = "1s"), "traffic.healthInterval", /10s or 30s/],
    ["half a day of backups", (t) => (t.database.backupRetention = "12h"), "database.backupRetention", /whole days/],
    [
      "a recovery site that is not there",
      (t) => (t.disasters["regional-outage"].recovery.site = "mars"),
      "disasters.regional-outage.recovery.site",
      /primary/,
    ],
    ["a guard without a digest", (t) => (t.guard.image = "guard:1"), "guard.image", /digest/],
    ["a guard that never rests", (t) => (t.guard.interval = "0s"), "guard.interval", /more than nothing/],
    ["a lease that one slow look ends", (t) => (t.guard.lease = "5s"), "guard.lease", /6s to 60s/],
    ["a lease of minutes", (t) => (t.guard.lease = "61s"), "guard.lease", /60s/],
    ["a verification through no service", (t) => (t.verify.service = "tarot"), "verify.service", /emergency-call/],
  ];
  it.each(cases)("%s is named with its path and what it may be", (_, change, path, message) => {
    const problems = spoil(change);
    expect(problems.map((problem) => problem.path)).toContain(path);
    expect(
      problems
        .filter((problem) => problem.path === path)
        .map((problem) => problem.message)
        .join(" "),
    ).toMatch(message);
  });

  it("has a guard that looks every two seconds, with a lease of ten, where nothing else is said", () => {
    const value: any = structuredClone(raw());
    value.guard = { image: value.guard.image };
    const result = parseTopology(value);
    expect(result.ok && result.topology.guard).toMatchObject({ interval: 2_000, lease: 10_000 });
  });

  it("says every problem at once", () => {
    expect(
      spoil((t) => {
        t.domain = "x";
        t.home = "y";
        delete t.owner;
      })
        .map(({ path }) => path)
        .sort(),
    ).toEqual(["domain", "owner"]);
  });

  it("is no object at all", () => {
    const result = parseTopology(null);
    expect(result.ok).toBe(false);
  });
});

describe("durations", () => {
  it.each([
    ["350ms", 350],
    ["1s", 1_000],
    ["1.5h", 5_400_000],
    ["7d", 604_800_000],
  ])("%s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
  it.each(["15", "m", "-1s", "1 m", "1w", ""])("%s is none", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
  it.each([
    [350, "350ms"],
    [4_200, "4.2s"],
    [60_000, "1m"],
    [3_900_000, "1h 5m"],
    [604_800_000, "7d"],
  ])("%d ms reads %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
