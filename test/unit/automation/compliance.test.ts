import { describe, expect, it } from "vitest";
import { assessControls, controlsMarkdown, describeControls } from "../../../automation/compliance";
import { assessEstimates } from "../../../automation/estimate";
import type { Measured } from "../../../automation/measured";
import type { StackPolicies } from "../../../automation/policies";
import { rules } from "../../../policies/all";
import { CONTROLS } from "../../../policies/controls";
import { topology } from "../components/recorder";

const NOW = Date.parse("2026-06-01T00:00:00Z");
const DAY = 86_400_000;
const measured = (days: number): Measured[] =>
  (["database-failure", "regional-outage", "multi-region-outage", "complete-compromise"] as const).map((disaster) => ({
    disaster,
    kind: "drill",
    name: disaster,
    at: new Date(NOW - days * DAY).toISOString(),
    where: "lab",
    rtoMs: 1,
    rpoMs: 1,
  }));
const estimates = (days: number) => assessEstimates(topology, "production", { measured: measured(days), broken: [] }, NOW);
const stacks = (change: Partial<StackPolicies> = {}): StackPolicies[] => [
  { part: "edge", stack: "production-edge", violated: [], undecided: [], tookMs: 1, ...change },
];
const verdicts = (reports: ReturnType<typeof assessControls>) =>
  Object.fromEntries(reports.map(({ control, verdict }) => [control, verdict]));

describe("the controls of standards", () => {
  it("are met where policies are kept and drills are recent", () => {
    const reports = assessControls(["iso27001", "pci_dss", "gdpr"], stacks(), estimates(1));
    expect(reports.map(({ control }) => control)).toEqual(Object.keys(CONTROLS));
    expect(new Set(Object.values(verdicts(reports)))).toEqual(new Set(["met"]));
  });

  it("are not met where a policy that serves them is violated, and open where it is undecided or a drill is old", () => {
    const one = (policy: string) => [{ policy, level: "mandatory" as const, message: "why" }];
    const broken = verdicts(assessControls(["pci_dss"], stacks({ violated: one("tls-buckets") }), estimates(1)));
    expect(broken).toMatchObject({ "pci_dss 4.2": "not met", "pci_dss 8.4": "met" });
    expect(verdicts(assessControls(["pci_dss"], stacks({ undecided: one("tls-buckets") }), estimates(1)))["pci_dss 4.2"]).toBe("open");
    expect(verdicts(assessControls(["gdpr"], stacks(), estimates(91)))).toMatchObject({ "gdpr 32": "open", "gdpr 44": "met" });
  });

  it("are those of the standards that were asked for", () => {
    expect(Object.keys(verdicts(assessControls(["gdpr"], stacks(), estimates(1))))).toEqual(["gdpr 32", "gdpr 44"]);
  });

  it("say what no tool can decide", () => {
    const reports = assessControls(["gdpr"], stacks(), estimates(1));
    for (const text of [describeControls(reports), controlsMarkdown(reports)]) {
      expect(text).toContain(CONTROLS["gdpr 44"].people);
      expect(text).toContain("residency");
    }
  });
});

it("every policy serves a control, and every control has evidence", () => {
  for (const rule of rules) expect(rule.controls.length, rule.name).toBeGreaterThan(0);
  const served = new Set(rules.flatMap(({ controls }) => controls));
  for (const { control, evidence } of assessControls(["iso27001", "pci_dss", "gdpr"], stacks(), estimates(1))) {
    expect(evidence.length, control).toBeGreaterThan(0);
    expect(served.has(control) || evidence.some(({ kind }) => kind !== "policy"), control).toBe(true);
  }
});
