import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { parseTopology, type Topology } from "../../../topology/schema";
import { withServices } from "../../bench/services";

const TEXT = readFileSync(join(__dirname, "../../../topology.yaml"), "utf8");

function topologyWith(count: number): Topology {
  const parsed = parseTopology(parse(withServices(TEXT, count)));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.topology;
}

function namesOf({ tiers }: Topology): string[][] {
  return tiers.map(({ services }) => Object.keys(services));
}

describe("a topology with more services", () => {
  it.each([7, 10, 100, 1_000])("is valid with %i", (count) => {
    expect(namesOf(topologyWith(count)).flat()).toHaveLength(count);
  });

  it("keeps the services that there are and adds to the last two tiers in turns", () => {
    const [before, after] = [namesOf(topologyWith(7)), namesOf(topologyWith(107))];
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after.slice(2).map((names, i) => names.slice(0, before[i + 2]?.length))).toEqual(before.slice(2));
    expect(after.slice(2).map(({ length }, i) => length - (before[i + 2]?.length ?? 0))).toEqual([50, 50]);
  });

  it("refuses to leave services out", () => {
    expect(() => withServices(TEXT, 6)).toThrow(/7 services already/);
  });
});
