import { escapeIdentifier, escapeLiteral } from "pg";

/** The bootstrap superuser, as on Amazon RDS. For the lab only; nobody outside gets its password. */
export const ADMIN = "rdsadmin";
/** The login that replicas stream with, as on Amazon RDS. */
export const REPLICATION_USER = "rdsrepladmin";

export interface Master {
  username: string;
  password: string;
  /** Database to make, owned by the master; `undefined` makes none. */
  database?: string;
}

/**
 * Statements for a new primary, in order, for `rdsadmin` in the database `postgres`. The master user is what it is on
 * Amazon RDS: not a superuser, a member of `rds_superuser`, allowed to make roles and databases.
 */
export function bootstrapStatements(master: Master, replicationPassword: string): string[] {
  const user = escapeIdentifier(master.username);
  return [
    `CREATE ROLE ${REPLICATION_USER} LOGIN REPLICATION PASSWORD ${escapeLiteral(replicationPassword)}`,
    "CREATE ROLE rds_superuser NOLOGIN",
    "CREATE ROLE rds_replication NOLOGIN",
    "CREATE ROLE rds_password NOLOGIN",
    "CREATE ROLE rds_iam NOLOGIN",
    "GRANT pg_monitor, pg_signal_backend, pg_checkpoint, rds_replication, rds_password TO rds_superuser WITH ADMIN OPTION",
    `CREATE ROLE ${user} LOGIN CREATEROLE CREATEDB PASSWORD ${escapeLiteral(master.password)}`,
    `GRANT rds_superuser TO ${user}`,
    `ALTER DATABASE postgres OWNER TO ${user}`,
    `ALTER DATABASE template1 OWNER TO ${user}`,
    ...(master.database === undefined ? [] : [`CREATE DATABASE ${escapeIdentifier(master.database)} OWNER ${user}`]),
  ];
}

export function passwordStatement(username: string, password: string): string {
  return `ALTER ROLE ${escapeIdentifier(username)} PASSWORD ${escapeLiteral(password)}`;
}
