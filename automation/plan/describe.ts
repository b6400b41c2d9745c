import { formatDuration } from "../../topology/duration";
import { coldStartMarkdown, describeColdStart } from "../cold-start";
import { markdownTable } from "../markdown";
import { paint, table } from "../output";
import { nameOf } from "../pulumi/urn";
import type { PlannedOperation } from "./operations";
import type { Plan } from "./plan";

/** The plan as an operator reads it. */
export function describePlan(plan: Plan): string {
  const { from, to, kind, epoch, operations, unchanged, sites, objections, predicted, hash, cold } = plan;
  return [
    `${kind}: ${from} → ${to}, epoch ${epoch}: ${operations.length} operations, ${unchanged} resources stay as they are; nothing was changed`,
    describeSites(sites),
    "",
    describeOperations(operations),
    "",
    ...(cold ? [describeColdStart(cold), ""] : []),
    ...objections.map((objection) => `${paint.red("must not be:")} ${objection}`),
    `${predicted ? `predicted on AWS: RTO ${formatDuration(predicted.rtoMs)} after the decision, RPO ${formatDuration(predicted.rpoMs)}; ` : ""}plan ${hash.slice(0, 12)}`,
  ].join("\n");
}

/** Each site's role, and what becomes of it. */
function describeSites(sites: Plan["sites"]): string {
  return Object.entries(sites)
    .map(([site, { before, after }]) => `${site}: ${before === after ? before : `${before} → ${after}`}`)
    .join("; ");
}

const HEAD = ["STACK", "TIER", "OPERATION", "PLANE", "TYPE", "NAME", "CHANGES"];

function cells({ stack, op, plane, type, urn, tier, changes }: PlannedOperation): string[] {
  return [stack, tier === undefined ? "-" : String(tier), op, plane, type.split(":").at(-1) ?? type, nameOf(urn), changes.join(", ")];
}

export function describeOperations(operations: readonly PlannedOperation[]): string {
  const rows = operations.map((operation) => {
    const [stack = "", tier = "", op = "", plane = "", ...rest] = cells(operation);
    return [stack, tier, /replace|delete/.test(op) ? paint.red(op) : op, plane === "lost" ? paint.red(plane) : plane, ...rest];
  });
  return table(HEAD, rows);
}

/** The plan as a comment of a pull request. */
export function planMarkdown(plan: Plan): string {
  const { from, to, kind, epoch, unreachable, operations, unchanged, sites, objections, predicted, hash, cold } = plan;
  const lost = unreachable.length > 0 ? `, with ${unreachable.join(", ")} lost` : "";
  return [
    `### ${kind}: ${from} → ${to}${lost}`,
    "",
    objections.length === 0
      ? "Nothing that holds data is replaced or deleted, and no lost region is asked."
      : objections.map((one) => `- **must not be:** ${one}`).join("\n"),
    "",
    `Epoch ${epoch}; ${operations.length} operations, ${unchanged} resources stay as they are.${
      predicted
        ? ` Predicted on AWS: RTO ${formatDuration(predicted.rtoMs)} after the decision, RPO ${formatDuration(predicted.rpoMs)}.`
        : ""
    }`,
    "",
    `${describeSites(sites)}.`,
    "",
    ...(cold ? [coldStartMarkdown(cold), ""] : []),
    `<details><summary>Operations</summary>`,
    "",
    markdownTable([HEAD.map((head) => head.toLowerCase()), ...operations.map(cells)]),
    "",
    `</details>`,
    "",
    `Plan \`${hash}\``,
    "",
  ].join("\n");
}
