/** What a listener does with a request. */
export type Action =
  | { type: "forward"; groups: { arn: string; weight: number }[] }
  | { type: "fixed-response"; status: number; contentType: string; body: string }
  | { type: "redirect"; status: number; protocol: string; host: string; port: string; path: string; query: string }
  | { type: "unknown"; name: string };

export interface Condition {
  /** `path-pattern`, `host-header`, `http-request-method`; a condition of any other kind never holds. */
  field: string;
  /** One of them must match. */
  values: string[];
}

export interface Rule {
  /** Lower comes first; the default rule has `Infinity`. */
  priority: number;
  /** All of them must hold; the default rule has none. */
  conditions: Condition[];
  action: Action;
}

export interface Asked {
  method: string;
  host: string;
  /** Path and query as sent. */
  url: string;
}

/** The action of the first rule, by priority, that fits. @param rules with the default rule among them */
export function route(rules: readonly Rule[], asked: Asked): Action | undefined {
  return [...rules].sort((a, b) => a.priority - b.priority).find((rule) => rule.conditions.every((condition) => holds(condition, asked)))
    ?.action;
}

function holds(condition: Condition, asked: Asked): boolean {
  switch (condition.field) {
    case "path-pattern":
      // ELB matches the path alone, case and all.
      return condition.values.some((value) => wildcard(value).test(asked.url.replace(/\?.*$/s, "")));
    case "host-header":
      return condition.values.some((value) => wildcard(value.toLowerCase()).test(asked.host.replace(/:\d+$/, "").toLowerCase()));
    case "http-request-method":
      return condition.values.includes(asked.method);
    default:
      return false;
  }
}

const patterns = new Map<string, RegExp>();

/** ELB's wildcards: `*` is any number of characters, slashes too; `?` is exactly one. The whole text must match. */
export function wildcard(pattern: string): RegExp {
  let made = patterns.get(pattern);
  if (made === undefined) {
    made = new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replace(/\*/g, ".*")
        .replace(/\?/g, ".")}$`,
      "s",
    );
    patterns.set(pattern, made);
  }
  return made;
}

/** Picks by weight. @param random in [0, 1) */
export function byWeight<T extends { weight: number }>(choices: readonly T[], random: number): T | undefined {
  const total = choices.reduce((sum, choice) => sum + choice.weight, 0);
  let rest = random * total;
  return choices.find((choice) => (rest -= choice.weight) < 0);
}

/** Where a redirect sends the client; ELB's placeholders `#{host}` and so on stand for parts of the request. */
export function locationOf(action: Extract<Action, { type: "redirect" }>, asked: Asked, scheme: string, port: number): string {
  const [path = "/", query = ""] = asked.url.split("?", 2);
  const own: Record<string, string> = {
    protocol: scheme,
    host: asked.host.replace(/:\d+$/, ""),
    port: String(port),
    path: path.slice(1),
    query,
  };
  const fill = (text: string): string => text.replace(/#\{(\w+)\}/g, (_, name: string) => own[name] ?? "");
  const filled = fill(action.query);
  return `${fill(action.protocol).toLowerCase()}://${fill(action.host)}:${fill(action.port)}${fill(action.path)}${filled === "" ? "" : `?${filled}`}`;
}

/** Whether a status is one that a target group's matcher takes: `200`, `200-399`, `200,204`. */
export function matches(matcher: string, status: number): boolean {
  return matcher.split(",").some((part) => {
    const [from = "", to = from] = part.trim().split("-");
    return status >= Number(from) && status <= Number(to);
  });
}
