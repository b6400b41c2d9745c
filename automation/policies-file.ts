import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { rules } from "../policies/all";
import { CONTROLS, controlName, type Control } from "../policies/controls";
import type { Theme } from "../policies/rule";
import { markdownTable } from "./markdown";

/** Where people find the policies. */
export const POLICIES_FILE = join(__dirname, "..", "docs", "policies.md");

/** What each theme is about, as a heading wants it. */
const THEMES: Record<Theme, string> = {
  "one-writer": "One writer",
  budgets: "Budgets: what a recovery takes fits its objective",
  parity: "Parity: a standby is like the active site",
  protection: "Protection: what data need to be there tomorrow",
  transport: "Transport",
  exposure: "Exposure: who may do what",
  residency: "Residency: where data may be",
  workloads: "Workloads",
  ownership: "Ownership",
};

/** The file as it is committed; `npm run policies` writes it. */
export function policiesText(): string {
  return [
    "# Policies",
    "Written by `npm run policies` from `policies/`. Run them over every stack by `changeover policies`, over one by `pulumi preview -s <stack> --policy-pack policies`; `docs/ci/README.md` says how CI does it, and how they are configured. Those that are advisory say so; all others fail an update.",
    ...(Object.keys(THEMES) as Theme[]).flatMap((theme) => [
      `## ${THEMES[theme]}`,
      markdownTable([
        ["policy", "what holds", "why", "what to do", "controls"],
        ...rules
          .filter((rule) => rule.theme === theme)
          .map(({ name, description, reason, fix, controls, enforcementLevel }) => [
            `\`${name}\`${enforcementLevel === "advisory" ? " (advisory)" : ""}`,
            description,
            reason,
            fix,
            controls.join(", "),
          ]),
      ]),
    ]),
    "## Controls",
    "What `changeover compliance` holds together: each control, the policies that speak for it, and what no tool can decide.",
    markdownTable([
      ["control", "asks that", "policies", "for people to decide"],
      ...(Object.keys(CONTROLS) as Control[]).map((control) => [
        controlName(control),
        CONTROLS[control].asks,
        rules
          .filter(({ controls }) => controls.includes(control))
          .map(({ name }) => `\`${name}\``)
          .join(", ") || "the audit trail",
        CONTROLS[control].people,
      ]),
    ]),
    "",
  ]
    .join("\n\n")
    .replace(/\n\n$/, "\n");
}

if (require.main === module) writeFileSync(POLICIES_FILE, policiesText());
