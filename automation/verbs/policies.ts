import { resolve } from "node:path";
import type { Command } from "commander";
import { EXIT } from "../errors";
import { say, sayJson } from "../output";
import { withSteps } from "../steps";
import { common, examples, open, type Common } from "./options";

/** Holds the stacks against the policy pack. */
export function policiesVerb(program: Command): void {
  common(program.command("policies"))
    .description("hold every stack against the policy pack, by previews that run at the same time; changes nothing")
    .argument("[parts...]", "edge, data or sites whose stacks are looked at (default: all)")
    .option("--policy-pack-config <files...>", "JSON with enforcement levels and options of policies, as pulumi preview takes it", [])
    .addHelpText(
      "after",
      `${examples(
        "changeover policies",
        "changeover policies edge primary",
        "changeover policies --json | jq '.stacks[].violated[].policy'",
        "changeover policies --policy-pack-config strict.json",
        "pulumi preview -s production-edge --policy-pack policies",
      )}

A file may say {"residency": "advisory", "operators-mfa": {"maxSessionSeconds": 7200}}; "all" is for every policy.`,
    )
    .action(async (parts: string[], options: Common & { policyPackConfig: string[] }) => {
      const { areKept, checkPolicies, describePolicies } = await import("../policies.js");
      const env = await open(options);
      const configs = options.policyPackConfig.map((file) => resolve(file));
      const stacks = await withSteps(options.json, (steps) => checkPolicies(env, parts, configs, steps));
      if (options.json) sayJson({ kept: areKept(stacks), stacks });
      else say(describePolicies(stacks));
      if (!areKept(stacks)) process.exitCode = EXIT.objectiveMissed;
    });
}
