import type { ResourceKind } from "../base";
import { identifier, type Server } from "./server";

export interface GrantRole {
  /** The member. */
  role: string;
  /** What it becomes a member of. */
  grantRole: string;
  withAdminOption?: boolean;
}

/** Membership in a role. */
export const grantRole: ResourceKind<Server, GrantRole, GrantRole> = {
  inputs: {
    role: { required: true, replace: true },
    grantRole: { required: true, replace: true },
    withAdminOption: { replace: true },
  },

  async create(server, { role, grantRole, withAdminOption = false }) {
    const admin = withAdminOption ? " WITH ADMIN OPTION" : "";
    await server.transaction(undefined, async (session) => {
      await session.query(`REVOKE ${identifier(grantRole)} FROM ${identifier(role)}`);
      await session.query(`GRANT ${identifier(grantRole)} TO ${identifier(role)}${admin}`);
    });
    return { id: [role, grantRole, withAdminOption].join("_"), outputs: { withAdminOption } };
  },

  async delete(server, _id, { role, grantRole }) {
    await server.transaction(undefined, (session) => session.query(`REVOKE ${identifier(grantRole)} FROM ${identifier(role)}`));
  },

  async read(server, _id, inputs, { role, grantRole }) {
    const [found] = await server.transaction(undefined, (session) =>
      session.query(
        `SELECT bool_or(admin_option) AS "withAdminOption" FROM pg_auth_members
         WHERE pg_get_userbyid(member) = $1 AND pg_get_userbyid(roleid) = $2 HAVING count(*) > 0`,
        [role, grantRole],
      ),
    );
    if (found === undefined) return undefined;
    return { outputs: found, inputs: "withAdminOption" in inputs ? { ...inputs, ...found } : inputs };
  },
};
