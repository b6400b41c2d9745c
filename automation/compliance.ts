import { rules } from "../policies/all";
import { CONTROLS, controlName, type Control, type Standard } from "../policies/controls";
import type { EstimateReport } from "./estimate";
import { markdownTable } from "./markdown";
import { paint, table } from "./output";
import type { StackPolicies } from "./policies";

/** What speaks for a control, or against it. */
export interface Evidence {
  kind: "policy" | "drill" | "audit";
  /** Name of the policy or disaster. */
  name: string;
  state: "kept" | "violated" | "undecided" | "recent" | "old" | "none";
  what: string;
}

export interface ControlReport {
  control: Control;
  asks: string;
  evidence: Evidence[];
  /** `met` by all that a tool can see; `not met`; `open` where evidence is missing or undecided. */
  verdict: "met" | "not met" | "open";
  /** What no tool can decide. */
  people: string;
}

/** Controls that a drill speaks to: what is to be restored in time has to have been, not long ago. */
const PROVEN_BY_DRILLS: readonly Control[] = ["iso27001 A.5.30", "iso27001 A.8.13", "gdpr 32"];

/** Controls that the audit trail speaks to. */
const AUDITED: readonly Control[] = ["pci_dss 10.2"];

/** Holds the controls of some standards against what the stacks, the drills and the audit trail say. Pure. */
export function assessControls(
  standards: readonly Standard[],
  stacks: readonly StackPolicies[],
  estimates: EstimateReport,
): ControlReport[] {
  return (Object.keys(CONTROLS) as Control[])
    .filter((control) => standards.some((standard) => control.startsWith(`${standard} `)))
    .map((control) => {
      const evidence = [
        ...rules.filter(({ controls }) => controls.includes(control)).map((rule) => policyEvidence(rule, stacks)),
        ...(PROVEN_BY_DRILLS.includes(control) ? drillEvidence(estimates) : []),
        ...(AUDITED.includes(control) ? [auditEvidence(stacks)] : []),
      ];
      return { control, asks: CONTROLS[control].asks, evidence, verdict: verdictOf(evidence), people: CONTROLS[control].people };
    });
}

function policyEvidence({ name, description }: { name: string; description: string }, stacks: readonly StackPolicies[]): Evidence {
  const said = (of: "violated" | "undecided") =>
    stacks.filter((stack) => stack[of].some(({ policy }) => policy === name)).map(({ stack }) => stack);
  const [violated, undecided] = [said("violated"), said("undecided")];
  const state = violated.length > 0 ? "violated" : undecided.length > 0 ? "undecided" : "kept";
  const where = violated.length > 0 ? violated : undecided;
  return { kind: "policy", name, state, what: where.length > 0 ? `${description} (${where.join(", ")})` : description };
}

function drillEvidence({ disasters }: EstimateReport): Evidence[] {
  return disasters
    .filter(({ predicted }) => predicted !== null)
    .map(({ disaster, title, measured, evidence }) => ({
      kind: "drill",
      name: disaster,
      state: evidence,
      what: measured ? `${title}: ${measured.name} of ${measured.at}, at ${measured.where}` : `${title}: nothing was ever measured`,
    }));
}

/** The trail is one of the edge's resources: where that stack could be previewed, its policies have looked at the bucket. */
function auditEvidence(stacks: readonly StackPolicies[]): Evidence {
  const edge = stacks.find(({ part }) => part === "edge");
  return {
    kind: "audit",
    name: "cloudtrail",
    state: edge ? "kept" : "none",
    what: "a trail over all regions, with digests, in a locked bucket; changeovers have journals of their own, each entry with the hash of the one before",
  };
}

function verdictOf(evidence: readonly Evidence[]): ControlReport["verdict"] {
  if (evidence.some(({ state }) => state === "violated")) return "not met";
  return evidence.length === 0 || evidence.some(({ state }) => state !== "kept" && state !== "recent") ? "open" : "met";
}

/** The report as a person reads it. */
export function describeControls(reports: readonly ControlReport[]): string {
  const colour = { met: paint.green, "not met": paint.red, open: paint.yellow };
  return reports
    .map(({ control, asks, evidence, verdict, people }) =>
      [
        `${paint.bold(controlName(control))}: ${asks}: ${colour[verdict](verdict)}`,
        table(
          ["EVIDENCE", "NAME", "", "WHAT"],
          evidence.map(({ kind, name, state, what }) => [kind, name, state, what]),
        ),
        `for people to decide: ${people}`,
      ].join("\n"),
    )
    .join("\n\n");
}

export function controlsMarkdown(reports: readonly ControlReport[]): string {
  const rows = reports.flatMap(({ control, evidence, verdict, people }) =>
    evidence.map(({ kind, name, state, what }, i) => [
      i === 0 ? controlName(control) : "",
      i === 0 ? verdict : "",
      `${kind} ${name}`,
      state,
      what,
      i === 0 ? people : "",
    ]),
  );
  return markdownTable([["control", "verdict", "evidence", "state", "what", "for people to decide"], ...rows]);
}
