import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { markdownTable } from "../markdown";
import { AT_REST, EDGES, RETREATS, STATES, retreatFrom, startOf, stepsOf, type Kind, type State } from "./table";

/** Where people find the states of a changeover. */
export const STATES_FILE = join(__dirname, "..", "..", "docs", "states.md");

/** What each kind is for, as a heading wants it. */
const KINDS: Record<Kind, string> = {
  failover: "the active site is lost, or given up; loss within the RPO is accepted",
  switchover: "a planned move of the active site, which loses nothing; failback is one that goes home",
  reprotect: "the site that was left gets a new database and stands by again",
  activation: "every warm site is lost: a dormant one takes over, from the copies that lie in its region",
  restore: "the active site's database is damaged: one of an earlier moment takes its place",
};

/** One kind as a mermaid diagram: the steps with what they do, and what `resume --abort` does. */
export function diagram(kind: Kind): string {
  const steps = stepsOf(kind);
  const lines = steps.map(
    ({ from, step, to, effects }) => `  ${from} --> ${to} : ${step}${effects.length > 0 ? ` / ${effects.join(", ")}` : ""}`,
  );
  const back = RETREATS.filter((retreat) => retreat.kind === kind).flatMap(({ from, undo, to }) =>
    from.map((state) => `  ${state} --> ${to} : abort / ${undo}`),
  );
  const last = steps.at(-1)?.to;
  return ["stateDiagram-v2", `  [*] --> ${startOf(kind)}`, ...lines, `  ${last} --> [*]`, ...back].join("\n");
}

/** The file as it is committed; `npm run states` writes it. */
export function statesText(): string {
  return [
    "# States of a changeover",
    "Written by `npm run states` from `automation/changeover/table.ts`, which the driver runs. `old` is the site that is left, `target` the one that takes over; in a re-protection `target` is the active site and `old` the one that is rebuilt; in a restore `target` is the active site.",
    ...(Object.keys(KINDS) as Kind[]).flatMap((kind) => [
      `## ${kind}`,
      `${KINDS[kind][0]?.toUpperCase()}${KINDS[kind].slice(1)}.`,
      `\`\`\`mermaid\n${diagram(kind)}\n\`\`\``,
      markdownTable([["in state", "step", "what a site can tell of it", "stack", "given up before it is over"], ...stepsOf(kind).map(row)]),
    ]),
    "## What the states mean",
    markdownTable([
      ["state", "meaning", "in"],
      ...(Object.keys(STATES) as State[]).map((state) => [state, STATES[state], kindsWith(state)]),
    ]),
    `At rest (${AT_REST.join(", ")}) nothing has to be resumed. For the way back a step that was begun counts as taken: it may have done all it does. From \`promoted\` on there is none, nor, in a restore, from \`open\` on.`,
    `${MODEL}\n`,
  ].join("\n\n");
}

function row(edge: (typeof EDGES)[number]): string[] {
  const { kind, from, step, to, effects, update } = edge;
  return [from, step, effects.join(", ") || "nothing", update ?? "", retreatFrom(kind, to)?.undo ?? "no way back"];
}

const kindsWith = (state: State): string =>
  (Object.keys(KINDS) as Kind[])
    .filter((kind) => EDGES.some((edge) => edge.kind === kind && [edge.from, edge.to].includes(state)))
    .join(", ");

const MODEL = `## What was explored

\`test/unit/automation/model.test.ts\` takes the same table through every interleaving, to closure, with a model of \`test/model/\`: two warm
sites with their databases, marks, leases, guards and takeover switches, a cold one that only answers, replication, and operators who
begin, kill, resume, give up and take over from changeovers. The guard is the product's own \`guard/decide.ts\`.

- Any number of times: the driver is killed between any two effects, a site is lost and comes back, the link between the sites or between
  the operators and a site is cut and healed, a replica falls behind and catches up, a lease runs out. At most one site is lost and one
  link cut at a time. So it is for one changeover from \`protected\`, and for two in a row from \`exposed\`.
- With two changeovers from \`protected\`, one of which a second operator may begin over the other, one loss or cut in all; with three,
  guards also renew in time.

In every state: no two sites accept writes, but for a site that a failover left unfenced with the operator's acceptance, until its guard has
looked; no switchover loses an acknowledged write; no database that is left goes on taking writes; no site that came back accepts
one before its guard has looked. And from every state a way without a further fault leads to rest with exactly one writer.

Taken as given: a loss lasts longer than the lease (a shorter one is a cut link), no two drivers run at once (a failover takes over only
from one that has stopped), steps on one site are atomic, and DNS is left out but where the test says so.`;

if (require.main === module) writeFileSync(STATES_FILE, statesText());
