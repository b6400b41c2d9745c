import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Incident, thisDriver, type Opening } from "../../../automation/changeover/incident";
import { journalFile } from "../../../automation/changeover/incidents";
import { assessEstimates, exitCodeOf, type EstimateReport } from "../../../automation/estimate";
import { copyEvidence, evidenceFolder, writeEvidence, type DrillRecord } from "../../../automation/evidence";
import { main } from "../../../automation/main";
import { gatherEvidence, type Measured } from "../../../automation/measured";
import { StepList } from "../../../automation/steps";
import { loadTopology } from "../../../stacks/topology-file";
import { namesFor } from "../../../topology/names";
import { s3, type S3 } from "./s3";

const topology = loadTopology("topology.yaml");
const DAY = 86_400_000;
const NOW = Date.parse("2026-06-01T00:00:00Z");

const record = (more: Partial<DrillRecord> = {}): DrillRecord => ({
  scenario: "regional-outage",
  startedAt: "2026-05-01T10:20:30.456Z",
  where: "lab",
  incidents: [],
  measured: [{ disaster: "regional-outage", rtoMs: 9_660, rpoMs: 300 }],
  ...more,
});

let folder: string;
let store: S3;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "estimate-"));
  store = await s3();
  vi.stubEnv("CHANGEOVER_JOURNALS", folder);
  vi.stubEnv("CHANGEOVER_ENVIRONMENT", "");
  vi.stubEnv("AWS_ENDPOINT_URL", store.endpoint);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
  rmSync(folder, { recursive: true });
  await store.close();
});

/** The command as it is typed. @returns exit code and what it printed, without colours */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" };
  vi.spyOn(process.stdout, "write").mockImplementation((text) => ((said.out += String(text)), true));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => ((said.err += String(text)), true));
  const code = await main(["estimate", "-e", "production", ...args]);
  vi.restoreAllMocks();
  process.exitCode = undefined;
  // eslint-disable-next-line no-control-regex -- colours of a terminal
  const plain = (text: string): string => text.replace(/\u001b\[\d+m/g, "");
  return { code, out: plain(said.out), err: plain(said.err) };
}

const json = async (...args: string[]): Promise<{ code: number; report: EstimateReport }> => {
  const { code, out } = await run("--json", ...args);
  return { code, report: JSON.parse(out) as EstimateReport };
};

/** An assessment at a given time, by what was measured. */
const assessed = (measured: Measured[], now = NOW) =>
  assessEstimates(topology, "production", { measured, broken: [] }, now, "regional-outage");

const measuredAt = (at: number, more: Partial<Measured> = {}): Measured => ({
  disaster: "regional-outage",
  kind: "drill",
  name: "regional-outage",
  at: new Date(at).toISOString(),
  where: "lab",
  rtoMs: 9_660,
  rpoMs: 0,
  ...more,
});

describe("evidence", () => {
  it.each([
    ["recent at 90 days", 90 * DAY, "recent"],
    ["old a moment later", 90 * DAY + 1, "old"],
  ])("is %s", (_, ageMs, evidence) => {
    expect(assessed([measuredAt(NOW - ageMs)]).disasters[0]).toMatchObject({ evidence, measured: { ageMs } });
  });

  it("is none without a measurement, with another disaster's, and with one that a clock of the future wrote", () => {
    for (const measured of [[], [measuredAt(NOW, { disaster: "database-failure" })], [measuredAt(NOW + 1)]]) {
      expect(assessed(measured).disasters[0]).toMatchObject({ evidence: "none", measured: null });
    }
  });

  it("is the newest, with its share of the estimate", () => {
    const [one] = assessed([
      measuredAt(NOW - 3),
      measuredAt(NOW - 1, { name: "newest", rtoMs: 96_600, rpoMs: null }),
      measuredAt(NOW - 2),
    ]).disasters;
    expect(one?.measured).toMatchObject({ name: "newest", rtoRatio: 96_600 / one!.predicted!.rtoMs, rpoRatio: null });
  });

  it("alone does not decide the exit code, unless it is required", () => {
    const [old, recent] = [assessed([measuredAt(NOW - 91 * DAY)]), assessed([measuredAt(NOW)])];
    expect([exitCodeOf(old, false), exitCodeOf(old, true), exitCodeOf(recent, true)]).toEqual([0, 5, 0]);
  });
});

