import type { ResourceKind } from "../base";
import { sameSet } from "./privileges";
import { asMemberOf, identifier, literal, type Server, type Session } from "./server";

export interface Role {
  name: string;
  login?: boolean;
  password?: string;
  superuser?: boolean;
  createDatabase?: boolean;
  createRole?: boolean;
  inherit?: boolean;
  replication?: boolean;
  bypassRowLevelSecurity?: boolean;
  connectionLimit?: number;
  validUntil?: string;
  /** Roles that it is a member of. */
  roles?: string[];
  searchPaths?: string[];
  /** Milliseconds; 0 for the server's. */
  statementTimeout?: number;
  /** Milliseconds; 0 for the server's. */
  idleInTransactionSessionTimeout?: number;
  skipDropRole?: boolean;
  skipReassignOwned?: boolean;
}

type Flag = "login" | "superuser" | "createDatabase" | "createRole" | "inherit" | "replication" | "bypassRowLevelSecurity";

/** Flags with their SQL word (`NO...` for off), their column of `pg_roles`, and what they are when the program says nothing. */
const FLAGS: Record<Flag, { sql: string; column: string; byDefault: boolean }> = {
  login: { sql: "LOGIN", column: "rolcanlogin", byDefault: false },
  superuser: { sql: "SUPERUSER", column: "rolsuper", byDefault: false },
  createDatabase: { sql: "CREATEDB", column: "rolcreatedb", byDefault: false },
  createRole: { sql: "CREATEROLE", column: "rolcreaterole", byDefault: false },
  inherit: { sql: "INHERIT", column: "rolinherit", byDefault: true },
  replication: { sql: "REPLICATION", column: "rolreplication", byDefault: false },
  bypassRowLevelSecurity: { sql: "BYPASSRLS", column: "rolbypassrls", byDefault: false },
};

const SETTINGS = {
  searchPaths: "search_path",
  statementTimeout: "statement_timeout",
  idleInTransactionSessionTimeout: "idle_in_transaction_session_timeout",
} as const;

/** A role. One that exists already is an error, never adopted. */
export const role: ResourceKind<Server, Role, Role> = {
  inputs: {
    name: { autoName: { maxLength: 63 } },
    password: { secret: true },
    login: {},
    superuser: {},
    createDatabase: {},
    createRole: {},
    inherit: {},
    replication: {},
    bypassRowLevelSecurity: {},
    connectionLimit: {},
    validUntil: {},
    roles: { same: sameSet },
    searchPaths: {},
    statementTimeout: {},
    idleInTransactionSessionTimeout: {},
    skipDropRole: {},
    skipReassignOwned: {},
  },

  async create(server, inputs) {
    await server.transaction(
      undefined,
      async (session) => {
        await session.query(`CREATE ROLE ${identifier(inputs.name)} WITH ${options({}, inputs)}`);
        await settle(session, {}, inputs);
      },
      secretsOf(inputs),
    );
    return { id: inputs.name, outputs: defaults(inputs) };
  },

  // Against what the program wanted, not what is there: memberships that a GrantRole made are none of this role's business.
  async update(server, _id, olds, news, { oldInputs }) {
    await server.transaction(
      undefined,
      async (session) => {
        if (olds.name !== news.name) await session.query(`ALTER ROLE ${identifier(olds.name)} RENAME TO ${identifier(news.name)}`);
        const changed = options(oldInputs, news);
        if (changed !== "") await session.query(`ALTER ROLE ${identifier(news.name)} WITH ${changed}`);
        await settle(session, oldInputs, news);
      },
      [...secretsOf(olds), ...secretsOf(news)],
    );
    return defaults(news);
  },

  async delete(server, _id, outputs) {
    const name = identifier(outputs.name);
    await server.transaction(undefined, async (session) => {
      const [found] = await session.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [outputs.name]);
      if (found === undefined) return;
      if (outputs.skipReassignOwned !== true) {
        await asMemberOf(session, [outputs.name], async () => {
          await session.query(`REASSIGN OWNED BY ${name} TO CURRENT_USER`);
          await session.query(`DROP OWNED BY ${name}`);
        });
      }
      if (outputs.skipDropRole !== true) await session.query(`DROP ROLE ${name}`);
    });
  },

  async read(server, id, inputs, outputs) {
    const name = "name" in outputs ? outputs.name : id;
    const columns = Object.entries(FLAGS).map(([flag, { column }]) => `${column} AS "${flag}"`);
    const [found] = await server.transaction(undefined, (session) =>
      session.query(
        `SELECT rolname AS name, ${columns.join(", ")}, rolconnlimit AS "connectionLimit", coalesce(rolvaliduntil::text, 'infinity') AS "validUntil",
           ARRAY(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid ORDER BY 1) AS roles
         FROM pg_roles WHERE rolname = $1`,
        [name],
      ),
    );
    if (found === undefined) return undefined;
    // The password cannot be read, and the settings are believed.
    const seen = Object.fromEntries(Object.entries(found).filter(([property]) => property in inputs && property !== "validUntil"));
    return { outputs: found, inputs: Object.keys(inputs).length === 0 ? { name, login: found.login } : { ...inputs, ...seen } };
  },
};

