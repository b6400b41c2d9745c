import type { Command } from "commander";
import { loadTopology, topologyFile } from "../../stacks/topology-file";
import { BadInput } from "../../topology/errors";
import { namesFor } from "../../topology/names";
import type { DisasterName, Topology } from "../../topology/schema";
import type { CopyTarget } from "../changeover/copies";
import { say, sayJson } from "../output";
import { ROOT, common, examples, type Common } from "./options";

interface EstimateFlags extends Common {
  disaster?: string;
  fromControlBucket?: string;
  requireEvidence?: boolean;
}

/** What the topology predicts, beside what was asked for and what was measured. */
export function estimateVerb(program: Command): void {
  common(program.command("estimate"))
    .description("RTO and RPO that the topology predicts for each disaster, against its objectives and the last drill")
    .option("--disaster <name>", "only this one")
    .option("--from-control-bucket <site>", "also the drills that this site's control bucket knows; without it no region is asked")
    .option("--require-evidence", "a disaster that nothing has measured for 90 days counts as an objective that was missed")
    .addHelpText(
      "after",
      examples(
        "changeover estimate",
        "changeover estimate --disaster regional-outage --json",
        "changeover estimate --require-evidence --from-control-bucket secondary",
      ),
    )
    .action(async (options: EstimateFlags) => {
      const { environment } = options;
      const topology = loadTopology(topologyFile(ROOT, environment));
      const disaster = disasterIn(topology, options.disaster);
      const [{ assessEstimates, describeEstimates, exitCodeOf }, { gatherEvidence }] = await Promise.all([
        import("../estimate.js"),
        import("../measured.js"),
      ]);
      const bucket = options.fromControlBucket === undefined ? undefined : bucketOf(topology, environment, options.fromControlBucket);
      const report = assessEstimates(topology, environment, await gatherEvidence(topology, environment, bucket), Date.now(), disaster);
      if (options.json) sayJson(report);
      else say(describeEstimates(report));
      process.exitCode = exitCodeOf(report, options.requireEvidence === true);
    });
}

function disasterIn({ disasters }: Topology, name: string | undefined): DisasterName | undefined {
  if (name === undefined || name in disasters) return name as DisasterName | undefined;
  throw new BadInput([{ path: "--disaster", value: name, message: `a disaster of the topology: ${Object.keys(disasters).join(", ")}` }]);
}

function bucketOf(topology: Topology, environment: string, site: string): CopyTarget {
  const definition = topology.sites[site];
  if (!definition) {
    const sites = Object.keys(topology.sites).join(", ");
    throw new BadInput([{ path: "--from-control-bucket", value: site, message: `a site of the topology: ${sites}` }]);
  }
  return { site, region: definition.region, bucket: namesFor(topology, environment).site(site).controlBucket };
}
