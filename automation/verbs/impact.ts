import { resolve } from "node:path";
import { Option, type Command } from "commander";
import { EXIT } from "../errors";
import { say, sayJson } from "../output";
import { withSteps, type StepList } from "../steps";
import { ROOT, common, examples, open, topologyOf, type Common } from "./options";

interface ImpactFlags extends Common {
  policies: boolean;
  policyPackConfig: string[];
  markdown?: boolean;
}

/** What a change does to recovery. */
export function impactVerb(program: Command): void {
  common(program.command("impact-of"))
    .argument("<git-ref>", "revision that the checkout is compared with, as in origin/main")
    .description("what the change since another revision does to predicted RTO and RPO, to the cost class, and to the policies")
    .option("--no-policies", "compare what the topologies predict alone; no stack is previewed")
    .option("--policy-pack-config <files...>", "as for changeover policies, at both revisions", [])
    .addOption(new Option("--markdown", "print it as a comment of a pull request").conflicts("json"))
    .addHelpText(
      "after",
      `${examples("changeover impact-of origin/main", "changeover impact-of v1.4.0 --no-policies", "changeover impact-of origin/main --markdown > comment.md")}

Exit code 5 where something became worse.`,
    )
    .action(async (ref: string, options: ImpactFlags) => {
      const { atRevision, describeImpact, impactMarkdown, impactOf, policiesAt, revisionOf } = await import("../impact.js");
      const { environment } = options;
      const configs = options.policyPackConfig.map((file) => resolve(file));
      const impact = await withSteps(options.json, async (steps) => {
        const after = revisionOf(topologyOf(environment), options.policies ? await policiesHere(options, configs, steps) : undefined);
        return atRevision(ROOT, ref, async (root, commit) => {
          steps.start("before", `Look at ${commit.slice(0, 12)}`);
          const before = revisionOf(
            topologyOf(environment, root),
            options.policies ? await policiesAt(ROOT, root, environment, configs) : undefined,
          );
          steps.done("before");
          return impactOf(commit, before, after);
        });
      });
      if (options.json) sayJson(impact);
      else say(options.markdown ? impactMarkdown(impact) : describeImpact(impact));
      if (impact.worse.length > 0) process.exitCode = EXIT.objectiveMissed;
    });
}

async function policiesHere(options: Common, configs: string[], steps: StepList) {
  const { checkPolicies } = await import("../policies.js");
  return checkPolicies(await open(options), [], configs, steps);
}
