import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { topologyJsonSchema } from "../topology/schema";

/** Where editors find the JSON schema of `topology.yaml`. */
export const SCHEMA_FILE = join(__dirname, "..", "topology.schema.json");

/** The schema as it is committed; `npm run schema` writes it. */
export function schemaText(): string {
  return `${JSON.stringify(topologyJsonSchema(), null, 2)}\n`;
}

if (require.main === module) writeFileSync(SCHEMA_FILE, schemaText());