/** The options of `CREATE ROLE` or `ALTER ROLE` that differ from `olds`. */
export function options(olds: Partial<Role>, news: Role): string {
  const parts: string[] = [];
  for (const [flag, { sql, byDefault }] of Object.entries(FLAGS) as [Flag, (typeof FLAGS)[Flag]][]) {
    const wanted = news[flag] ?? byDefault;
    // Left out where it is the default: only a superuser may so much as mention some of them.
    if (wanted !== (olds[flag] ?? byDefault) || (flag === "login" && olds.name === undefined)) parts.push(wanted ? sql : `NO${sql}`);
  }
  if ((news.connectionLimit ?? -1) !== (olds.connectionLimit ?? -1))
    parts.push(`CONNECTION LIMIT ${Math.trunc(news.connectionLimit ?? -1)}`);
  if ((news.validUntil ?? "infinity") !== (olds.validUntil ?? "infinity"))
    parts.push(`VALID UNTIL ${literal(news.validUntil ?? "infinity")}`);
  if (news.password !== olds.password) parts.push(news.password === undefined ? "PASSWORD NULL" : `PASSWORD ${literal(news.password)}`);
  return parts.join(" ");
}

async function settle(session: Session, olds: Partial<Role>, news: Role): Promise<void> {
  const name = identifier(news.name);
  const before = olds.roles ?? [];
  const after = news.roles ?? [];
  for (const group of before.filter((one) => !after.includes(one))) await session.query(`REVOKE ${identifier(group)} FROM ${name}`);
  for (const group of after.filter((one) => !before.includes(one))) await session.query(`GRANT ${identifier(group)} TO ${name}`);
  for (const [property, setting] of Object.entries(SETTINGS) as [keyof typeof SETTINGS, string][]) {
    const value = news[property];
    if (JSON.stringify(value) === JSON.stringify(olds[property])) continue;
    const text = Array.isArray(value)
      ? value.map(identifier).join(", ")
      : value === undefined || value === 0
        ? ""
        : String(Math.trunc(value));
    await session.query(text === "" ? `ALTER ROLE ${name} RESET ${setting}` : `ALTER ROLE ${name} SET ${setting} = ${text}`);
  }
}

function defaults(inputs: Role): Role {
  const flags = Object.fromEntries(Object.entries(FLAGS).map(([flag, { byDefault }]) => [flag, byDefault]));
  return { ...flags, connectionLimit: -1, validUntil: "infinity", ...inputs };
}

function secretsOf(inputs: Role): string[] {
  return inputs.password === undefined ? [] : [inputs.password];
}
