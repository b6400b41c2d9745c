import { expect, it } from "vitest";
import type { MoveReport } from "../../../automation/changeover/report";
import type { Environment } from "../../../automation/facts";
import { describeReport } from "../../../automation/verbs/describe";
import { loadTopology } from "../../../stacks/topology-file";

const topology = loadTopology("topology.yaml");

const report: MoveReport = {
  incident: "DR-20260102-030405-4242",
  kind: "failover",
  from: "primary",
  to: "secondary",
  epoch: 2,
  openedAt: 0,
  startedAt: 0,
  totalMs: 9_000,
  steps: [],
  journal: "/journals/DR-20260102-030405-4242.jsonl",
  segmentsMs: { decide: 1, fence: 1, promote: 1, services: 1, traffic: 1, verify: 1 },
  tiers: [],
  recoveredMs: 6_000,
  verified: { key: "k", attempts: 1, tookMs: 1, address: "127.0.0.1" },
};

it.each([
  ["primary", "secondary", "once primary answers: changeover reprotect --site primary, then changeover failback"],
  ["primary", "cold", "once primary answers: changeover reprotect --site primary, then changeover failback"],
  ["secondary", "primary", "once secondary answers: changeover reprotect --site secondary"],
  [
    "cold",
    "primary",
    "once secondary answers: changeover reprotect --site secondary, once nobody needs cold's database: changeover reprotect --site cold --discard-old",
  ],
])("after a move from %s to %s it says what is to be done next", (from, to, next) => {
  const text = describeReport({ ...report, from, to }, { topology } as Environment);
  expect(text.split("\n").at(-2)).toBe(`nothing stands behind it now; ${next}`);
});

it("says how long a resumed changeover took since it began", () => {
  const env = { topology } as Environment;
  expect(describeReport(report, env)).toContain("was read back after 6s\n");
  expect(describeReport({ ...report, startedAt: 54_000 }, env)).toContain("was read back after 6s, 1m after the changeover began\n");
});

it("says up to when a failover's target has what the old site acknowledged, where not all of it is known to have arrived", () => {
  const env = { topology } as Environment;
  expect(describeReport({ ...report, lastReplayAt: "2026-01-02T03:04:05.678Z" }, env)).toContain(
    "\nsecondary's newest transaction of before is of 2026-01-02T03:04:05.678Z: what primary acknowledged later may not be in it; a re-protection lists it\n",
  );
  expect(describeReport(report, env)).not.toContain("acknowledged later");
});
