import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FIGURES, valueOf, type Figure } from "../topology/estimate/figures";
import { markdownTable } from "./markdown";

/** Where people find the figures that `changeover estimate` uses. */
export const FIGURES_FILE = join(__dirname, "..", "docs", "figures.md");

const BEGIN = "<!-- npm run figures -->";
const END = "<!-- /npm run figures -->";

/** The document with the table as the code has it; `npm run figures` writes it. @throws where it has no place for the table */
export function withFigures(document: string): string {
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${FIGURES_FILE}: no ${BEGIN} with a ${END} behind it`);
  return `${before}${BEGIN}\n\n${figuresTable()}\n\n${END}${after}`;
}

function figuresTable(): string {
  const rows = (Object.entries(FIGURES) as [string, Figure][]).map(([name, figure]) => {
    const { what, basis, source } = figure;
    return [name, what, valueOf(figure), basis, source];
  });
  return markdownTable([["figure", "what", "counted as", "basis", "source"], ...rows]);
}

if (require.main === module) writeFileSync(FIGURES_FILE, withFigures(readFileSync(FIGURES_FILE, "utf8")));
