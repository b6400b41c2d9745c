/** A Route 53 health check. */
export interface Check {
  id: string;
  /** `HTTP`, `HTTPS`, `HTTP_STR_MATCH`, `HTTPS_STR_MATCH`, `TCP`, `CALCULATED`; others are not probed and stay as they begin. */
  type: string;
  /** Host to connect to and to name; one of `fqdn` and `address` is there for what is probed. */
  fqdn?: string;
  address?: string;
  port: number;
  path: string;
  /** For `*_STR_MATCH`: text that the first 5,120 octets of the body must hold. */
  search?: string;
  sni: boolean;
  /** Answers in a row that change its mind. */
  threshold: number;
  inverted: boolean;
  disabled: boolean;
  /** For `CALCULATED`: healthy when at least `healthThreshold` of these are. */
  children: string[];
  healthThreshold: number;
}

/** What a check has come to think of its endpoint. */
export interface Opinion {
  healthy: boolean;
  /** Answers in a row that say otherwise. */
  streak: number;
}

/** A new check counts its endpoint as healthy until there is enough to say otherwise. */
export const FIRST_OPINION: Opinion = { healthy: true, streak: 0 };

export function observe(opinion: Opinion, ok: boolean, threshold: number): Opinion {
  if (ok === opinion.healthy) return { healthy: opinion.healthy, streak: 0 };
  const streak = opinion.streak + 1;
  return streak >= threshold ? { healthy: ok, streak: 0 } : { healthy: opinion.healthy, streak };
}

/**
 * Status of a check as DNS takes it. Inversion comes last, so a new inverted check is unhealthy until
 * there is enough to say otherwise, and a disabled one is always healthy, or always unhealthy when inverted.
 * A child that does not exist counts as unhealthy.
 * @param opinion what the prober thinks of the endpoint of a check that is probed
 */
export function statusOf(
  checks: ReadonlyMap<string, Check>,
  opinion: (id: string) => boolean,
  id: string,
  above: readonly string[] = [],
): boolean {
  const check = checks.get(id);
  // Route 53 does not accept a calculated check among its own children; moto does.
  if (check === undefined || above.includes(id)) return false;
  const plain = (): boolean => {
    if (check.disabled) return true;
    if (check.type !== "CALCULATED") return opinion(id);
    return check.children.filter((child) => statusOf(checks, opinion, child, [...above, id])).length >= check.healthThreshold;
  };
  return plain() !== check.inverted;
}

/** What a person wants to read about a calculated check: which children are unhealthy. */
export function explainCalculated(checks: ReadonlyMap<string, Check>, opinion: (id: string) => boolean, check: Check): string {
  const bad = check.children.filter((child) => !statusOf(checks, opinion, child));
  const good = check.children.length - bad.length;
  return `${good} of ${check.children.length} healthy, ${check.healthThreshold} needed${bad.length > 0 ? `; unhealthy: ${bad.join(", ")}` : ""}`;
}
