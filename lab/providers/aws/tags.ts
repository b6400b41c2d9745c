import type { AnyKind } from "../base";
import type { Aws } from "./aws";

export type Tags = Record<string, string>;

/** Tags in the list form that most services take. */
export function tagList(tags: Tags | undefined): { Key: string; Value: string }[] {
  return Object.entries(tags ?? {}).map(([Key, Value]) => ({ Key, Value }));
}

/** What turns the tags of `olds` into those of `news`; `undefined` when they are the same. */
export function tagChanges(
  olds: { tagsAll?: Tags | undefined },
  news: { tagsAll?: Tags | undefined },
): { set: Tags; remove: string[] } | undefined {
  const before = olds.tagsAll ?? {};
  const after = news.tagsAll ?? {};
  const set = Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
  const remove = Object.keys(before).filter((key) => !(key in after));
  return Object.keys(set).length === 0 && remove.length === 0 ? undefined : { set, remove };
}

/** Kinds with `tags` get `tagsAll`: the provider's default tags overlaid with the resource's own. The official plugin does so in `Check`, too. */
export function withDefaultTags(kind: AnyKind<Aws>): AnyKind<Aws> {
  if (kind.inputs === "any" || !("tags" in kind.inputs)) return kind;
  return {
    ...kind,
    inputs: { ...kind.inputs, tagsAll: {} },
    check(aws, inputs: { tags?: unknown; tagsAll?: unknown }, olds, request) {
      const own: unknown = inputs.tags ?? {};
      inputs.tagsAll = typeof own === "object" ? { ...aws.defaultTags, ...own } : own;
      return kind.check?.(aws, inputs, olds, request) ?? [];
    },
  };
}
