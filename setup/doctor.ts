import { join } from "node:path";
import { programsByHand, type ByHand } from "./byhand";
import { changeoverHome } from "./home.mjs";
import { inspect, type PartReport } from "./index";
import { stalePackages } from "./node-packages.mjs";
import { allParts } from "./parts";

const ROOT = join(__dirname, "..");

/** Whether an environment's state, key, journal and facts outlive its active region; the driver finds out. */
export interface Standing {
  environment: string;
  activeSite?: string;
  epoch?: number;
  checks: { name: string; level: "fine" | "warning" | "refused"; finding: string; satisfy?: string; source?: string }[];
}

/**
 * `changeover doctor [--json]`: every part, its version, where it came from and where it is. Sets up nothing.
 *
 * @param standing of the environment that was asked about. @default none was
 * @returns 0, or 3 when a part is missing or a check refuses
 */
export async function doctor(argv: readonly string[], standing?: Standing): Promise<number> {
  const wrong = argv.filter((argument) => argument !== "--json" && argument !== "doctor");
  if (wrong.length > 0) {
    process.stderr.write(`doctor: argument is ${JSON.stringify(wrong[0])}; it may be --json\n`);
    return 2;
  }
  const [parts, byHand] = await Promise.all([inspect(allParts), programsByHand()]);
  const all = [nodePackages(), ...parts];
  const ok = all.every((part) => part.state !== "missing") && (standing?.checks ?? []).every(({ level }) => level !== "refused");
  const text = argv.includes("--json")
    ? JSON.stringify({ ok, home: changeoverHome(), parts: all, byHand, ...(standing && { standing }) }, null, 2)
    : [describe(all, byHand), ...(standing ? describeStanding(standing) : [])].join("\n");
  process.stdout.write(`${text}\n`);
  return ok ? 0 : 3;
}

function nodePackages(): PartReport {
  const stale = stalePackages(ROOT);
  const base = { name: "node packages", wanted: "package-lock.json", neededFor: "every verb" as const, tools: { node: process.execPath } };
  return stale === undefined
    ? {
        ...base,
        state: "ready",
        version: `node ${process.versions.node}`,
        way: "npm ci",
        tools: { node_modules: join(ROOT, "node_modules") },
      }
    : { ...base, state: "missing", advice: `${stale}: npm ci` };
}

function describe(parts: readonly PartReport[], byHand: readonly ByHand[]): string {
  const rows = [
    ["part", "wanted", "has", "came by", "needed for", "where"],
    ...parts.map((part) => [part.name, part.wanted, part.version ?? "-", wayOf(part), part.neededFor, where(part.tools)]),
    ...byHand.map((it) => [
      it.name,
      "any",
      it.version ?? (it.path === undefined ? "-" : "?"),
      it.path === undefined ? "missing" : "already there",
      "use by hand",
      it.path ?? "",
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const missing = parts.filter((part) => part.state === "missing");
  const absent = byHand.filter((it) => it.path === undefined);
  return [
    ...table,
    "",
    `cache: ${changeoverHome()}`,
    ...(missing.length === 0
      ? []
      : ["", "missing, set up by itself at the first use (changeover lab up, npm run drill, npm test); where that fails:"]),
    ...missing.map((part) => `  ${part.name}: ${part.advice ?? ""}`),
    ...(absent.length === 0 ? [] : ["", "optional, for use by hand:"]),
    ...absent.map((it) => `  ${it.name}: ${it.advice}`),
  ].join("\n");
}

function describeStanding({ environment, activeSite, epoch, checks }: Standing): string[] {
  const since = activeSite === undefined ? "" : epoch ? `: ${activeSite} active in epoch ${epoch}` : `: ${activeSite} is home`;
  return [
    "",
    `without the active region, ${environment}${since}`,
    ...checks.flatMap(({ name, level, finding, satisfy, source }) => [
      `  ${level.padEnd(7)}  ${name.padEnd(7)}  ${finding}${source === undefined ? "" : ` (${source})`}`,
      ...(satisfy === undefined || level === "fine" ? [] : [`${" ".repeat(20)}to go on: ${satisfy}`]),
    ]),
  ];
}

function wayOf(part: PartReport): string {
  if (part.state === "missing") return "missing";
  return part.state === "found" ? `${part.way ?? ""} (not used yet)` : (part.way ?? "");
}

function where(tools: Record<string, string>): string {
  return Object.values(tools)[0] ?? "";
}
