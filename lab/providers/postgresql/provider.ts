import type { AnyKind, Provider } from "../base";
import { database } from "./database";
import { defaultPrivileges } from "./default-privileges";
import { extension } from "./extension";
import { grant } from "./grant";
import { grantRole } from "./grant-role";
import { role } from "./role";
import { schema } from "./schema";
import { Server, SSL_MODES } from "./server";

const KINDS: Record<string, AnyKind<Server>> = {
  "postgresql:index/role:Role": role,
  "postgresql:index/database:Database": database,
  "postgresql:index/grant:Grant": grant,
  "postgresql:index/grantRole:GrantRole": grantRole,
  "postgresql:index/defaultPrivileges:DefaultPrivileges": defaultPrivileges,
  "postgresql:index/extension:Extension": extension,
  "postgresql:index/schema:Schema": schema,
};

/** Seconds. The SDK fills 180 in where the program says nothing, which is far too patient for a failover. */
const CONNECT_TIMEOUT = { sdkDefault: 180, ours: 5 };

/**
 * Stands in for the official postgresql provider: same type tokens, property names and ids. A preview never connects; a connection is
 * made by the first change of a resource.
 */
export const postgresql: Provider<Server> = {
  name: "postgresql",
  version: "3.18.1",
  config: {
    host: "text",
    port: "json",
    username: "text",
    password: "text",
    database: "text",
    sslmode: "text",
    sslrootcert: "text",
    superuser: "json",
    connectTimeout: "json",
    expectedVersion: "text",
  },
  configure(config) {
    const text = (name: string): string | undefined => (typeof config[name] === "string" && config[name] !== "" ? config[name] : undefined);
    const number = (name: string): number | undefined => (config[name] === undefined ? undefined : Number(config[name]));
    const sslmode = text("sslmode") ?? "require";
    if (!SSL_MODES.includes(sslmode)) throw new Error(`sslmode of the postgresql provider is ${sslmode}, may be ${SSL_MODES.join(", ")}`);
    const host = text("host");
    if (host === undefined) throw new Error("the postgresql provider is given no host");
    const timeout = number("connectTimeout") ?? CONNECT_TIMEOUT.sdkDefault;
    const database = text("database") ?? "postgres";
    return new Server({
      host,
      port: number("port") ?? 5432,
      username: text("username") ?? "postgres",
      password: text("password"),
      database,
      sslmode,
      sslrootcert: text("sslrootcert"),
      connectTimeoutMs: (timeout === CONNECT_TIMEOUT.sdkDefault ? CONNECT_TIMEOUT.ours : timeout) * 1000,
    });
  },
  cancel: (server) => void server.close(),
  kind: (type) => KINDS[type],
};
