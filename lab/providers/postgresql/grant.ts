import type { ResourceKind } from "../base";
import { GRANT_TYPES, grantee, refusePrivileges, sameSet, spelledOut } from "./privileges";
import { asMemberOf, identifier, single, type Server, type Session } from "./server";

export interface Grant {
  database: string;
  role: string;
  objectType: string;
  /** Of schema and what is in it. */
  schema?: string;
  /** Names in the schema; none: all that are there now. */
  objects?: string[];
  /** None: everything is revoked. */
  privileges: string[];
  withGrantOption?: boolean;
}

/** Privileges on objects that exist. What the role had on them before is revoked, as the official provider does. */
export const grant: ResourceKind<Server, Grant, Grant> = {
  inputs: {
    database: { required: true, replace: true },
    role: { required: true, replace: true },
    objectType: { required: true, replace: true },
    schema: { replace: true },
    objects: { replace: true, same: sameSet },
    privileges: { required: true, same: sameSet },
    withGrantOption: { replace: true },
  },

  check(_server, inputs) {
    const failures = refusePrivileges(GRANT_TYPES, inputs.objectType, inputs.privileges);
    if (inputs.objectType !== "database" && inputs.schema === undefined) {
      failures.push({ property: "schema", reason: `is required for objectType ${inputs.objectType}` });
    }
    if ((inputs.objectType === "database" || inputs.objectType === "schema") && (inputs.objects?.length ?? 0) > 0) {
      failures.push({ property: "objects", reason: `is not for objectType ${inputs.objectType}` });
    }
    return failures;
  },

  async create(server, inputs) {
    await server.transaction(inputs.database, (session) => settle(session, inputs, inputs.privileges));
    return { id: idOf(inputs), outputs: { withGrantOption: false } };
  },

  async update(server, _id, _olds, news) {
    await server.transaction(news.database, (session) => settle(session, news, news.privileges));
    return {};
  },

  async delete(server, _id, outputs) {
    await server.transaction(outputs.database, (session) => settle(session, outputs, []));
  },

  async read(server, _id, inputs, outputs) {
    if (inputs.objectType !== "database" && inputs.objectType !== "schema") return { outputs };
    const [acl, from, name] =
      inputs.objectType === "database" ? ["datacl", "pg_database", inputs.database] : ["nspacl", "pg_namespace", inputs.schema ?? ""];
    const rows = await server.transaction(inputs.database, (session) =>
      session.query(
        `SELECT privilege_type AS privilege FROM (SELECT (aclexplode(${acl})).* FROM ${from} WHERE ${acl.slice(0, 3)}name = $1) a
         WHERE grantee = CASE WHEN lower($2) = 'public' THEN 0 ELSE (SELECT oid FROM pg_roles WHERE rolname = $2) END`,
        [name, inputs.role],
      ),
    );
    const privileges = [...new Set(rows.map(({ privilege }) => String(privilege)))];
    if (privileges.length === 0 && inputs.privileges.length > 0) return undefined;
    const same = sameSet(privileges, spelledOut(inputs.objectType, inputs.privileges));
    return same ? { outputs } : { outputs: { privileges }, inputs: { ...inputs, privileges } };
  },
};

async function settle(session: Session, inputs: Grant, privileges: string[]): Promise<void> {
  const { role, objectType, schema, objects = [], withGrantOption } = inputs;
  const on = target(objectType, inputs.database, schema, objects);
  await asMemberOf(session, await owners(session, inputs), async () => {
    await session.query(`REVOKE ALL PRIVILEGES ON ${on} FROM ${grantee(role)}`);
    if (privileges.length === 0) return;
    await session.query(
      `GRANT ${privileges.join(", ")} ON ${on} TO ${grantee(role)}${withGrantOption === true ? " WITH GRANT OPTION" : ""}`,
    );
  });
}

/** What follows `ON`. */
export function target(objectType: string, database: string, schema = "", objects: string[] = []): string {
  const type = objectType.toUpperCase();
  if (objectType === "database") return `DATABASE ${identifier(database)}`;
  if (objectType === "schema") return `SCHEMA ${identifier(schema)}`;
  if (objects.length === 0) return `ALL ${type}S IN SCHEMA ${identifier(schema)}`;
  return `${type} ${objects.map((name) => `${identifier(schema)}.${identifier(name)}`).join(", ")}`;
}

/** Who may grant: the owner of the database; of a schema, and of the tables in it. */
async function owners(session: Session, { objectType, schema }: Grant): Promise<string[]> {
  const database = await single(session, "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()", []);
  if (objectType === "database") return database === undefined ? [] : [database];
  const inSchema = `UNION SELECT pg_get_userbyid(relowner)::text FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = $1`;
  const rows = await session.query(
    `SELECT pg_get_userbyid(nspowner)::text AS owner FROM pg_namespace WHERE nspname = $1 ${objectType === "schema" ? "" : inSchema}`,
    [schema ?? ""],
  );
  // Schema `public` belongs to pg_database_owner, of which nobody can be made a member: that is the database's owner.
  return rows
    .map(({ owner }) => String(owner))
    .flatMap((owner) => (owner !== "pg_database_owner" ? [owner] : database === undefined ? [] : [database]));
}

function idOf({ role, database, objectType, schema, objects = [] }: Grant): string {
  return [role, database, ...(objectType === "database" ? [] : [schema]), objectType, ...objects].join("_");
}
