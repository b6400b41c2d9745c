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

  it("describes the runbook's four disaster types, and its scenario of two regions lost", () => {
    const { disasters } = good();
    expect(Object.entries(disasters).map(([name, d]) => [name, d.rpo / 60_000, d.rto / 60_000, d.recovery.kind, d.automation])).toEqual([
      ["database-failure", 5, 15, "same-region", "full"],
      ["regional-outage", 15, 60, "cross-region", "partial"],
      ["multi-region-outage", 60, 240, "cross-region", "partial"],
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
    ["half a day in front of the archive", (t) => (t.storage.archiveAfter = "12h"), "storage.archiveAfter", /whole days/],
    ["a lock that nobody could live with", (t) => (t.storage.lockFor = "3650d"), "storage.lockFor", /365d/],
    ["no lock", (t) => (t.storage.lockFor = "0d"), "storage.lockFor", /1d/],
    ["an unknown archive class", (t) => (t.storage.archiveClass = "TAPE"), "storage.archiveClass", /GLACIER/],
    [
      "an archive that is read too late for the disaster that ends there",
      (t) => (t.storage.archiveClass = "DEEP_ARCHIVE"),
      "storage.archiveClass",
      /within disasters\.multi-region-outage\.rto, 4h: GLACIER_IR \(at once\), GLACIER \(5m by Expedited\), DEEP_ARCHIVE \(12h by Standard\)/,
    ],
    ["half a day of snapshots", (t) => (t.backups.retention = "12h"), "backups.retention", /whole days, 1d to 365d/],
    ["snapshots that are kept for ever", (t) => (t.backups.coldRetention = "366d"), "backups.coldRetention", /2d to 365d/],
    ["copies that go before what they copy", (t) => (t.backups.coldRetention = "1d"), "backups.coldRetention", /2d to 365d/],
    ["snapshots more often than AWS Backup takes them", (t) => (t.backups.interval = "30m"), "backups.interval", /1h, 2h, .*below an hour/],
    ["snapshots at other hours each day", (t) => (t.backups.interval = "5h"), "backups.interval", /1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d/],
    [
      "copies further apart than what a disaster may lose",
      (t) => (t.backups.interval = "2h"),
      "backups.interval",
      /at most disasters.multi-region-outage.rpo, 1h: cold/,
    ],
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

  it("keeps an archive in Flexible Retrieval and locks for thirty days, where nothing else is said", () => {
    const value: any = structuredClone(raw());
    delete value.storage.archiveClass;
    delete value.storage.lockFor;
    const result = parseTopology(value);
    expect(result.ok && result.topology.storage).toMatchObject({ archiveClass: "GLACIER", lockFor: 30 * 86_400_000 });
  });

  it("takes Deep Archive where no disaster ends at the cold site, or one that may take half a day", () => {
    const deep = (change: object) => (t: any) => {
      t.storage.archiveClass = "DEEP_ARCHIVE";
      Object.assign(t.disasters["multi-region-outage"], change);
    };
    expect(spoil(deep({ recovery: { kind: "cross-region", site: "secondary" } }))).toEqual([]);
    expect(spoil(deep({ rto: "12h" }))).toEqual([]);
    expect(spoil(deep({ rto: "11h" }))).toHaveLength(1);
  });

  it("may have its copies further apart where no disaster ends at a cold site", () => {
    const far = (site: string) => (t: any) => {
      t.backups.interval = "12h";
      t.disasters["multi-region-outage"].recovery.site = site;
    };
    expect(spoil(far("secondary"))).toEqual([]);
    expect(spoil(far("cold"))).toHaveLength(1);
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
