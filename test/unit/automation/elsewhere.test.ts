import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { JournalCopies, openCopies, readCopies } from "../../../automation/changeover/copies";
import {
  completeJournals,
  controlBuckets,
  copySuperseded,
  describeElsewhere,
  fetchJournal,
  openElsewhere,
} from "../../../automation/changeover/elsewhere";
import { Incident, thisDriver, type Opening } from "../../../automation/changeover/incident";
import { journalFile, openIncident } from "../../../automation/changeover/incidents";
import type { Environment } from "../../../automation/facts";
import { readJournal } from "../../../automation/journal";
import { StepList } from "../../../automation/steps";
import { loadTopology } from "../../../stacks/topology-file";
import { namesFor } from "../../../topology/names";
import { s3, type S3 } from "./s3";

const topology = loadTopology("topology.yaml");
const env = { topology, names: namesFor(topology, "lab"), workspace: { environment: "lab" } } as unknown as Environment;
const bucket = env.names.site("secondary").controlBucket;
const target = { site: "secondary", region: "eu-west-1", bucket };
const list = new StepList(true);
/** A driver that is gone, on this machine. */
const driver = { ...thisDriver(), pid: 2 ** 22 + 1, startTime: "1" };
const ID = `DR-20260101-000000-${driver.pid}`;

let store: S3;
let folder: string;
beforeEach(async () => {
  store = await s3();
  folder = mkdtempSync(join(tmpdir(), "elsewhere-"));
  vi.stubEnv("CHANGEOVER_JOURNALS", folder);
  vi.stubEnv("AWS_ENDPOINT_URL", store.endpoint);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
  await store.close();
});

/** A changeover that came as far as its assessment, with its copy. */
async function begun(): Promise<Incident> {
  const opening: Opening = { kind: "switchover", environment: "lab", request: { to: "secondary" }, driver };
  const incident = Incident.open(journalFile("lab", ID), ID, opening, list);
  const copies = new JournalCopies(target, ID);
  incident.copyTo(copies);
  await incident.step("assess", "assess", () => Promise.resolve({}));
  await copies.flush();
  return incident;
}

/** As another machine sees it. */
const moveAway = (): void => {
  rmSync(journalFile("lab", ID));
};

