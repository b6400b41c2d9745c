import { writeFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { EXIT } from "../errors";
import { say, sayJson } from "../output";
import { PLAN_KINDS, type PlanKind } from "../plan/changes";
import { withSteps } from "../steps";
import { common, examples, list, open, type Common } from "./options";

interface PlanFlags extends Common {
  kind: PlanKind;
  to?: string;
  from?: string;
  unreachable: string[];
  markdown?: boolean;
  graph?: string;
}

/** What a changeover would touch. */
export function planVerb(program: Command): void {
  common(program.command("plan"))
    .description("what a changeover would touch, and what it would not; changes nothing")
    .option("--to <site>", "site that would take over, be rebuilt or be restored (default of a failback: home)")
    .option("--from <site>", "site that would be left (default: the active one; any other is refused)")
    .addOption(new Option("--kind <kind>", "kind of changeover").choices(PLAN_KINDS).default("failover"))
    .option("--unreachable <sites>", "sites that are lost, separated by commas", list, [])
    .addOption(new Option("--markdown", "print it as a comment of a pull request").conflicts("json"))
    .option("--graph <file>", "also draw sites, data and traffic before and after it, as SVG")
    .addHelpText(
      "after",
      `${examples(
        "changeover plan --to secondary",
        "changeover plan --to secondary --unreachable primary --json",
        "changeover plan --kind failback --graph failback.svg",
        "changeover plan --to cold --unreachable primary,secondary --markdown > comment.md",
      )}

It is refused (exit code 3), and printed all the same, where it would replace or delete what holds data, or call the control plane of a lost region.`,
    )
    .action(async (options: PlanFlags) => {
      const [{ planChangeover }, { describePlan, planMarkdown }] = await Promise.all([
        import("../plan/plan.js"),
        import("../plan/describe.js"),
      ]);
      const env = await open(options);
      const plan = await withSteps(options.json, async (steps) => {
        steps.start("preview", "Preview the stacks involved");
        const made = await planChangeover(env, options);
        steps.done("preview");
        return made;
      });
      if (options.graph !== undefined) {
        const { draw, graphOf } = await import("../plan/graph.js");
        writeFileSync(options.graph, await draw(graphOf(plan, env.topology)));
      }
      if (options.json) sayJson(plan);
      else say(options.markdown ? planMarkdown(plan) : describePlan(plan));
      if (plan.objections.length > 0) process.exitCode = EXIT.refused;
    });
}
