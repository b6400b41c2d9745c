import { BlockList, isIPv6 } from "node:net";
import { z } from "zod";

/** Evaluates bucket policies, conditions and principals included, which moto ignores. Pure. */

const strings = z.union([z.string(), z.array(z.string())]).transform((value) => (Array.isArray(value) ? value : [value]));
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const values = z.union([scalar, z.array(scalar)]).transform((value) => (Array.isArray(value) ? value : [value]).map(String));
const principal = z.union([z.literal("*"), z.record(z.string(), strings)]);

const statement = z
  .object({
    Sid: z.string().optional(),
    Effect: z.enum(["Allow", "Deny"]),
    Principal: principal.optional(),
    NotPrincipal: principal.optional(),
    Action: strings.optional(),
    NotAction: strings.optional(),
    Resource: strings.optional(),
    NotResource: strings.optional(),
    Condition: z.record(z.string(), z.record(z.string(), values)).optional(),
  })
  .refine((s) => s.Principal !== undefined || s.NotPrincipal !== undefined, "Missing required field Principal")
  .refine((s) => s.Action !== undefined || s.NotAction !== undefined, "Missing required field Action")
  .refine((s) => s.Resource !== undefined || s.NotResource !== undefined, "Missing required field Resource");

const policy = z.object({
  Version: z.string().optional(),
  Id: z.string().optional(),
  Statement: z.union([statement, z.array(statement)]).transform((value) => (Array.isArray(value) ? value : [value])),
});

export type Policy = z.infer<typeof policy>;
type Statement = Policy["Statement"][number];

/** @throws when it is not JSON or not a policy, with the reason */
export function parsePolicy(text: string): Policy {
  const result = policy.safeParse(JSON.parse(text));
  if (!result.success) throw new Error(result.error.issues[0]?.message ?? "Policy has invalid resource");
  return result.data;
}

/** Who asks for what. */
export interface Access {
  /** `s3:GetObject` and the like. */
  action: string;
  resource: string;
  /** The caller's ARN; `undefined` for an anonymous one. */
  caller?: string;
  /** Condition keys in lower case. `null`: the request is known not to have it. Absent: the lab cannot know it. */
  context: Record<string, string | null>;
}

export type Decision = "allowed" | "denied" | "neutral";

/**
 * Explicit deny wins over allow. A statement whose condition has a key that the lab cannot know applies to nobody: a deny
 * of that kind would lock everyone out.
 */
export function decide(document: Policy, access: Access): Decision {
  const applying = document.Statement.filter((s) => applies(s, access));
  if (applying.some((s) => s.Effect === "Deny")) return "denied";
  return applying.some((s) => s.Effect === "Allow") ? "allowed" : "neutral";
}

function applies(s: Statement, { action, resource, caller, context }: Access): boolean {
  return (
    s.Principal !== undefined &&
    names(s.Principal, caller) &&
    (s.Action ? s.Action.some((p) => like(p, action, true)) : !(s.NotAction ?? []).some((p) => like(p, action, true))) &&
    (s.Resource ? s.Resource.some((p) => like(p, resource)) : !(s.NotResource ?? []).some((p) => like(p, resource))) &&
    Object.entries(s.Condition ?? {}).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wanted]) => holds(operator, wanted, context[key.toLowerCase()])),
    )
  );
}

function names(who: NonNullable<Statement["Principal"]>, caller: string | undefined): boolean {
  if (who === "*") return true;
  const account = caller?.split(":")[4];
  return (who["AWS"] ?? []).some((name) => name === "*" || (caller !== undefined && (name === caller || name === account)));
}

/** `*` and `?` as wildcards. */
function like(pattern: string, value: string, ignoreCase = false): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${expression}$`, ignoreCase ? "is" : "s").test(value);
}

function holds(operator: string, wanted: string[], actual: string | null | undefined): boolean {
  if (actual === undefined) return false;
  const name = operator.replace(/IfExists$/, "").replace(/^ForAnyValue:|^ForAllValues:/, "");
  if (name === "Null") return wanted.includes(String(actual === null));
  if (actual === null) return operator.endsWith("IfExists") || name.includes("Not");
  const some = (test: (value: string) => boolean): boolean => wanted.some(test);
  switch (name) {
    case "StringEquals":
    case "ArnEquals":
    case "Bool":
      return some((value) => (name === "ArnEquals" ? like(value, actual) : value === actual));
    case "StringNotEquals":
      return !some((value) => value === actual);
    case "StringEqualsIgnoreCase":
      return some((value) => value.toLowerCase() === actual.toLowerCase());
    case "StringNotEqualsIgnoreCase":
      return !some((value) => value.toLowerCase() === actual.toLowerCase());
    case "StringLike":
    case "ArnLike":
      return some((value) => like(value, actual));
    case "StringNotLike":
    case "ArnNotEquals":
    case "ArnNotLike":
      return !some((value) => like(value, actual));
    case "NumericEquals":
      return some((value) => Number(actual) === Number(value));
    case "NumericLessThan":
      return some((value) => Number(actual) < Number(value));
    case "NumericLessThanEquals":
      return some((value) => Number(actual) <= Number(value));
    case "NumericGreaterThan":
      return some((value) => Number(actual) > Number(value));
    case "NumericGreaterThanEquals":
      return some((value) => Number(actual) >= Number(value));
    case "IpAddress":
      return within(wanted, actual);
    case "NotIpAddress":
      return !within(wanted, actual);
    default:
      return false;
  }
}

function within(ranges: string[], address: string): boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix] = range.split("/");
    const family = isIPv6(network) ? "ipv6" : "ipv4";
    list.addSubnet(network, prefix === undefined ? (family === "ipv6" ? 128 : 32) : Number(prefix), family);
  }
  return list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

const NARROWING_KEYS = new Set(
  [
    "SourceArn",
    "SourceVpc",
    "SourceVpce",
    "SourceOwner",
    "SourceAccount",
    "PrincipalOrgID",
    "PrincipalOrgPaths",
    "PrincipalArn",
    "PrincipalAccount",
    "userid",
  ].map((key) => `aws:${key.toLowerCase()}`),
);

/**
 * Whether S3 calls the policy public: it allows everyone without a condition that fixes who or from where. Addresses are fixed
 * in ranges of at most /8 (IPv6: /32); anything wider is public.
 */
export function isPublic(document: Policy): boolean {
  return document.Statement.some((s) => {
    if (s.Effect !== "Allow") return false;
    const everyone = s.Principal === undefined || names(s.Principal, undefined);
    return (
      everyone &&
      !Object.entries(s.Condition ?? {}).some(([operator, keys]) =>
        Object.entries(keys).some(([key, v]) => fixes(operator, key.toLowerCase(), v)),
      )
    );
  });
}

function fixes(operator: string, key: string, wanted: string[]): boolean {
  if (key === "aws:sourceip" && operator === "IpAddress") {
    return wanted.every((range) => Number(range.split("/")[1] ?? 128) >= (isIPv6(range.split("/")[0] ?? "") ? 32 : 8));
  }
  return NARROWING_KEYS.has(key) && /^(String|Arn)(Equals|Like)$/.test(operator) && wanted.every((value) => !/[*?]/.test(value));
}
