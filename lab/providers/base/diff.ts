import type { Change, DiffResult, PropertySpec } from "./kind";
import { isAsset, isMap, isUnknown, type Properties, type Value } from "./values";

/**
 * Compares the inputs of the last update with those of this one. An unknown counts as changed. A `computed` property that the program
 * had left out is compared with what the service had filled in (`outputs`): saying what is so already is no change.
 */
export function diffInputs(
  olds: Properties,
  news: Properties,
  specOf: (property: string) => PropertySpec | undefined,
  outputs: Properties = {},
): DiffResult {
  const result: DiffResult = { changes: {}, replaces: [] };
  for (const name of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    if (name.startsWith("__")) continue;
    const spec = specOf(name);
    const before = olds[name] ?? (spec?.computed === true ? outputs[name] : undefined);
    const after = news[name];
    if (after === undefined && spec?.computed === true) continue;
    if (before !== undefined && after !== undefined && !isUnknown(after) && spec?.same?.(before, after) === true) continue;
    const changes = changesOf(name, before, after);
    if (Object.keys(changes).length === 0) continue;
    Object.assign(result.changes, changes);
    if (spec?.replace === true) result.replaces.push(name);
  }
  return result;
}

function changesOf(path: string, before: Value | undefined, after: Value | undefined): Record<string, Change> {
  if (before === undefined || after === undefined) {
    return before === after ? {} : { [path]: before === undefined ? "add" : "delete" };
  }
  if (isAsset(before) && isAsset(after)) return before.hash === after.hash ? {} : { [path]: "update" };
  if (Array.isArray(before) && Array.isArray(after)) {
    const changes: Record<string, Change> = {};
    for (let i = 0; i < Math.max(before.length, after.length); i++) {
      Object.assign(changes, changesOf(`${path}[${i}]`, before[i], after[i]));
    }
    return changes;
  }
  if (isMap(before) && isMap(after)) {
    const changes: Record<string, Change> = {};
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const step = /^\w+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
      Object.assign(changes, changesOf(path + step, before[key], after[key]));
    }
    return changes;
  }
  return before === after && !isUnknown(after) ? {} : { [path]: "update" };
}
