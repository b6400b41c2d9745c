import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SCHEMA_FILE, schemaText } from "../../../setup/topology-schema";

test("topology.schema.json is what the schema says; npm run schema writes it", () => {
  expect(readFileSync(SCHEMA_FILE, "utf8")).toBe(schemaText());
});
