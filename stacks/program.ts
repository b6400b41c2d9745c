import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { BadInput } from "../topology/errors";
import { namesFor, parseStackName, partsOf } from "../topology/names";
import type { Context, Gate } from "./context";
import { data } from "./data";
import { edge } from "./edge";
import { site } from "./site";
import { loadTopology, topologyFile } from "./topology-file";

/** What a stack exports. */
export type Outputs = Record<string, unknown>;

const ROOT = join(__dirname, "..");

// Pulumi keeps a stack trace beside every promise that it makes, some hundreds for a resource.
if (!process.env["CHANGEOVER_DEBUG"]) Error.stackTraceLimit = 1;

/**
 * The one program of every stack: `pulumi up` runs it, and so does the driver, inline. Which stack it is, its name says.
 * @param root folder of the topology files. @default the project's
 * @param gate of a site's update; other stacks have none
 * @throws BadInput for a stack name, a topology or a config that is wrong
 */
export async function program(root: string = ROOT, gate?: Gate): Promise<Outputs> {
  const stack = parseStackName(pulumi.getStack());
  const topology = loadTopology(topologyFile(root, stack?.environment));
  const part = stack?.part ?? "";
  if (!stack || !partsOf(topology).includes(part)) {
    throw new BadInput([
      {
        path: "stack",
        value: pulumi.getStack(),
        message: `<environment>-<part>, where the part is ${partsOf(topology).join(", ")}: production-${topology.home}`,
      },
    ]);
  }
  const { environment } = stack;
  const context: Context = { topology, environment, names: namesFor(topology, environment), ...(gate && { gate }) };
  if (part === "edge") return edge(context);
  if (part === "data") return data(context);
  return site(context, part);
}