describe("changeover estimate", () => {
  it("says which objectives the estimate misses, and ends with 5", async () => {
    const { code, report } = await json();
    expect(code).toBe(5);
    expect(report.disasters.map(({ disaster, met }) => [disaster, met?.rto, met?.rpo])).toEqual([
      ["database-failure", false, true],
      ["regional-outage", true, true],
      ["multi-region-outage", true, false],
      ["provider-outage", undefined, undefined],
      ["complete-compromise", true, false],
    ]);
  });

  it("ends with 0 where all objectives that were asked for are met, whatever the evidence", async () => {
    expect((await json("--disaster", "regional-outage")).code).toBe(0);
    expect((await json("--disaster", "provider-outage")).code).toBe(0);
    expect((await json("--disaster", "regional-outage", "--require-evidence")).code).toBe(5);
  });

  it("shows segments, objectives, sources and that nothing was measured", async () => {
    const { out } = await run("--disaster", "regional-outage");
    expect(out).toContain("regional-outage: Regional outage, recovered at secondary");
    expect(out).toMatch(/^detect +30s +30s +traffic\.healthInterval 10s × traffic\.healthFailures 3 +\[1\]$/m);
    expect(out).toMatch(/^resolvers +1m +1m 30s +traffic\.ttl 1m; beside +\[2\]$/m);
    expect(out).toMatch(/^RTO 16m 6s of 1h: met, 43m 54s to spare; RPO 15m of 15m: just met$/m);
    expect(out).toMatch(/^EVIDENCE: none/m);
    expect(out).toMatch(/^\[1\] Route 53 Developer Guide/m);
    expect(out).toMatch(/^\[\d\] assumed: Amazon RDS User Guide, 'Promoting/m);
  });

  it("shows by how much an objective is missed, and why there is no estimate", async () => {
    const { out } = await run();
    expect(out).toMatch(/^RTO 38m 40s of 15m: missed by 23m 40s; /m);
    expect(out).toMatch(/^no estimate: disasters\.provider-outage\.recovery names no site/m);
  });

  it("shows what a drill measured, that it was the lab, and how old it is", async () => {
    writeEvidence(evidenceFolder("production"), record({ startedAt: new Date(Date.now() - 100.5 * DAY).toISOString() }));
    const { out, code } = await run("--disaster", "regional-outage");
    expect(out).toMatch(
      /last measured: drill regional-outage in the lab, which is faster than AWS, \S+: RTO 9\.7s \(1% of the estimate\), RPO 300ms/,
    );
    expect(out).toMatch(/^EVIDENCE: 100 days old, more than 90; drill it again$/m);
    expect(code).toBe(0);
  });

  it("names what is wrong with a record and goes on without it", async () => {
    writeEvidence(evidenceFolder("production"), record());
    writeFileSync(join(folder, "drills", "half.json"), '{"scenario":');
    writeFileSync(
      join(folder, "drills", "other.json"),
      JSON.stringify({ ...record(), measured: [{ disaster: "x", rtoMs: -1, rpoMs: 0 }] }),
    );
    const { report } = await json("--disaster", "regional-outage");
    expect(report.disasters[0]?.measured?.name).toBe("regional-outage");
    expect(report.broken.map(({ file, why }) => [file, why])).toEqual([
      [join(folder, "drills", "half.json"), expect.stringMatching(/JSON/)],
      [join(folder, "drills", "other.json"), expect.stringMatching(/^measured\.0\.rtoMs: /)],
    ]);
    expect((await run()).out).toMatch(/^not counted: .*half\.json: /m);
  });

  it("refuses a disaster and a site that the topology has not", async () => {
    const wrong = [await run("--disaster", "meteor"), await run("--from-control-bucket", "mars")];
    expect(wrong.map(({ code }) => code)).toEqual([2, 2]);
    expect(wrong[0]?.err).toMatch(/--disaster is "meteor"; it may be a disaster of the topology: database-failure, /);
    expect(wrong[1]?.err).toMatch(/--from-control-bucket is "mars"; it may be a site of the topology: primary, secondary, cold/);
  });

  it("asks no region, unless a bucket is named", async () => {
    const site = { site: "secondary", region: "eu-west-1", bucket: namesFor(topology, "production").site("secondary").controlBucket };
    await copyEvidence(site, record());
    expect([...store.objects.keys()]).toEqual([`${site.bucket}/evidence/2026-05-01T102030Z-regional-outage.json`]);
    const from = (...args: string[]) => json("--disaster", "regional-outage", ...args);
    expect((await from()).report.disasters[0]?.measured).toBeNull();
    expect((await from("--from-control-bucket", "secondary")).report.disasters[0]?.measured?.rtoMs).toBe(9_660);
    store.fail();
    expect((await from()).code).toBe(0);
    const failed = await run("--from-control-bucket", "secondary");
    expect([failed.code, failed.err]).toEqual([3, expect.stringMatching(/secondary-control cannot be read: S3 in eu-west-1: list/)]);
  });
});

describe("a failover in earnest", () => {
  const outageSince = new Date(Date.now() - 60_000).toISOString();
  const ID = "DR-20260101-000000-1";

  /** One that came as far as the write read back. */
  async function failover(to: string, kind: Opening["kind"] = "failover", finished = true, environment = "production"): Promise<void> {
    const opening: Opening = { kind, environment, request: { to, outageSince }, driver: thisDriver() };
    const incident = Incident.open(journalFile("production", ID), ID, opening, new StepList(true));
    await incident.step("verify", "verify", () => Promise.resolve({}));
    await incident.finish(finished ? { event: "finished" } : { event: "stopped" });
  }
  const measured = async (): Promise<Measured[]> => (await gatherEvidence(topology, "production")).measured;

  it("counts for the disaster that its target recovers from, from the outage on", async () => {
    await failover("secondary");
    const [one, ...more] = await measured();
    expect(more).toEqual([]);
    expect(one).toMatchObject({
      disaster: "regional-outage",
      kind: "failover",
      name: ID,
      where: "production",
      at: outageSince,
      rpoMs: null,
    });
    expect(one?.rtoMs).toBeGreaterThanOrEqual(60_000);
    expect(one?.rtoMs).toBeLessThan(90_000);
  });

  it("to the cold site counts for both regions", async () => {
    await failover("cold");
    expect((await measured()).map(({ disaster }) => disaster)).toEqual(["multi-region-outage"]);
  });

  it.each([
    ["a planned move", () => failover("secondary", "switchover")],
    ["one that stopped midway", () => failover("secondary", "failover", false)],
    ["another environment's", () => failover("secondary", "failover", true, "staging")],
  ])("is not %s", async (_, left) => {
    await left();
    expect(await measured()).toEqual([]);
  });

  it("is not counted beside the drill that it was part of", async () => {
    await failover("secondary");
    writeEvidence(evidenceFolder("production"), record({ incidents: [ID] }));
    expect((await measured()).map(({ kind }) => kind)).toEqual(["drill"]);
  });

  it("whose journal was altered is named and not counted", async () => {
    await failover("secondary");
    const file = journalFile("production", ID);
    writeFileSync(file, readFileSync(file, "utf8").replace("verify", "veryfy"));
    const { measured: none, broken } = await gatherEvidence(topology, "production");
    expect([none, broken]).toEqual([[], [{ file, why: expect.stringMatching(/does not follow from the line before/) }]]);
  });
});

it("a record's file sorts by time and is nobody else's to read", () => {
  mkdirSync(folder, { recursive: true });
  for (const startedAt of ["2026-05-02T00:00:00.000Z", "2026-05-01T23:59:59.999Z"])
    writeEvidence(evidenceFolder("production"), record({ startedAt }));
  expect(readdirSync(join(folder, "drills")).sort()).toEqual([
    "2026-05-01T235959Z-regional-outage.json",
    "2026-05-02T000000Z-regional-outage.json",
  ]);
});
