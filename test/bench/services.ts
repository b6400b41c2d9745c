import { createHash } from "node:crypto";
import { parse, stringify } from "yaml";

interface Workload {
  image: string;
  path: string;
  replicas: { active: number; standby: number; max: number };
}

interface Source {
  tiers: { tier: number; services: Record<string, Workload> }[];
}

/**
 * A topology with as many services as asked for: those that it has, and more of the same kind in its two last tiers.
 * @param text `topology.yaml`
 * @throws RangeError where it has more already
 */
export function withServices(text: string, count: number): string {
  const topology = parse(text) as Source;
  const existing = topology.tiers.reduce((sum, { services }) => sum + Object.keys(services).length, 0);
  if (existing > count) throw new RangeError(`the topology has ${existing} services already, more than ${count}`);
  const last = topology.tiers.slice(-2);
  for (let n = existing; n < count; n++) {
    const name = `bench-${String(n).padStart(4, "0")}`;
    const tier = last[n % last.length];
    if (!tier) throw new RangeError("the topology has no tiers");
    tier.services[name] = {
      image: `registry.example.com/${name}@sha256:${createHash("sha256").update(name).digest("hex")}`,
      path: `/${name}`,
      replicas: { active: 2, standby: 1, max: 4 },
    };
  }
  return stringify(topology);
}
