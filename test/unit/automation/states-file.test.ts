import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { diagram, STATES_FILE, statesText } from "../../../automation/changeover/diagram";
import { EDGES, RETREATS } from "../../../automation/changeover/table";

test("docs/states.md is what the table says; npm run states writes it", () => {
  expect(readFileSync(STATES_FILE, "utf8")).toBe(statesText());
});

test("every step and every way back is an arrow", () => {
  for (const { kind, from, step, to } of EDGES) expect(diagram(kind)).toMatch(new RegExp(`^  ${from} --> ${to} : ${step}( |$)`, "m"));
  for (const { kind, from, undo, to } of RETREATS) {
    for (const state of from) expect(diagram(kind)).toContain(`  ${state} --> ${to} : abort / ${undo}`);
  }
});
