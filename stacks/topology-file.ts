import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { BadInput } from "../topology/errors";
import { parseTopology, type Topology } from "../topology/schema";

/** Reads and validates `topology.yaml`. @throws BadInput with every problem, by path */
export function loadTopology(file: string): Topology {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new BadInput([
      { path: file, value: undefined, message: `a readable topology file (${(error as NodeJS.ErrnoException).code ?? "unreadable"})` },
    ]);
  }
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (error) {
    throw new BadInput([{ path: file, value: undefined, message: `YAML: ${(error as Error).message.split("\n")[0]}` }]);
  }
  const result = parseTopology(raw);
  if (!result.ok) throw new BadInput(result.problems, file);
  return result.topology;
}

/** Every environment may have a topology of its own: `topology.lab.yaml`; else `topology.yaml` is everybody's. */
export function topologyFile(root: string, environment?: string): string {
  const own = join(root, `topology.${environment}.yaml`);
  return environment !== undefined && existsSync(own) ? own : join(root, "topology.yaml");
}
