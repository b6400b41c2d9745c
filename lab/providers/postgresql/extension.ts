import type { ResourceKind } from "../base";
import { identifier, literal, type Server } from "./server";

export interface Extension {
  name: string;
  /** Default: the provider's. */
  database?: string;
  schema?: string;
  version?: string;
  createCascade?: boolean;
  dropCascade?: boolean;
}

/** An extension in one database. One that is there already is taken over, as the official provider does. */
export const extension: ResourceKind<Server, Extension, Extension> = {
  inputs: {
    name: { required: true, replace: true },
    database: { computed: true, replace: true },
    schema: { computed: true },
    version: { computed: true },
    createCascade: {},
    dropCascade: {},
  },

  async create(server, inputs) {
    const { name, schema, version, createCascade, dropCascade = false } = inputs;
    const database = inputs.database ?? server.config.database;
    await server.transaction(database, (session) =>
      session.query(
        [
          `CREATE EXTENSION IF NOT EXISTS ${identifier(name)}`,
          ...(schema === undefined ? [] : [`SCHEMA ${identifier(schema)}`]),
          ...(version === undefined ? [] : [`VERSION ${literal(version)}`]),
          ...(createCascade === true ? ["CASCADE"] : []),
        ].join(" "),
      ),
    );
    return { id: `${database}.${name}`, outputs: { database, dropCascade, ...(await look(server, database, name)) } };
  },

  async update(server, _id, olds, news) {
    const alter = `ALTER EXTENSION ${identifier(news.name)}`;
    await server.transaction(olds.database, async (session) => {
      if (news.schema !== undefined && news.schema !== olds.schema) await session.query(`${alter} SET SCHEMA ${identifier(news.schema)}`);
      if (news.version !== undefined && news.version !== olds.version) await session.query(`${alter} UPDATE TO ${literal(news.version)}`);
    });
    return (await look(server, olds.database, news.name)) ?? {};
  },

  async delete(server, _id, { name, database, dropCascade }) {
    await server.transaction(database, (session) =>
      session.query(`DROP EXTENSION IF EXISTS ${identifier(name)} ${dropCascade === true ? "CASCADE" : "RESTRICT"}`),
    );
  },

  async read(server, id, inputs, outputs) {
    const [inDatabase, itself = id] = id.split(".");
    const { database, name } = "name" in outputs ? outputs : { database: inDatabase, name: itself };
    const found = await look(server, database, name);
    if (found === undefined) return undefined;
    const seen = Object.fromEntries(Object.entries(found).filter(([property]) => property in inputs));
    return {
      outputs: { name, database, ...found },
      inputs: Object.keys(inputs).length === 0 ? { name, database } : { ...inputs, ...seen },
    };
  },
};

async function look(server: Server, database: string | undefined, name: string): Promise<Record<string, unknown> | undefined> {
  const [found] = await server.transaction(database, (session) =>
    session.query(
      "SELECT nspname AS schema, extversion AS version FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = $1",
      [name],
    ),
  );
  return found;
}
