import { diffInputs, type DiffResult, type Properties } from "../base";
import type { ObjectKind } from "./kinds";
import { annotation, ANNOTATIONS, type KubernetesObject } from "./object";

export type Mutability = Record<"enableConfigMapMutable" | "enableSecretMutable", boolean>;

/**
 * What an update of an object changes. As with the official provider, changed data of a ConfigMap or Secret replaces it unless the provider
 * says that they are mutable; and where the program names the object itself, the old one goes first.
 */
export function diffObject(kind: ObjectKind, mutable: Mutability, olds: KubernetesObject, news: KubernetesObject): DiffResult {
  const result = diffInputs(olds as unknown as Properties, news as unknown as Properties, () => undefined);
  const fixed = ["metadata.name", "metadata.namespace", ...(kind.replaceOn ?? []), ...dataFixed(kind, mutable, olds)];
  const replaces = Object.keys(result.changes).filter((path) => fixed.some((field) => touches(path, field)));
  if (replaces.length === 0) return result;
  return {
    ...result,
    replaces: [...new Set(replaces.map((path) => /^[^.[]*/.exec(path)?.[0] ?? path))],
    deleteBeforeReplace:
      annotation(news.metadata, ANNOTATIONS.autonamed) !== "true" &&
      olds.metadata.name === news.metadata.name &&
      olds.metadata.namespace === news.metadata.namespace,
  };
}

function dataFixed(kind: ObjectKind, mutable: Mutability, olds: KubernetesObject): string[] {
  if (kind.immutableData === undefined) return [];
  // The API refuses any change of an object marked immutable, the mark included.
  if (olds.immutable === true) return [...kind.immutableData.fields, "immutable"];
  return mutable[kind.immutableData.unless] ? [] : kind.immutableData.fields;
}

/**
 * Whether a change at `path` is one of `field`. Not so where all that holds the field is unknown: the engine asks that of everything that depends on
 * a replaced ConfigMap, and the official provider would not take Deployments away for it either.
 */
function touches(path: string, field: string): boolean {
  return path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`);
}
