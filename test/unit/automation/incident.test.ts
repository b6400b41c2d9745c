import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Incident, thisDriver, type Opening } from "../../../automation/changeover/incident";
import { journalFile, openIncident } from "../../../automation/changeover/incidents";
import { isOwn } from "../../../automation/changeover/locks";
import type { Step } from "../../../automation/changeover/table";
import { readJournal } from "../../../automation/journal";
import { StepList } from "../../../automation/steps";
import { lockOf } from "../../../automation/workspace";

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

  const own = { user: userInfo().username, host: hostname(), pid: 1, at: new Date("2026-01-02T03:04:05Z") };
  const openedAt = new Date("2026-01-02T03:04:05.400Z");
  it.each([
    ["its own", {}, true],
    ["an earlier one", { at: new Date("2026-01-02T03:04:01Z") }, false],
    ["another user's", { user: "maria" }, false],
    ["another machine's", { host: "runner-7" }, false],
    ["one without a time", { at: new Date(NaN) }, false],
  ])("%s is told from others", (_, change, expected) => {
    expect(isOwn({ ...own, ...change }, openedAt)).toBe(expected);
  });
});
