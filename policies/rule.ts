import type { PolicyConfigJSONSchema } from "@pulumi/policy/schema";
import type { Control } from "./controls";
import type { Finding } from "./finding";
import type { Look } from "./look";

export type Theme = "one-writer" | "budgets" | "parity" | "protection" | "transport" | "exposure" | "residency" | "workloads" | "ownership";

/** A policy as plain data: what has to hold, why, and how it is looked for. */
export interface Rule {
  /** Unique; what `PulumiPolicy` config and `pulumi policy` know it by. */
  name: string;
  theme: Theme;
  /** What holds, in a sentence. */
  description: string;
  /** What becomes of a recovery where it does not. */
  reason: string;
  /** What to do then. */
  fix: string;
  /** What of the standards it is evidence for. */
  controls: readonly Control[];
  /** @default mandatory */
  enforcementLevel?: "mandatory" | "advisory";
  /** Its options, by name. @default none */
  config?: Record<string, PolicyConfigJSONSchema>;
  check(look: Look): Finding[];
}

/** Begins the message of a policy that a preview cannot decide. */
export const UNDECIDED = "undecided until the update";

/** For people: where, what it is, what it may be, why, and what to do. */
export function describeFinding({ path, is, mayBe }: Finding, { reason, fix }: Pick<Rule, "reason" | "fix">): string {
  return `${path} is ${is === undefined ? "not set" : JSON.stringify(is)}; it may be ${mayBe}. ${reason} ${fix}`;
}
