import type { Resource } from "../../../policies/look";

/** Where a value of a resource is: the resource's place in the stack, and the keys that lead to the value. */
export interface Place {
  urn: string;
  path: string[];
}

export const placeName = ({ urn, path }: Place): string => [urn.split("::").at(-1), ...path].join(".");

/** The same resources; what is read of their properties is noted. */
export function watched(resources: readonly Resource[], note: (place: Place, value: unknown) => void): Resource[] {
  const wrap = (value: unknown, urn: string, path: string[]): unknown => {
    if (typeof value !== "object" || value === null) return value;
    return new Proxy(value, {
      get: (target, key) => {
        const found: unknown = Reflect.get(target, key);
        if (typeof key === "symbol" || typeof found === "function" || (Array.isArray(target) && key === "length")) return found;
        const at = [...path, key];
        if (typeof found !== "object" || found === null) note({ urn, path: at }, found);
        return wrap(found, urn, at);
      },
    });
  };
  return resources.map((resource) => ({
    ...resource,
    props: wrap(resource.props, resource.urn, []) as Resource["props"],
    dependencies: new Proxy(resource.dependencies, {
      get: (target, property) => {
        if (typeof property === "string" && property in target) note({ urn: resource.urn, path: [property] }, resource.props[property]);
        return Reflect.get(target, property) as string[];
      },
    }),
  }));
}

/** What a value can be spoiled to; one that was not there is set. */
export function spoiled(value: unknown): unknown[] {
  if (typeof value === "boolean") return [!value];
  if (typeof value === "number") return [0, value * 1_000 + 1, undefined];
  if (typeof value === "string") return value.startsWith("{") ? documents(value) : ["spoiled", undefined];
  return [true, false, "spoiled", ["spoiled"]];
}

/** A policy document with one part too wide. */
function documents(text: string): string[] {
  const parsed = JSON.parse(text) as { Statement?: Record<string, unknown>[] };
  if (!parsed.Statement) return [JSON.stringify({})];
  const { Statement: statements } = parsed;
  const wider = (i: number, change: Record<string, unknown>): string =>
    JSON.stringify({ ...parsed, Statement: statements.map((one, j) => (i === j ? { ...one, ...change } : one)) });
  return statements.flatMap((one, i) => {
    if (one["Effect"] !== "Allow") return [JSON.stringify({ ...parsed, Statement: statements.filter((_, j) => j !== i) })];
    return [
      wider(i, { Action: "*" }),
      ...("Condition" in one ? [wider(i, { Condition: undefined })] : []),
      ...("Principal" in one ? [wider(i, { Principal: "*", Condition: {} })] : []),
      // What may be seen may be seen everywhere, but by a role that does one thing.
      ...("Principal" in one || one["Resource"] === "*" ? [] : [wider(i, { Resource: "*" })]),
    ];
  });
}

/** The resources with one value changed. Those that stay as they are, are the same. */
export function spoil(resources: readonly Resource[], { urn, path }: Place, value: unknown): Resource[] {
  return resources.map((resource) => {
    if (resource.urn !== urn) return resource;
    const props = structuredClone(resource.props);
    let at: Record<string, unknown> = props;
    for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
    const last = path.at(-1)!;
    if (value === undefined) Reflect.deleteProperty(at, last);
    else at[last] = value;
    // What a program writes down is made of nothing else.
    const { [path[0]!]: _, ...dependencies } = resource.dependencies;
    return { ...resource, props, dependencies };
  });
}
