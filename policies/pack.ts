import { join } from "node:path";
import { PolicyPack } from "@pulumi/policy";
import { loadTopology, topologyFile } from "../stacks/topology-file";
import type { Topology } from "../topology/schema";
import { rules } from "./all";
import { policyOf } from "./policy";

/** Folder of the topology files: the checkout that the pack is in. */
const root = join(__dirname, "..");

const topologies = new Map<string, Topology>();
const topologyOf = (environment: string): Topology => {
  const found = topologies.get(environment) ?? loadTopology(topologyFile(root, environment));
  topologies.set(environment, found);
  return found;
};

// Beside the answer there is nothing to do: whoever serves a pack ends the process.
new PolicyPack("changeover", {
  displayName: "Changeover",
  description: "What has to hold of every stack, so that the service can be recovered within its objectives",
  provider: "aws",
  enforcementLevel: "mandatory",
  policies: rules.map((rule) => policyOf(rule, topologyOf)),
});
