import * as postgresql from "@pulumi/postgresql";
import type * as pulumi from "@pulumi/pulumi";
import { Accounts } from "../components/accounts";
import { DATABASE_ADMIN } from "../topology/names";
import { readDataConfig } from "./config";
import { otherStack, type Context } from "./context";
import { reachedBy, refuseStaleEpoch } from "./epoch";

interface DatabaseOutput {
  identifier: string;
  address: string;
  port: number;
  name: string;
}

/**
 * What is inside the active site's database. Resources never name the site, so a changeover only points their provider
 * at another host, where replication has already brought them.
 * @throws BadInput for a config that does not hold together
 */
export async function data(context: Context): Promise<Record<string, unknown>> {
  const { activation, databasePassword, appPassword, databaseCaFile } = readDataConfig(context.topology);
  refuseStaleEpoch(await reachedBy(context, "data"), activation);
  const database = otherStack(context, activation.activeSite).requireOutput("database") as pulumi.Output<DatabaseOutput>;

  const writer = new postgresql.Provider("database", {
    host: database.address,
    port: database.port,
    database: context.topology.database.name,
    username: DATABASE_ADMIN,
    password: databasePassword,
    // RDS gives its master user much, but not PostgreSQL's own superuser.
    superuser: false,
    connectTimeout: 15,
    ...(databaseCaFile === undefined ? { sslmode: "require" } : { sslmode: "verify-full", sslrootcert: databaseCaFile }),
  });
  const accounts = new Accounts(
    "accounts",
    { database: context.topology.database.name, appPassword },
    { providers: { postgresql: writer } },
  );

  return { activeSite: activation.activeSite, epoch: activation.epoch, host: database.address, role: accounts.role };
}
