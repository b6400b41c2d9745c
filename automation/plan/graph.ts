import { roleIn, latestActivation, type SiteFacts } from "../facts";
import type { Role } from "../../topology/roles";
import type { SiteName, Topology } from "../../topology/schema";
import type { Plan } from "./plan";

/** What a site is in a picture; of a lost one nobody knows more. */
type Standing = Role | "lost";

const COLOUR: Record<Standing, string> = { active: "#1a7f37", standby: "#0969da", dormant: "#6e7781", fenced: "#9a6700", lost: "#cf222e" };

/** The sites before and after, with where users are led and where data go, in Graphviz's language. */
export function graphOf(plan: Plan, topology: Topology, facts: SiteFacts[]): string {
  const before = standings(topology, facts, plan.unreachable);
  const after = afterOf(plan, before);
  return [
    `digraph "${plan.kind}: ${plan.from} to ${plan.to}" {`,
    `  graph [fontname="sans-serif" rankdir=TB nodesep=0.6 ranksep=0.8 compound=true label="${plan.kind}: ${plan.from} to ${plan.to}, plan ${plan.hash.slice(0, 12)}" labelloc=t]`,
    `  node [fontname="sans-serif" shape=box style="rounded,filled" fontcolor=white color=white penwidth=0 margin="0.3,0.1"]`,
    `  edge [fontname="sans-serif" fontsize=10]`,
    ...picture("before", "now", topology, before),
    ...picture("after", `after, epoch ${plan.epoch}`, topology, after),
    "}",
  ].join("\n");
}

function standings(topology: Topology, facts: SiteFacts[], unreachable: readonly SiteName[]): Map<SiteName, Standing> {
  const latest = latestActivation(topology, facts);
  return new Map(facts.map((own) => [own.site, unreachable.includes(own.site) ? "lost" : roleIn(topology, own, latest)]));
}

function afterOf({ kind, from, to }: Plan, before: Map<SiteName, Standing>): Map<SiteName, Standing> {
  const after = new Map(before);
  if (kind === "reprotect") return after.set(to, "standby");
  if (kind === "restore") {
    // What streams from the damaged database streams on, and stands behind nothing.
    for (const [site, standing] of before) if (standing === "standby") after.set(site, "fenced");
    return after.set(to, "active");
  }
  if (after.get(from) !== "lost") after.set(from, "fenced");
  return after.set(to, "active");
}

function picture(id: string, label: string, { sites }: Topology, standings: Map<SiteName, Standing>): string[] {
  const node = (site: string): string => `"${id}-${site}"`;
  const [active] = [...standings].flatMap(([site, standing]) => (standing === "active" ? [site] : []));
  return [
    `  subgraph "cluster_${id}" {`,
    `    graph [label="${label}" color="#d0d7de" style=rounded]`,
    `    "${id}-users" [label="users" fillcolor="#24292f" shape=ellipse]`,
    ...[...standings].map(
      ([site, standing]) =>
        `    ${node(site)} [label="${site}\\n${sites[site]?.region ?? ""}\\n${standing}" fillcolor="${COLOUR[standing]}"]`,
    ),
    ...(active === undefined
      ? []
      : [
          `    "${id}-users" -> ${node(active)} [label="   traffic" penwidth=2]`,
          ...[...standings].flatMap(([site, standing]) => {
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
