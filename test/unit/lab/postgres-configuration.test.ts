import { describe, expect, it } from "vitest";
import { effectiveParameters, hbaConf, postgresqlConf, type ServerSettings } from "../../../lab/postgres/configuration";
import { parseIdentifier } from "../../../lab/postgres/instance-name";
import { lsn } from "../../../lab/postgres/replication";
import { bootstrapStatements } from "../../../lab/postgres/roles";

const primary: ServerSettings = {
  endpoint: { host: "127.30.1.1", port: 5432 },
  clusterName: "lab-0-",
  certFile: "/certificates/it's.pem",
  keyFile: "/certificates/server.key",
  parameters: {},
};
const replica: ServerSettings = {
  ...primary,
  upstream: {
    endpoint: { host: "127.10.1.1", port: 5432 },
    user: "rdsrepladmin",
    password: "secret",
    caFile: "/a folder/ca.pem",
    applicationName: "replica",
  },
};

function setting(settings: ServerSettings, name: string): string | undefined {
  return new RegExp(`^${name} = '(.*)'$`, "m").exec(postgresqlConf(settings))?.[1];
}

describe("postgresql.conf", () => {
  it("binds to the instance's address only, without sockets and with TLS", () => {
    expect(setting(primary, "listen_addresses")).toBe("127.30.1.1");
    expect(setting(primary, "unix_socket_directories")).toBe("");
    expect(setting(primary, "ssl")).toBe("on");
    expect(setting(primary, "ssl_cert_file")).toBe("/certificates/it''s.pem");
    expect(setting(primary, "primary_conninfo")).toBe("");
  });

  it("follows the parameter group where it can, and the family's defaults elsewhere", () => {
    expect(setting(primary, "ssl_min_protocol_version")).toBe("TLSv1.2");
    const strict = { ...primary, parameters: { ssl_min_protocol_version: "TLSv1.3", "rds.logical_replication": "1" } };
    expect(setting(strict, "ssl_min_protocol_version")).toBe("TLSv1.3");
    expect(setting(primary, "wal_level")).toBe("replica");
    expect(setting(strict, "wal_level")).toBe("logical");
  });

  it("archives where it is told to, and only there", () => {
    expect(setting(primary, "archive_mode")).toBe("on");
    expect(setting(primary, "archive_command")).toBe("true");
    expect(setting({ ...primary, archiveCommand: "cp %p 'a'" }, "archive_command")).toBe("cp %p ''a''");
  });

  it("recovers to a moment, and lets nobody read before", () => {
    const until = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    const restored = { ...primary, recovery: { restoreCommand: "cp a/%f %p", until } };
    expect(setting(restored, "recovery_target_time")).toBe("2026-01-02T03:04:05.678+00");
    expect(setting(restored, "recovery_target_action")).toBe("promote");
    expect(setting(restored, "restore_command")).toBe("cp a/%f %p");
    expect(setting(restored, "hot_standby")).toBe("off");
    expect(setting(primary, "recovery_target_time")).toBe("");
    expect(setting(primary, "hot_standby")).toBe("on");
  });

  it("never hands on what belongs to the lab, a formula, or what PostgreSQL does not know", () => {
    const parameters = {
      port: "1",
      shared_buffers: "9GB",
      statement_timeout: "{DBInstanceClassMemory/2}",
      "rds.log_retention_period": "60",
    };
    expect(effectiveParameters(parameters).ignored).toEqual(Object.keys(parameters));
    expect(setting({ ...primary, parameters }, "port")).toBe("5432");
    expect(setting({ ...primary, parameters }, "statement_timeout")).toBeUndefined();
  });

  it("has a replica verify its source, over TLS 1.3 at least", () => {
    const conninfo = setting(replica, "primary_conninfo") ?? "";
    expect(conninfo).toContain("sslmode=''verify-full''");
    expect(conninfo).toContain("ssl_min_protocol_version=''TLSv1.3''");
    expect(conninfo).toContain("sslrootcert=''/a folder/ca.pem''");
  });
});

describe("pg_hba.conf", () => {
  it("lets nobody in without TLS unless rds.force_ssl is 0, and replication never", () => {
    expect(hbaConf({}, "r")).toBe("hostssl all all all scram-sha-256\nhostssl replication r all scram-sha-256\n");
    expect(hbaConf({ "rds.force_ssl": "0" }, "r")).toBe("host all all all scram-sha-256\nhostssl replication r all scram-sha-256\n");
  });
});

describe("bootstrapStatements", () => {
  it("quotes what the caller chose", () => {
    const text = bootstrapStatements({ username: `a"b`, password: `c'd`, database: "e f" }, "x").join("\n");
    expect(text).toContain(`CREATE ROLE "a""b" LOGIN CREATEROLE CREATEDB PASSWORD 'c''d'`);
    expect(text).toContain(`CREATE DATABASE "e f" OWNER "a""b"`);
    expect(text).not.toMatch(/"a""b".*SUPERUSER/);
  });

  it("makes no database where none is named", () => {
    expect(bootstrapStatements({ username: "a", password: "b" }, "x").join("\n")).not.toContain("CREATE DATABASE");
  });
});

describe("names and positions", () => {
  it("reads identifiers and ARNs", () => {
    expect(parseIdentifier("us-east-1", "Mine")).toEqual({ region: "us-east-1", id: "mine" });
    expect(parseIdentifier("us-east-1", "arn:aws:rds:eu-north-1:123456789012:db:other")).toEqual({ region: "eu-north-1", id: "other" });
  });

  it("reads WAL positions past 4 GB", () => {
    expect(lsn("1/10") - lsn("0/FFFFFFFF")).toBe(17);
  });
});
