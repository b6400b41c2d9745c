import type { ResourceKind } from "../base";
import { DEFAULT_PRIVILEGE_TYPES, grantee, refusePrivileges, sameSet, spelledOut } from "./privileges";
import { asMemberOf, identifier, type Server, type Session } from "./server";

export interface DefaultPrivileges {
  database: string;
  /** Who will make the objects. */
  owner: string;
  role: string;
  objectType: string;
  schema?: string;
  privileges: string[];
  withGrantOption?: boolean;
}

/** `pg_default_acl.defaclobjtype`. */
const CATALOG_TYPE: Record<string, string> = { table: "r", sequence: "S", function: "f", routine: "f", type: "T", schema: "n" };

/** Privileges on objects that are still to come. */
export const defaultPrivileges: ResourceKind<Server, DefaultPrivileges, DefaultPrivileges> = {
  inputs: {
    database: { required: true, replace: true },
    owner: { required: true, replace: true },
    role: { required: true, replace: true },
    objectType: { required: true, replace: true },
    schema: { replace: true },
    privileges: { required: true, same: sameSet },
    withGrantOption: { replace: true },
  },

  check(_server, inputs) {
    const failures = refusePrivileges(DEFAULT_PRIVILEGE_TYPES, inputs.objectType, inputs.privileges);
    if (inputs.objectType === "schema" && inputs.schema !== undefined)
      failures.push({ property: "schema", reason: "is not for objectType schema" });
    return failures;
  },

  async create(server, inputs) {
    await server.transaction(inputs.database, (session) => settle(session, inputs, inputs.privileges));
    const { role, database, schema = "noschema", owner, objectType } = inputs;
    return { id: [role, database, schema, owner, objectType].join("_"), outputs: { withGrantOption: false } };
  },

  async update(server, _id, _olds, news) {
    await server.transaction(news.database, (session) => settle(session, news, news.privileges));
    return {};
  },

  async delete(server, _id, outputs) {
    await server.transaction(outputs.database, (session) => settle(session, outputs, []));
  },

  async read(server, _id, inputs, outputs) {
    const rows = await server.transaction(inputs.database, (session) =>
      session.query(
        `SELECT privilege_type AS privilege FROM (
           SELECT defaclnamespace AS namespace, defaclrole AS owner, (aclexplode(defaclacl)).* FROM pg_default_acl WHERE defaclobjtype = $1
         ) a
         WHERE grantee = CASE WHEN lower($2) = 'public' THEN 0 ELSE (SELECT oid FROM pg_roles WHERE rolname = $2) END
           AND pg_get_userbyid(owner) = $3 AND namespace = coalesce((SELECT oid FROM pg_namespace WHERE nspname = $4), 0)`,
        [CATALOG_TYPE[inputs.objectType] ?? "", inputs.role, inputs.owner, inputs.schema ?? null],
      ),
    );
    const privileges = rows.map(({ privilege }) => String(privilege));
    if (privileges.length === 0 && inputs.privileges.length > 0) return undefined;
    const same = sameSet(privileges, spelledOut(inputs.objectType, inputs.privileges));
    return same ? { outputs } : { outputs: { privileges }, inputs: { ...inputs, privileges } };
  },
};

async function settle(session: Session, inputs: DefaultPrivileges, privileges: string[]): Promise<void> {
  const { owner, role, objectType, schema, withGrantOption } = inputs;
  const scope = `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(owner)}${schema === undefined ? "" : ` IN SCHEMA ${identifier(schema)}`}`;
  const type = `${objectType.toUpperCase()}S`;
  await asMemberOf(session, [owner], async () => {
    await session.query(`${scope} REVOKE ALL ON ${type} FROM ${grantee(role)}`);
    if (privileges.length === 0) return;
    await session.query(
      `${scope} GRANT ${privileges.join(", ")} ON ${type} TO ${grantee(role)}${withGrantOption === true ? " WITH GRANT OPTION" : ""}`,
    );
  });
}
