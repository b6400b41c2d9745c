import type { SiteName, Topology } from "../../topology/schema";
import type { Plan } from "./plan";
import type { Standing } from "./standings";

const COLOUR: Record<Standing, string> = { active: "#1a7f37", standby: "#0969da", dormant: "#6e7781", fenced: "#9a6700", lost: "#cf222e" };

/** The sites before and after, with where users are led and where data go, in Graphviz's language. */
export function graphOf(plan: Plan, topology: Topology): string {
  const at = (moment: "before" | "after"): [SiteName, Standing][] =>
    Object.entries(plan.sites).map(([site, standings]) => [site, standings[moment]]);
  return [
    `digraph "${plan.kind}: ${plan.from} to ${plan.to}" {`,
    `  graph [fontname="sans-serif" rankdir=TB nodesep=0.6 ranksep=0.8 compound=true label="${plan.kind}: ${plan.from} to ${plan.to}, plan ${plan.hash.slice(0, 12)}" labelloc=t]`,
    `  node [fontname="sans-serif" shape=box style="rounded,filled" fontcolor=white color=white penwidth=0 margin="0.3,0.1"]`,
    `  edge [fontname="sans-serif" fontsize=10]`,
    ...picture("before", "now", topology, at("before")),
    ...picture("after", `after, epoch ${plan.epoch}`, topology, at("after")),
    "}",
  ].join("\n");
}

function picture(id: string, label: string, { sites }: Topology, standings: [SiteName, Standing][]): string[] {
  const node = (site: string): string => `"${id}-${site}"`;
  const [active] = standings.flatMap(([site, standing]) => (standing === "active" ? [site] : []));
  return [
    `  subgraph "cluster_${id}" {`,
    `    graph [label="${label}" color="#d0d7de" style=rounded]`,
    `    "${id}-users" [label="users" fillcolor="#24292f" shape=ellipse]`,
    ...standings.map(
      ([site, standing]) =>
        `    ${node(site)} [label="${site}\\n${sites[site]?.region ?? ""}\\n${standing}" fillcolor="${COLOUR[standing]}"]`,
    ),
    ...(active === undefined
      ? []
      : [
          `    "${id}-users" -> ${node(active)} [label="   traffic" penwidth=2]`,
          ...standings.flatMap(([site, standing]) => {
            if (standing === "standby") return [`    ${node(active)} -> ${node(site)} [label="   log, objects" color="${COLOUR.standby}"]`];
            return standing === "dormant"
              ? [`    ${node(active)} -> ${node(site)} [label="   snapshots, objects" color="${COLOUR.dormant}" style=dashed]`]
              : [];
          }),
        ]),
    "  }",
  ];
}

/** As SVG. */
export async function draw(graph: string): Promise<string> {
  const { instance } = await import("@viz-js/viz");
  return (await instance()).renderString(graph, { format: "svg" });
}