describe("another machine's changeover", () => {
  it("is found by its mark and told by name", async () => {
    await begun();
    moveAway();
    const [found] = (await Promise.all(controlBuckets(env).map((each) => openElsewhere(env, each)))).flat();
    expect(found).toMatchObject({ id: ID, site: "secondary", opening: { kind: "switchover" } });
    expect(describeElsewhere(found!)).toMatch(
      new RegExp(`^${ID}, a switchover that ${driver.owner} began on ${driver.host} \\(pid ${driver.pid}\\)`),
    );
  });

  it("is not this machine's, nor one that has come to its end", async () => {
    const incident = await begun();
    expect(await openElsewhere(env, target)).toEqual([]);
    await incident.finish({ event: "finished" });
    moveAway();
    expect([...store.objects.keys()].filter((key) => key.includes("/open/"))).toEqual([]);
    expect(await openElsewhere(env, target)).toEqual([]);
  });

  it("is over where its last entry says so, though the mark was left; then that is taken away", async () => {
    const incident = await begun();
    await incident.finish({ event: "aborted" });
    moveAway();
    store.objects.set(`${bucket}/open/${ID}`, "{}");
    expect(await openElsewhere(env, target)).toEqual([]);
    expect(store.objects.has(`${bucket}/open/${ID}`)).toBe(false);
  });

  it("is not known where the bucket cannot be read", async () => {
    store.fail();
    await expect(openElsewhere(env, target)).rejects.toThrow(/S3 in eu-west-1: list/);
  });

  it("is fetched, and can then be gone on with here", async () => {
    await begun();
    moveAway();
    await fetchJournal(env, "secondary", undefined, list);
    expect(openIncident("lab")).toMatchObject({ id: ID, state: "assessed", partial: false, fetched: true });
    await expect(fetchJournal(env, "secondary", ID, list)).rejects.toThrow(/this machine has that changeover's journal/);
    await expect(fetchJournal(env, "primary", undefined, list)).rejects.toThrow(/no journal without an end/);
    await expect(fetchJournal(env, "tertiary", undefined, list)).rejects.toThrow(/--from/);
  });

  it("is not fetched once it is over", async () => {
    const incident = await begun();
    await incident.finish({ event: "aborted" });
    moveAway();
    await expect(fetchJournal(env, "secondary", ID, list)).rejects.toThrow(new RegExp(`no journal of ${ID} without an end`));
  });

  it("is over to all machines once another one took over from it", async () => {
    await begun();
    const left = Incident.resume(journalFile("lab", ID), list);
    await left.finish({ event: "superseded" });
    const supersedes = { id: ID, openedAt: "2026-01-01T00:00:00Z", promoting: true, engines: [] };
    const opening: Opening = { kind: "failover", environment: "lab", request: { to: "secondary" }, driver, supersedes };
    const later = Incident.open(journalFile("lab", `${ID}1`), `${ID}1`, opening, list);
    later.copyTo(new JournalCopies(target, later.id));
    await copySuperseded(env, later);
    expect(await openCopies(target)).toContain(ID);
    await later.step("approve", "approve", () => Promise.resolve({}));
    await copySuperseded(env, later);
    expect(await openCopies(target)).toEqual([later.id]);
    expect((await readCopies(target, ID)).at(-1)).toContain('"event":"superseded"');
  });

  it("is not taken from a copy that was altered", async () => {
    await begun();
    moveAway();
    const key = `${bucket}/journals/${ID}/000001.json`;
    store.objects.set(key, (store.objects.get(key) ?? "").replace("assess", "approve"));
    await expect(fetchJournal(env, "secondary", ID, list)).rejects.toThrow(/line 2 does not follow/);
  });
});

describe("a journal that its disk did not take whole", () => {
  /** Cuts it off after some of its lines. */
  function cut(lines: number): void {
    const file = journalFile("lab", ID);
    const whole = readFileSync(file, "utf8").split("\n");
    writeFileSync(
      file,
      whole
        .slice(0, lines)
        .map((line) => `${line}\n`)
        .join(""),
    );
    renameSync(file, `${file}.partial`);
  }

  it.each([0, 1, 2, 3])("is completed from its copy: %i lines were written", async (lines) => {
    await begun();
    cut(lines);
    await completeJournals(env, list);
    expect(readJournal(journalFile("lab", ID)).map(({ event }) => event)).toEqual(["opened", "begin", "end"]);
    expect(existsSync(`${journalFile("lab", ID)}.partial`)).toBe(false);
    expect(openIncident("lab")).toMatchObject({ partial: false, state: "assessed" });
  });

  it("is nobody's to decide by where the copy cannot be read", async () => {
    await begun();
    cut(1);
    store.fail();
    await expect(completeJournals(env, list)).rejects.toThrow(/its copy cannot be read/);
    expect(existsSync(`${journalFile("lab", ID)}.partial`)).toBe(true);
  });

  it("is left alone while its driver writes it", async () => {
    const opening: Opening = {
      kind: "switchover",
      environment: "lab",
      request: { to: "secondary" },
      driver: { ...thisDriver(), pid: process.ppid, startTime: "" },
    };
    Incident.open(journalFile("lab", ID), ID, opening, list);
    cut(1);
    await expect(completeJournals(env, list)).rejects.toThrow(/is under way/);
  });

  it("is gone where nothing took an entry", async () => {
    writeFileSync(`${journalFile("lab", ID)}.partial`, "");
    await completeJournals(env, list);
    expect([existsSync(journalFile("lab", ID)), existsSync(`${journalFile("lab", ID)}.partial`)]).toEqual([false, false]);
  });
});
