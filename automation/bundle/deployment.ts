/** A stack's state as `pulumi stack export` gives it. */
export interface Exported {
  version: number;
  deployment: {
    manifest?: unknown;
    secrets_providers?: unknown;
    resources?: ExportedResource[];
    pending_operations?: unknown[];
  };
}

export interface ExportedResource {
  urn: string;
  type: string;
  outputs?: Record<string, unknown>;
}

/** The key by which Pulumi marks what is not plain data, and its value for a secret (Pulumi SDK, `sig.Key`, `sig.Secret`). */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

export function isSecret(value: unknown): boolean {
  return typeof value === "object" && value !== null && (value as Record<string, unknown>)[SIGNATURE] === SECRET;
}

/** Any value with secrets left out: an object loses the key, a list the place. */
export function withoutSecrets(value: unknown): unknown {
  if (isSecret(value)) return undefined;
  if (Array.isArray(value)) return value.map(withoutSecrets).filter((item) => item !== undefined);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, withoutSecrets(item)] as const)
      .filter(([, item]) => item !== undefined),
  );
}

/** The stack's outputs, secrets left out. */
export function plainOutputs(state: Exported): Record<string, unknown> {
  const root = state.deployment.resources?.find(({ type }) => type === "pulumi:pulumi:Stack");
  return withoutSecrets(root?.outputs ?? {}) as Record<string, unknown>;
}

/** The epoch that the stack says it has reached; 0 for one that has none. */
export function epochOf(state: Exported): number {
  const { epoch } = plainOutputs(state);
  return typeof epoch === "number" ? epoch : 0;
}

/**
 * Resources that two states of a stack do not agree on, by URN. Secrets do not count: every import encrypts them anew,
 * and where one was changed its config value was.
 */
export function differences(a: Exported, b: Exported): string[] {
  const [left, right] = [canonical(a), canonical(b)];
  return [...new Set([...left.keys(), ...right.keys()])].filter((urn) => left.get(urn) !== right.get(urn)).sort();
}

/** By URN, each resource as one text; more than one where an old one waits for its deletion. */
function canonical({ deployment }: Exported): Map<string, string> {
  const texts = new Map<string, string>();
  for (const resource of deployment.resources ?? []) {
    const text = JSON.stringify(sorted(resource));
    texts.set(resource.urn, [texts.get(resource.urn) ?? "", text].sort().join("\n"));
  }
  return texts;
}

function sorted(value: unknown): unknown {
  if (isSecret(value)) return "[secret]";
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
