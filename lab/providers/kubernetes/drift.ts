import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject } from "./object";

/**
 * The inputs as the live object has them: what the program said nothing about stays out. So that a refresh shows what somebody changed,
 * and nothing else. `stringData` is never told by the API; it counts as changed when `data` says otherwise.
 */
export function drift(inputs: KubernetesObject, live: KubernetesObject): object {
  const seen = like(inputs, live) as KubernetesObject;
  if (inputs.stringData !== undefined) {
    const told = Object.entries(live.data ?? {}).map(([name, text]) => [name, Buffer.from(text, "base64").toString("utf8")]);
    seen.stringData = like(inputs.stringData, Object.fromEntries(told)) as Record<string, string>;
  }
  return seen;
}

function like(input: unknown, live: unknown): unknown {
  if (Array.isArray(input) && Array.isArray(live)) {
    return input.length === live.length ? input.map((item, index) => like(item, live[index])) : live;
  }
  if (isObject(input) && isObject(live)) {
    return Object.fromEntries(Object.entries(input).flatMap(([name, value]) => (name in live ? [[name, like(value, live[name])]] : [])));
  }
  return isDeepStrictEqual(input, live) ? input : live;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
