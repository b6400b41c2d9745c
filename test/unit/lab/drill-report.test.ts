import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Journal, readJournal } from "../../../automation/journal";
import { describeDrill } from "../../../lab/drill/describe";
import { copyFiles, copyJournals } from "../../../lab/drill/journals";
import { reportPage } from "../../../lab/drill/report";
import { values } from "../../../lab/drill/words";
import { drill, restored, topology } from "./drill-reports";

// eslint-disable-next-line no-control-regex -- colours of a terminal
const plain = (text: string): string => text.replace(/\u001b\[\d+m/g, "");

it.each([
  ["terminal", (result: ReturnType<typeof drill>) => plain(describeDrill(result, topology))],
  ["page", (result: ReturnType<typeof drill>) => reportPage(result, topology).replace(/<[^>]+>/g, "")],
])("the %s tells of every move, re-protection and objective", (_, show) => {
  const shown = show(drill(["payments--200"])).toLowerCase();
  for (const part of [
    "failover primary → secondary, epoch 2",
    "verified 8.2s after the outage",
    "lost 1 of 707 writes acknowledged before, the oldest 200ms before",
    "failback secondary → primary, epoch 3",
    "writes paused for 1.1s",
    "primary protected again 21s after the command; its old database has 2 rows that the active one has not",
    "secondary protected again 18.5s after the command",
    "400, answered 300, accepted 0 (balancer: 503 ×150, database: 28000 ×150",
    "switchover write pause",
    "5621 writes acknowledged in all, 1 lost, 0 duplicated",
  ]) {
    expect(shown).toContain(part);
  }
});

it.each([
  ["terminal", plain(describeDrill(restored(), topology))],
  ["page", reportPage(restored(), topology).replace(/<[^>]+>/g, "")],
])("the %s tells of a restore", (_, shown) => {
  for (const part of [
    "estore of primary to 2023-11-14T22:13:19.999Z, epoch 2",
    "erified 12.5s after the damage, 11.5s after the command; writes paused for 8s",
    "260 rows of the damaged database were not in the restored one or otherwise, 60 of them were put in again",
    "database-failure RTO",
  ]) {
    expect(shown).toContain(part);
  }
});

it("the page says in its title line whether the objectives were met, and marks the one that was not", () => {
  expect(reportPage(drill(), topology)).toContain('<span class="verdict yes">objectives met</span>');
  const missed = reportPage(drill(["payments-75000"]), topology);
  expect(missed).toContain('<span class="verdict not">objectives missed</span>');
  expect(missed).toContain('<td>lost</td><td class="n">1</td><td class="n">0</td><td><span class="no">missed</span></td>');
});

it("what is missed by a hair does not look met", () => {
  const of = (measuredMs: number) => values({ name: "pause", targetMs: 3_000, measuredMs, met: measuredMs <= 3_000 });
  expect([of(2_999), of(3_020), of(4_000)].map(({ measured }) => measured)).toEqual(["3s", "3020ms", "4s"]);
});

it("the page is well formed and loads nothing", () => {
  const page = reportPage(drill(), topology);
  const open = [...page.matchAll(/<(div|table|tr|td|th|ul|li|p|h2|span|i)\b/g)].length;
  const closed = [...page.matchAll(/<\/(div|table|tr|td|th|ul|li|p|h2|span|i)>/g)].length;
  expect(closed).toBe(open);
  expect(page).not.toMatch(/<script|src=|href=|url\(|@import/);
});

it("each incident's journal is copied as it is, the first one's also as journal.jsonl", () => {
  const folder = mkdtempSync(join(tmpdir(), "journals-"));
  try {
    const files = ["DR-1", "DR-2"].map((incident) => {
      const journal = Journal.create(join(folder, `${incident}.jsonl`), incident);
      journal.append({ event: "opened" });
      journal.close();
      return journal.file;
    });
    writeFileSync(join(folder, "DR-2.diverged.jsonl"), "{}\n");
    const out = join(folder, "out");
    const names = [...copyJournals(files, out), ...copyFiles([join(folder, "DR-2.diverged.jsonl"), join(folder, "missing")], out)];
    expect(names).toEqual(["journal.jsonl", "journal-DR-1.jsonl", "journal-DR-2.jsonl", "DR-2.diverged.jsonl"]);
    expect(readdirSync(out).sort()).toEqual([...names].sort());
    expect(readJournal(join(out, "journal.jsonl"))[0]?.incident).toBe("DR-1");
    expect(readFileSync(join(out, "journal-DR-2.jsonl"))).toEqual(readFileSync(files[1]!));
    expect(copyJournals([], join(folder, "none"))).toEqual([]);
    expect(existsSync(join(folder, "none"))).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
