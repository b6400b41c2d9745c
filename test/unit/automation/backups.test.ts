import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { late, newestSound, verdicts, type Copy, type Storage } from "../../../automation/backups/copies";
import { readIntegrity, recordOf, testDue } from "../../../automation/backups/integrity";
import type { BackupReport } from "../../../automation/backups/verify";
import { loadTopology } from "../../../stacks/topology-file";
import { formatDuration } from "../../../topology/duration";
import { namesFor } from "../../../topology/names";
import { s3, type S3 } from "./s3";

const copy = (site: string, storage: Storage, more: Partial<Copy> = {}): Copy => ({
  data: "database",
  site,
  region: "",
  storage,
  live: false,
  id: `${site}-${storage}`,
  at: "2026-01-02T03:04:05.000Z",
  ageMs: 1_000,
  rpo: null,
  read: "",
  problems: [],
  ...more,
});
const live = copy("primary", "instance", { live: true });
const gone = { problems: ["gone"] };

describe("3-2-1", () => {
  it.each<[string, Copy[], boolean]>([
    ["the data, the log and a snapshot at the cold site", [live, copy("primary", "log"), copy("cold", "snapshot")], true],
    ["no third copy", [live, copy("cold", "snapshot")], false],
    ["a third copy that cannot be relied on", [live, copy("primary", "log"), copy("cold", "snapshot", gone)], false],
    ["nothing off-site", [live, copy("secondary", "instance"), copy("primary", "log")], false],
    ["one kind of storage", [live, copy("secondary", "instance"), copy("cold", "instance")], false],
  ])("is held, or not, by %s", (_, copies, met) => {
    expect(verdicts(copies, ["cold"])).toMatchObject([{ data: "database", met }]);
  });

  it("is asked of each kind of data by itself", () => {
    const objects = copy("primary", "bucket", { data: "objects media", live: true });
    const found = verdicts([live, copy("primary", "log"), copy("cold", "snapshot"), objects], ["cold"]);
    expect(found).toEqual([
      { data: "database", copies: 3, storages: ["instance", "log", "snapshot"], offSite: 1, met: true },
      { data: "objects media", copies: 1, storages: ["bucket"], offSite: 0, met: false },
    ]);
  });
});

it("whoever meets a copy that does not work is told the newest that does, and never the data themselves", () => {
  const [older, newer] = [copy("primary", "log", { at: "2026-01-02T03:00:00.000Z" }), copy("cold", "snapshot")];
  expect(newestSound([live, older, newer], "database")).toBe(newer);
  expect(newestSound([live, older, { ...newer, ...gone }], "database")).toBe(older);
  expect(newestSound([live], "database")).toBeUndefined();
});

it("a copy is late when it is older than its objective allows, and not at it", () => {
  const rpo = { disaster: "multi-region-outage" as const, ms: 3_600_000 };
  expect(late(3_600_000, rpo, formatDuration)).toEqual([]);
  expect(late(3_600_001, rpo, formatDuration)).toEqual([expect.stringMatching(/^1h.* old; multi-region-outage allows 1h/)]);
  expect([late(null, rpo, formatDuration), late(9e9, null, formatDuration)]).toEqual([[], []]);
});

describe("a look at the copies", () => {
  const bad = copy("cold", "snapshot", { problems: ["nobody can decrypt it: its key is Disabled"] });
  const report = (more: Partial<BackupReport> = {}): BackupReport => ({
    environment: "lab",
    at: "2026-01-02T03:04:06.000Z",
    copies: [live, copy("primary", "log"), copy("cold", "snapshot")],
    verdicts: verdicts([live, copy("primary", "log"), copy("cold", "snapshot")], ["cold"]),
    tested: null,
    sound: true,
    ...more,
  });
  const began = new Date("2026-01-02T03:04:05Z");
  const comparison = { tables: [], schema: [], lsn: "0/1", equal: true, tookMs: 1 };
  const test = { site: "cold", id: "awsbackup:1", at: "", restoredMs: 1, comparison };
  const before = { at: "2026-01-01T03:04:05.000Z", sound: true, problems: [], testedAt: "2026-01-01T03:04:05.000Z" };

  it("keeps when a copy was last restored and found whole", () => {
    expect(recordOf(report(), began, before)).toEqual({ at: began.toISOString(), sound: true, problems: [], testedAt: before.testedAt });
    expect(recordOf(report({ tested: test }), began, before).testedAt).toBe(began.toISOString());
    const unlike = { ...test, comparison: { ...comparison, equal: false } };
    expect(recordOf(report({ tested: unlike, sound: false }), began, before)).toMatchObject({ sound: false, testedAt: before.testedAt });
    expect(recordOf(report({ tested: { failed: "no", alternative: "none" }, sound: false }), began, undefined).testedAt).toBeNull();
  });

  it("tells every problem, and what works instead", () => {
    const copies = [live, copy("primary", "log"), bad];
    const { problems } = recordOf(
      report({ copies, verdicts: verdicts(copies, ["cold"]), tested: { failed: "it hung", alternative: "another" }, sound: false }),
      began,
      undefined,
    );
    expect(problems).toEqual([
      "database at cold, cold-snapshot: nobody can decrypt it: its key is Disabled; primary-log at primary works",
      "3-2-1 of database is missed",
      "restore test: it hung; another",
    ]);
  });

  it("restores a copy when none was, or not for the interval", () => {
    const topology = loadTopology("topology.yaml");
    const due = (testedAt: string | null) => testDue(topology, { ...before, testedAt }, began);
    expect(testDue(topology, undefined, began)).toBe(true);
    expect([due(null), due("2026-01-01T03:04:05.000Z"), due("2026-01-01T03:04:06.000Z")]).toEqual([true, true, false]);
  });
});

describe("a record of a look", () => {
  let store: S3;
  const topology = loadTopology("topology.yaml");
  const env = { topology, names: namesFor(topology, "lab"), workspace: undefined as never };
  const key = `${env.names.site("cold").controlBucket}/integrity/latest.json`;
  const record = { at: "2026-01-02T03:04:05.000Z", sound: false, problems: ["late"], testedAt: null };

  beforeEach(async () => {
    store = await s3();
    vi.stubEnv("AWS_ENDPOINT_URL", store.endpoint);
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await store.close();
  });

  it("is read from the cold site, and is late once two looks are missing", async () => {
    expect(await readIntegrity(env)).toBeUndefined();
    store.objects.set(key, JSON.stringify(record));
    const at = (after: number) => readIntegrity(env, new Date(Date.parse(record.at) + after));
    expect(await at(7_200_000)).toEqual({ ...record, late: false });
    expect(await at(7_200_001)).toEqual({ ...record, late: true });
  });

  it("is none where it is something else", async () => {
    store.objects.set(key, "{}");
    await expect(readIntegrity(env)).rejects.toThrow();
  });
});
