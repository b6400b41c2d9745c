import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Incident, thisDriver, type Opening } from "../../../automation/changeover/incident";
import { isKnown, journalFile, knownEngines, openIncident, partialJournals } from "../../../automation/changeover/incidents";
import { isOwn } from "../../../automation/changeover/locks";
import type { Step } from "../../../automation/changeover/table";
import { readJournal } from "../../../automation/journal";
import { StepList } from "../../../automation/steps";
import { lockOf } from "../../../automation/pulumi/failures";

let folder: string;
const before = process.env["CHANGEOVER_JOURNALS"];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "incident-"));
  process.env["CHANGEOVER_JOURNALS"] = folder;
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  if (before === undefined) delete process.env["CHANGEOVER_JOURNALS"];
  else process.env["CHANGEOVER_JOURNALS"] = before;
});

const list = new StepList(true);
const gone = { ...thisDriver(), pid: 2 ** 22 + 1, startTime: "1" };
const opening = (driver = gone): Opening => ({ kind: "failover", environment: "lab", request: { to: "secondary" }, driver });
const open = (id: string, driver = gone): Incident => Incident.open(journalFile("lab", id), id, opening(driver), list);
const take = (incident: Incident, step: Step, detail = {}): Promise<void> => incident.step(step, step, () => Promise.resolve(detail));

describe("an incident", () => {
  it("is in the state that its ended steps tell", async () => {
    const incident = open("DR-1");
    expect(incident.state).toBe("protected");
    await take(incident, "assess");
    await take(incident, "approve");
    expect(incident.state).toBe("approved");
    await incident.step("prepare", "prepare", () => Promise.reject(new Error("no"))).catch(() => undefined);
    expect([incident.state, incident.begun("prepare"), incident.has("prepare")]).toEqual(["approved", true, false]);
    expect(incident.timings.map(({ step }) => step)).toEqual(["assess", "approve"]);
  });

  it("goes on where a driver left it, with what that one had found", async () => {
    await take(open("DR-1"), "assess", { decision: { from: "primary", to: "secondary" } });
    const incident = Incident.resume(journalFile("lab", "DR-1"), list);
    expect(incident.resumed).toBe(true);
    expect(incident.state).toBe("assessed");
    expect(incident.detailOf("assess")).toEqual({ decision: { from: "primary", to: "secondary" } });
    await take(incident, "approve");
    await incident.finish({ event: "finished" });
    const entries = readJournal(incident.file);
    expect(entries.map(({ event }) => event)).toEqual(["opened", "begin", "end", "resumed", "begin", "end", "finished"]);
  });

  it("tells from when to when, by the first begin and the first end, whoever was killed in between", async () => {
    const first = open("DR-1");
    await take(first, "pause");
    expect(first.period("pause", "open")).toBeUndefined();
    await take(first, "open");
    const told = first.period("pause", "open");
    await sleep(20);
    const second = Incident.resume(journalFile("lab", "DR-1"), list);
    for (const step of ["pause", "open"] as const) await take(second, step);
    expect(second.period("pause", "open")).toEqual(told);
  });

  it("takes nothing after its end: the file's number may be another file's by then", async () => {
    const incident = open("DR-1");
    await incident.finish({ event: "stopped" });
    const other = openSync(join(folder, "other"), "w");
    incident.note({ event: "engine" });
    closeSync(other);
    expect(readFileSync(join(folder, "other"), "utf8")).toBe("");
    expect(readJournal(incident.file).map(({ event }) => event)).toEqual(["opened", "stopped"]);
  });

  it("goes on after half a line, as a driver leaves it that is killed while it writes", async () => {
    await take(open("DR-1"), "assess");
    const file = journalFile("lab", "DR-1");
    appendFileSync(file, '{"seq":3,"at":"2026-');
    const incident = Incident.resume(file, list);
    expect(incident.state).toBe("assessed");
    await take(incident, "approve");
    expect(readJournal(file).map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(readFileSync(file, "utf8")).toMatch(/}\n$/);
  });
});

