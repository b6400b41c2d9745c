import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FIGURES_FILE, withFigures } from "../../../automation/figures-table";
import { FIGURES } from "../../../topology/estimate/figures";

test("docs/figures.md has the table that the code has; npm run figures writes it", () => {
  const document = readFileSync(FIGURES_FILE, "utf8");
  expect(document).toBe(withFigures(document));
  for (const { source } of Object.values(FIGURES)) expect(document).toContain(source);
});

test("a document without a place for it is named", () => {
  expect(() => withFigures("# Figures")).toThrow(/figures\.md: no <!-- npm run figures -->/);
});
