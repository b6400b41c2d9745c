import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { POLICIES_FILE, policiesText } from "../../../automation/policies-file";

it("docs/policies.md has the policies that the code has; npm run policies writes it", () => {
  expect(readFileSync(POLICIES_FILE, "utf8")).toBe(policiesText());
});
