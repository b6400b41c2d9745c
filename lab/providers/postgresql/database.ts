import type { ResourceKind } from "../base";
import { asMemberOf, identifier, literal, type Server } from "./server";

export interface Database {
  name: string;
  /** Default: the provider's user. */
  owner?: string;
  template?: string;
  encoding?: string;
  lcCollate?: string;
  lcCtype?: string;
  connectionLimit?: number;
  allowConnections?: boolean;
  isTemplate?: boolean;
}

/** A database. One that exists already is an error, never adopted. */
export const database: ResourceKind<Server, Database, Database> = {
  inputs: {
    name: { autoName: { maxLength: 63 } },
    owner: { computed: true },
    template: { computed: true, replace: true },
    encoding: { computed: true, replace: true },
    lcCollate: { computed: true, replace: true },
    lcCtype: { computed: true, replace: true },
    connectionLimit: {},
    allowConnections: {},
    isTemplate: { computed: true },
  },

  async create(server, inputs) {
    const { name, owner, template = "template0", encoding = "UTF8", lcCollate, lcCtype } = inputs;
    const { connectionLimit = -1, allowConnections = true, isTemplate = false } = inputs;
    const orDefault = (value: string, quoted: string): string => (value.toUpperCase() === "DEFAULT" ? "DEFAULT" : quoted);
    await server.direct((session) =>
      asMemberOf(session, owner === undefined ? [] : [owner], () =>
        session.query(
          [
            `CREATE DATABASE ${identifier(name)}${owner === undefined ? "" : ` OWNER ${identifier(owner)}`}`,
            `TEMPLATE ${orDefault(template, identifier(template))} ENCODING ${orDefault(encoding, literal(encoding))}`,
            ...(lcCollate === undefined ? [] : [`LC_COLLATE ${orDefault(lcCollate, literal(lcCollate))}`]),
            ...(lcCtype === undefined ? [] : [`LC_CTYPE ${orDefault(lcCtype, literal(lcCtype))}`]),
            `ALLOW_CONNECTIONS ${allowConnections} CONNECTION LIMIT ${Math.trunc(connectionLimit)} IS_TEMPLATE ${isTemplate}`,
          ].join(" "),
        ),
      ),
    );
    return { id: name, outputs: { template, ...(await look(server, name)) } };
  },

  async update(server, _id, olds, news) {
    if (olds.name !== news.name) await server.disconnect(olds.name);
    await server.direct((session) =>
      asMemberOf(
        session,
        [olds.owner, news.owner].filter((owner) => owner !== undefined),
        async () => {
          if (olds.name !== news.name) await session.query(`ALTER DATABASE ${identifier(olds.name)} RENAME TO ${identifier(news.name)}`);
          const alter = `ALTER DATABASE ${identifier(news.name)}`;
          if (news.owner !== undefined && news.owner !== olds.owner) await session.query(`${alter} OWNER TO ${identifier(news.owner)}`);
          await session.query(
            `${alter} WITH ALLOW_CONNECTIONS ${news.allowConnections ?? true} CONNECTION LIMIT ${Math.trunc(news.connectionLimit ?? -1)}`,
          );
          if (news.isTemplate !== undefined) await session.query(`${alter} WITH IS_TEMPLATE ${news.isTemplate}`);
        },
      ),
    );
    return (await look(server, news.name)) ?? {};
  },

  async delete(server, _id, outputs) {
    const name = identifier(outputs.name);
    await server.disconnect(outputs.name);
    await server.direct((session) =>
      asMemberOf(session, outputs.owner === undefined ? [] : [outputs.owner], async () => {
        if (outputs.isTemplate === true) await session.query(`ALTER DATABASE ${name} WITH IS_TEMPLATE false`);
        await session.query(`DROP DATABASE IF EXISTS ${name}`);
      }),
    );
  },

  async read(server, id, inputs, outputs) {
    const found = await look(server, "name" in outputs ? outputs.name : id);
    if (found === undefined) return undefined;
    const seen = Object.fromEntries(Object.entries(found).filter(([property]) => property in inputs));
    return { outputs: found, inputs: Object.keys(inputs).length === 0 ? { name: found.name } : { ...inputs, ...seen } };
  },
};

async function look(server: Server, name: string): Promise<Record<string, unknown> | undefined> {
  const [found] = await server.direct((session) =>
    session.query(
      `SELECT datname AS name, pg_get_userbyid(datdba)::text AS owner, pg_encoding_to_char(encoding)::text AS encoding, datcollate AS "lcCollate",
         datctype AS "lcCtype", datconnlimit AS "connectionLimit", datallowconn AS "allowConnections", datistemplate AS "isTemplate"
       FROM pg_database WHERE datname = $1`,
      [name],
    ),
  );
  return found;
}
