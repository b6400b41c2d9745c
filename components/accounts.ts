import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import { DATABASE_ADMIN, DATABASE_APP } from "../topology/names";

export interface AccountsArgs {
  /** Name of the database inside. */
  database: string;
  /** Password of the services' role. */
  appPassword: pulumi.Input<string>;
}

/**
 * What is inside the database: the services' role, its grants, the extension they use. Replication carries all of it to
 * the replicas, so it is made once, at the writer, and nothing in it names a site: after a promotion the same resources
 * are simply at another host.
 */
export class Accounts extends pulumi.ComponentResource {
  /** Name of the services' role. */
  readonly role: pulumi.Output<string>;

  constructor(name: string, args: AccountsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:data:Accounts", name, {}, opts);
    const { database } = args;
    const parent = { parent: this };

    const role = new postgresql.Role(
      `${name}-app`,
      { name: DATABASE_APP, login: true, password: args.appPassword },
      // How long it may log in is the guard's to say, every few seconds.
      { ...parent, ignoreChanges: ["validUntil"] },
    ).name;
    new postgresql.Grant(`${name}-connect`, { database, role, objectType: "database", privileges: ["CONNECT"] }, parent);
    // From version 15 on nobody may create in `public` unless told so.
    new postgresql.Grant(
      `${name}-schema`,
      { database, role, schema: "public", objectType: "schema", privileges: ["CREATE", "USAGE"] },
      parent,
    );
    // What the master user creates in migrations is the services' to use as well.
    const shared = { database, role, owner: DATABASE_ADMIN, schema: "public" };
    new postgresql.DefaultPrivileges(
      `${name}-tables`,
      { ...shared, objectType: "table", privileges: ["DELETE", "INSERT", "SELECT", "UPDATE"] },
      parent,
    );
    new postgresql.DefaultPrivileges(`${name}-sequences`, { ...shared, objectType: "sequence", privileges: ["SELECT", "USAGE"] }, parent);
    // The services make tables too, which are their role's: who compares databases must read those as well.
    new postgresql.GrantRole(`${name}-admin`, { role: DATABASE_ADMIN, grantRole: role }, parent);
    new postgresql.Extension(`${name}-pgcrypto`, { name: "pgcrypto", database }, parent);

    this.role = role;
    this.registerOutputs({ role: this.role });
  }
}