describe("the open incident", () => {
  it("is the one that has no end, also where a driver's clock put it before others", async () => {
    expect(openIncident("lab")).toBeUndefined();
    open("DR-20260101-1");
    await open("DR-20260102-1").finish({ event: "refused" });
    expect(openIncident("lab")).toMatchObject({ id: "DR-20260101-1", state: "protected", running: false });
    await open("DR-20260103-1").finish({ event: "stopped" });
    expect(openIncident("lab")).toMatchObject({ id: "DR-20260103-1" });
    await open("DR-20260104-1").finish({ event: "finished" });
    expect(openIncident("lab")).toMatchObject({ id: "DR-20260103-1" });
    expect(openIncident("lab", "DR-20260101-1")).toMatchObject({ id: "DR-20260101-1" });
  });

  it.each(["finished", "aborted", "superseded"] as const)("is none once the newest is %s", async (event) => {
    await open("DR-20260101-1").finish({ event });
    expect(openIncident("lab")).toBeUndefined();
  });

  it("is none once another one that took over from it was approved, though its own journal cannot say so", async () => {
    open("DR-20260101-1");
    const supersedes = { id: "DR-20260101-1", openedAt: "2026-01-01T00:00:00Z", promoting: true, engines: [] };
    const next = Incident.open(journalFile("lab", "DR-20260102-1"), "DR-20260102-1", { ...opening(), supersedes }, list);
    expect(openIncident("lab", "DR-20260101-1")).toBeDefined();
    await take(next, "assess");
    await take(next, "approve");
    expect(openIncident("lab", "DR-20260101-1")).toBeUndefined();
    expect(openIncident("lab")).toMatchObject({ id: "DR-20260102-1" });
  });

  it("is told as partial where its disk did not take all of it", async () => {
    await take(open("DR-20260101-1"), "assess");
    const file = journalFile("lab", "DR-20260101-1");
    renameSync(file, `${file}.partial`);
    expect(openIncident("lab")).toMatchObject({ id: "DR-20260101-1", partial: true, state: "assessed" });
    expect([partialJournals("lab"), isKnown("lab", "DR-20260101-1"), isKnown("lab", "DR-2")]).toEqual([["DR-20260101-1"], true, false]);
  });

  it("tells whoever takes over from it where it was going, and how far it came", async () => {
    const incident = open("DR-20260101-1");
    expect(openIncident("lab")).toMatchObject({ move: undefined, promoting: false, opened: false });
    await take(incident, "assess", { decision: { from: "primary", to: "secondary", epoch: 2 } });
    expect(openIncident("lab")).toMatchObject({ epoch: 2, move: { from: "primary", to: "secondary" }, promoting: false });
    await take(incident, "promote");
    expect(openIncident("lab")).toMatchObject({ promoting: true, opened: false });
    await take(incident, "open");
    const { file: _file, opening: _opening, ...left } = openIncident("lab")!;
    expect(left).toMatchObject({ promoting: true, opened: true });

    Incident.open(journalFile("lab", "DR-20260102-1"), "DR-20260102-1", { ...opening(), supersedes: left }, list);
    expect(openIncident("lab")).toMatchObject({ epoch: 2, move: { from: "primary", to: "secondary" }, promoting: true, opened: true });
  });

  it("is past the point of return once the switch of a site that it activates is on", async () => {
    const incident = Incident.open(journalFile("lab", "DR-1"), "DR-1", { ...opening(), kind: "activation" }, list);
    await take(incident, "check");
    expect(openIncident("lab")).toMatchObject({ promoting: false });
    await take(incident, "fence");
    expect(openIncident("lab")).toMatchObject({ promoting: true, opened: false });
  });

  it("is remembered by its engines, also when it is over; not where its journal was altered", async () => {
    const engine = { stack: "lab-secondary", pid: 4242, startTime: "7" };
    const incident = open("DR-1");
    incident.note({ event: "engine", detail: { ...engine } });
    await incident.finish({ event: "superseded" });
    expect(knownEngines("lab")).toEqual([engine]);
    const file = journalFile("lab", "DR-1");
    writeFileSync(file, readFileSync(file, "utf8").replace("4242", "4243"));
    expect(knownEngines("lab")).toEqual([]);
  });

  it("runs while its driver does, and not under a later process of the same number", async () => {
    const parent = { ...thisDriver(), pid: process.ppid };
    open("DR-1", { ...parent, startTime: "" });
    expect(openIncident("lab")?.running).toBe(true);
    open("DR-2", { ...parent, startTime: "1" });
    expect(openIncident("lab")?.running).toBe(false);
    open("DR-3", { ...parent, startTime: "", host: "elsewhere" });
    expect(openIncident("lab")?.running).toBe(false);
  });
});

describe("a stack's lock", () => {
  it("is read as Pulumi tells it", () => {
    expect(lockOf("maria@runner-7 (pid 4242) at 2026-01-02T03:04:05Z")).toEqual({
      user: "maria",
      host: "runner-7",
      pid: 4242,
      at: new Date("2026-01-02T03:04:05Z"),
    });
    expect(lockOf("somebody")).toBeUndefined();
  });

  const own = { user: userInfo().username, host: hostname(), pid: 2 ** 22 + 1, at: new Date("2026-01-02T03:04:05Z") };
  const since = new Date("2026-01-02T03:04:05.400Z");
  const engine = { stack: "lab-secondary", pid: own.pid, startTime: "7" };
  const earlier = new Date("2026-01-02T02:04:05Z");
  it.each([
    ["its own", {}, [], true],
    ["an earlier one", { at: new Date("2026-01-02T03:04:01Z") }, [], false],
    ["an earlier one, by a clock that was put back, of a process that the journal names", { at: earlier }, [engine], true],
    ["the same, but for another stack", { at: earlier }, [{ ...engine, stack: "lab-primary" }], false],
    ["the same, but another process has that number now", { at: earlier, pid: process.pid }, [{ ...engine, pid: process.pid }], false],
    ["another user's", { user: "maria" }, [engine], false],
    ["another machine's", { host: "runner-7" }, [engine], false],
    ["one without a time", { at: new Date(NaN) }, [], false],
  ])("%s is told from others", (_, change, engines, expected) => {
    expect(isOwn({ ...own, ...change }, { stack: "lab-secondary", since, engines })).toBe(expected);
  });
});
