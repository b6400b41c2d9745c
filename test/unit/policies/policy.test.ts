import type { PolicyResource, StackValidationArgs } from "@pulumi/policy";
import { expect, it } from "vitest";
import { operatorsMfa } from "../../../policies/exposure";
import type { Resource } from "../../../policies/look";
import { databaseParity } from "../../../policies/parity";
import { policyOf } from "../../../policies/policy";
import type { Rule } from "../../../policies/rule";
import { UnknownValueError, unknownCheckingProxy, unknownStringValue } from "../../../policies/unknown";
import { topology } from "../components/recorder";
import { copyOf, realStack, type RealStack } from "./real-stacks";

/** What the SDK is told by a policy, as it would ask it. */
async function told(
  rule: Rule,
  { resources }: RealStack,
  config: object = {},
): Promise<{ violations: [string, string | undefined][]; error?: Error }> {
  const violations: [string, string | undefined][] = [];
  const urns = new Map(resources.map((one) => [one.urn, one]));
  const args = {
    resources: resources.map((one) => asPolicyResource(one, urns)),
    getConfig: () => config,
  } as unknown as StackValidationArgs;
  try {
    await policyOf(rule, () => topology).validateStack(args, (message: unknown, urn?: unknown) => {
      violations.push([message as string, urn as string | undefined]);
    });
    return { violations };
  } catch (error) {
    return { violations, error: error as Error };
  }
}

function asPolicyResource({ urn, type, name, props, dependencies }: Resource, urns: Map<string, Resource>): PolicyResource {
  const propertyDependencies = Object.fromEntries(
    Object.entries(dependencies).map(([property, on]) => [property, on.flatMap((one) => urns.get(one) ?? [])]),
  );
  return { urn, type, name, props: unknownCheckingProxy(props), propertyDependencies } as unknown as PolicyResource;
}

it("says of what a preview does not know that it is undecided, after all that it does know", async () => {
  const stack = copyOf(await realStack("standby"));
  const props = (name: string) => stack.resources.find((one) => one.name === name)!.props;
  props("database-instance-1")["instanceClass"] = unknownStringValue;
  props("database-parameters")["family"] = "postgres14";
  const { violations, error } = await told(databaseParity, stack);
  const urn = stack.resources.find((one) => one.name === "database-parameters")!.urn;
  expect(violations).toEqual([[expect.stringMatching(/^database-parameters\.family is "postgres14"; it may be postgres15\. /), urn]]);
  // By this class alone the SDK makes a remark of it, and no failure.
  expect(error).toBeInstanceOf(UnknownValueError);
  expect(error?.message).toBe("undecided until the update: database-instance-1.instanceClass is not known before it");
});

it("takes its options from the pack's config", async () => {
  const stack = copyOf(await realStack("edge"));
  const role = stack.resources.find((one) => one.name === "access-operator")!;
  role.props["maxSessionDuration"] = 7_200;
  expect((await told(operatorsMfa, stack)).violations).toHaveLength(1);
  expect((await told(operatorsMfa, stack, { maxSessionSeconds: 7_200 })).violations).toEqual([]);
});

it("has nothing to say of a stack that is none of Changeover's", async () => {
  const stack = copyOf(await realStack("standby"));
  const strange = stack.resources.map((one) => ({ ...one, urn: one.urn.replace("production-secondary", "Other") }));
  strange.find((one) => one.name === "database-instance-1")!.props["instanceClass"] = "db.t4g.micro";
  expect(await told(databaseParity, { ...stack, resources: strange })).toEqual({ violations: [] });
});
