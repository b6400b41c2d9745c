import type { ResourceKind } from "../base";
import { asMemberOf, identifier, single, type Server, type Session } from "./server";

export interface Schema {
  name: string;
  /** Default: the provider's. */
  database?: string;
  owner?: string;
  /** Take a schema that exists over. Default: true. */
  ifNotExists?: boolean;
  /** Drop what is in it, too. Default: false. */
  dropCascade?: boolean;
}

/** A schema. */
export const schema: ResourceKind<Server, Schema, Schema> = {
  inputs: {
    name: { autoName: { maxLength: 63 } },
    database: { computed: true, replace: true },
    owner: { computed: true },
    ifNotExists: {},
    dropCascade: {},
  },

  async create(server, inputs) {
    const { name, owner, ifNotExists = true } = inputs;
    const database = inputs.database ?? server.config.database;
    const outputs = await server.transaction(database, async (session) => {
      await asMemberOf(session, await ownersOf(session, owner), async () => {
        const existing = await ownerOf(session, name);
        if (existing !== undefined && ifNotExists) {
          if (owner !== undefined && owner !== existing)
            await session.query(`ALTER SCHEMA ${identifier(name)} OWNER TO ${identifier(owner)}`);
          return;
        }
        await session.query(`CREATE SCHEMA ${identifier(name)}${owner === undefined ? "" : ` AUTHORIZATION ${identifier(owner)}`}`);
      });
      return { database, owner: await ownerOf(session, name), ifNotExists, dropCascade: inputs.dropCascade ?? false };
    });
    return { id: `${database}.${name}`, outputs };
  },

  async update(server, _id, olds, news) {
    await server.transaction(olds.database, async (session) => {
      await asMemberOf(
        session,
        [olds.owner, ...(await ownersOf(session, news.owner))].filter((owner) => owner !== undefined),
        async () => {
          if (olds.name !== news.name) await session.query(`ALTER SCHEMA ${identifier(olds.name)} RENAME TO ${identifier(news.name)}`);
          if (news.owner !== undefined && news.owner !== olds.owner) {
            await session.query(`ALTER SCHEMA ${identifier(news.name)} OWNER TO ${identifier(news.owner)}`);
          }
        },
      );
    });
    return {};
  },

  async delete(server, _id, { name, database, owner, dropCascade }) {
    await server.transaction(database, (session) =>
      asMemberOf(session, owner === undefined ? [] : [owner], () =>
        session.query(`DROP SCHEMA IF EXISTS ${identifier(name)} ${dropCascade === true ? "CASCADE" : "RESTRICT"}`),
      ),
    );
  },

  async read(server, id, inputs, outputs) {
    const [inDatabase, itself = id] = id.split(".");
    const { database, name } = "name" in outputs ? outputs : { database: inDatabase, name: itself };
    const owner = await server.transaction(database, (session) => ownerOf(session, name));
    if (owner === undefined) return undefined;
    const seen = inputs.owner === undefined ? inputs : { ...inputs, owner };
    return { outputs: { name, database, owner }, inputs: Object.keys(inputs).length === 0 ? { name, database } : seen };
  },
};

function ownerOf(session: Session, name: string): Promise<string | undefined> {
  return single(session, "SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = $1", [name]);
}

/** Whoever may create schemas in the database, and who is to own this one. */
async function ownersOf(session: Session, owner: string | undefined): Promise<string[]> {
  const database = await single(session, "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()", []);
  return [database, owner].filter((one) => one !== undefined);
}
