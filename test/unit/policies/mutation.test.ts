import { describe, expect, it } from "vitest";
import { rules } from "../../../policies/all";
import { findingsOf } from "../../../policies/policy";
import type { Resource } from "../../../policies/look";
import type { Rule } from "../../../policies/rule";
import { lookAt, realStack, STACK_KINDS, type RealStack } from "./real-stacks";
import { placeName, spoil, spoiled, watched, type Place } from "./spoil";

const findings = (stack: RealStack, resources: Resource[], of: readonly Rule[]) =>
  of.flatMap((rule) => findingsOf(rule, lookAt({ ...stack, resources })).map((finding) => ({ rule: rule.name, ...finding })));

describe.each(STACK_KINDS)("the stack of a site or part that is %s", (kind) => {
  it("has nothing that a policy objects to, and nothing is left undecided", async () => {
    const stack = await realStack(kind);
    for (const rule of rules) {
      const look = lookAt(stack);
      expect(findingsOf(rule, look), rule.name).toEqual([]);
      expect(look.unknown, rule.name).toEqual([]);
    }
  });

  it("has no property that the pack reads and that can be spoiled without a word", async () => {
    const stack = await realStack(kind);
    const read = new Map<string, { place: Place; value: unknown; by: Set<Rule> }>();
    for (const rule of rules) {
      const resources = watched(stack.resources, (place, value) => {
        const known = read.get(placeName(place)) ?? { place, value, by: new Set() };
        known.by.add(rule);
        read.set(placeName(place), known);
      });
      findingsOf(rule, lookAt({ ...stack, resources }));
    }
    const survivors = [...read.values()].flatMap(({ place, value, by }) => {
      if (LEADS.includes(placeName(place))) return [];
      const caught = (to: unknown): boolean => {
        try {
          return findings(stack, spoil(stack.resources, place, to), [...by]).length > 0;
        } catch {
          // A value that makes no sense at all is no policy's business: the provider refuses it.
          return true;
        }
      };
      const isDocument = typeof value === "string" && value.startsWith("{");
      const tries = spoiled(value);
      // Every part of a document counts; of a plain value, one way to be wrong is enough.
      const found = isDocument ? tries.every(caught) : tries.some(caught);
      return found ? [] : [`${placeName(place)} (${[...by].map(({ name }) => name).join(", ")})`];
    });
    expect(survivors).toEqual([]);
  });
});

/** What is read to find a resource by, and may be anything: what is found otherwise is held to as much. */
const LEADS = [
  // What leads elsewhere than to the database's group is held to port 443 alone.
  "network-balancer.name",
  "network-balancer-https.securityGroupId",
];
