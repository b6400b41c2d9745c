import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import { parseStackName } from "../topology/names";
import type { Topology } from "../topology/schema";
import { Look, type Resource } from "./look";
import type { Finding } from "./finding";
import { UNDECIDED, describeFinding, type Rule } from "./rule";
import { UnknownValueError, unknownStringValue } from "./unknown";

/**
 * A rule as Pulumi's SDK wants it: a stack policy, because most of what matters is said by one resource of another.
 * @param topologyOf by environment
 */
export function policyOf(rule: Rule, topologyOf: (environment: string) => Topology): StackValidationPolicy {
  const { name, description, fix, enforcementLevel = "mandatory", config } = rule;
  return {
    name,
    description,
    enforcementLevel,
    remediationSteps: fix,
    tags: [rule.theme, ...rule.controls],
    ...(config && { configSchema: { properties: config } }),
    validateStack: (args, reportViolation) => {
      const [first] = args.resources;
      const stack = first && parseStackName(stackOf(first.urn));
      // What is no stack of ours is none of its business.
      if (!stack) return;
      const look = new Look(
        args.resources.map(asResource),
        stack,
        topologyOf(stack.environment),
        args.getConfig<Record<string, unknown>>(),
      );
      for (const finding of findingsOf(rule, look)) reportViolation(describeFinding(finding, rule), finding.urn);
      // Last: the SDK makes a remark of it, and asks no further.
      if (look.unknown.length > 0) throw undecided(look.unknown);
    },
  };
}

/** What a rule finds; what it does not know yet is noted in the look. */
export function findingsOf(rule: Rule, look: Look): Finding[] {
  try {
    return rule.check(look);
  } catch (error) {
    if (!(error instanceof UnknownValueError)) throw error;
    look.unknown.push(error.props.join("."));
    return [];
  }
}

function asResource({ urn, type, name, props, propertyDependencies, provider }: PolicyResource): Resource {
  const dependencies = Object.entries(propertyDependencies).map(([property, on]) => [property, on.map((one) => one.urn)] as const);
  return { urn, type, name, props, dependencies: Object.fromEntries(dependencies), ...(provider && { provider: provider.props }) };
}

/** `urn:pulumi:<stack>::<project>::<type>::<name>`. */
function stackOf(urn: string): string {
  return urn.split("::")[0]?.split(":").at(-1) ?? "";
}

function undecided(paths: string[]): Error {
  const error = new UnknownValueError(unknownStringValue, []);
  error.message = `${UNDECIDED}: ${paths.join(", ")} is not known before it`;
  return error;
}
