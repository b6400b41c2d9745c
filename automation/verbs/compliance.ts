import { Option, type Command } from "commander";
import { STANDARDS, type Standard } from "../../policies/controls";
import { BadInput } from "../../topology/errors";
import { EXIT } from "../errors";
import { say, sayJson } from "../output";
import { withSteps } from "../steps";
import { common, examples, list, open, type Common } from "./options";

interface ComplianceFlags extends Common {
  standards: string[];
  markdown?: boolean;
}

/** What speaks for the controls of a standard. */
export function complianceVerb(program: Command): void {
  const known = Object.keys(STANDARDS);
  common(program.command("compliance"))
    .description("controls of standards, with the policies, drills and audit records that speak for them, and what no tool can decide")
    .option("--standards <names>", `which ones, separated by commas: ${known.join(", ")}`, list, known)
    .addOption(new Option("--markdown", "print a table in Markdown").conflicts("json"))
    .addHelpText(
      "after",
      examples(
        "changeover compliance",
        "changeover compliance --standards gdpr,pci_dss,iso27001 --markdown > controls.md",
        "changeover compliance --json | jq '.[] | select(.verdict != \"met\") | .control'",
      ),
    )
    .action(async (options: ComplianceFlags) => {
      const strange = options.standards.filter((name) => !known.includes(name));
      if (strange.length > 0) throw new BadInput([{ path: "--standards", value: strange.join(","), message: known.join(", ") }]);
      const [{ assessControls, controlsMarkdown, describeControls }, { checkPolicies }, { assessEstimates }, { gatherEvidence }] =
        await Promise.all([import("../compliance.js"), import("../policies.js"), import("../estimate.js"), import("../measured.js")]);
      const env = await open(options);
      const stacks = await withSteps(options.json, (steps) => checkPolicies(env, [], [], steps));
      const measured = await gatherEvidence(env.topology, options.environment);
      const reports = assessControls(
        options.standards as Standard[],
        stacks,
        assessEstimates(env.topology, options.environment, measured, Date.now()),
      );
      if (options.json) sayJson(reports);
      else say(options.markdown ? controlsMarkdown(reports) : describeControls(reports));
      if (reports.some(({ verdict }) => verdict === "not met")) process.exitCode = EXIT.objectiveMissed;
    });
}
