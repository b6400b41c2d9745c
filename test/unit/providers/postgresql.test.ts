import { describe, expect, it } from "vitest";
import { target } from "../../../lab/providers/postgresql/grant";
import { grantee, refusePrivileges, sameSet } from "../../../lab/providers/postgresql/privileges";
import { postgresql } from "../../../lab/providers/postgresql/provider";
import { options } from "../../../lab/providers/postgresql/role";
import { asMemberOf, Server, type Session } from "../../../lab/providers/postgresql/server";

/** A session of a user who is a superuser or lacks memberships; remembers the statements that change something. */
function sessionOf({ superuser, missing }: { superuser: boolean; missing: string[] }): Session & { statements: string[] } {
  const statements: string[] = [];
  return {
    statements,
    query(text) {
      if (text.includes("rolsuper AS superuser")) return Promise.resolve([{ superuser }]);
      if (text.startsWith("SELECT rolname AS role")) return Promise.resolve(missing.map((role) => ({ role })));
      statements.push(text);
      return Promise.resolve([]);
    },
  };
}

describe("role options", () => {
  it("mention only what differs, for some words are a superuser's", () => {
    expect(options({}, { name: "app", login: true, password: "it's" })).toBe("LOGIN PASSWORD 'it''s'");
    expect(options({}, { name: "app" })).toBe("NOLOGIN");
    expect(options({ name: "app", login: true, password: "a" }, { name: "app", login: true, password: "a" })).toBe("");
    expect(options({ name: "app", login: true, connectionLimit: 5 }, { name: "app", createDatabase: true })).toBe(
      "NOLOGIN CREATEDB CONNECTION LIMIT -1",
    );
    expect(options({ name: "app", password: "a" }, { name: "app" })).toBe("PASSWORD NULL");
  });
});

describe("privileges", () => {
  it("are refused unless the object type has them", () => {
    expect(refusePrivileges(["schema"], "schema", ["USAGE", "ALL"])).toEqual([]);
    expect(refusePrivileges(["schema"], "schema", ["SELECT"])).toEqual([
      { property: "privileges", reason: "SELECT is none of schema: CREATE, USAGE, ALL" },
    ]);
    expect(refusePrivileges(["schema"], "schema", ["USAGE ON SCHEMA x TO y; DROP TABLE t --"])).toHaveLength(1);
    expect(refusePrivileges(["schema"], "column", ["SELECT"])).toEqual([{ property: "objectType", reason: "is column, may be schema" }]);
  });

  it("are on quoted objects, to quoted roles", () => {
    expect(target("database", 'a"b')).toBe('DATABASE "a""b"');
    expect(target("table", "app", "public")).toBe('ALL TABLES IN SCHEMA "public"');
    expect(target("table", "app", "public", ["a", "b"])).toBe('TABLE "public"."a", "public"."b"');
    expect([grantee("Public"), grantee("app")]).toEqual(["PUBLIC", '"app"']);
  });

  it("are a set", () => {
    expect(sameSet(["A", "B"], ["B", "A"])).toBe(true);
    expect(sameSet(["A", "B"], ["A"])).toBe(false);
  });
});

describe("membership for the work", () => {
  it("is granted and revoked around it", async () => {
    const session = sessionOf({ superuser: false, missing: ["owner"] });
    await expect(asMemberOf(session, ["owner"], () => session.query("WORK"))).resolves.toEqual([]);
    expect(session.statements).toEqual(['GRANT "owner" TO CURRENT_USER', "WORK", 'REVOKE "owner" FROM CURRENT_USER']);
  });

  it("is nothing that a superuser needs", async () => {
    const session = sessionOf({ superuser: true, missing: ["owner"] });
    await asMemberOf(session, ["owner"], () => session.query("WORK"));
    expect(session.statements).toEqual(["WORK"]);
  });
});

describe("the provider", () => {
  const config = { host: "127.0.0.1", port: 1, username: "master", password: "s3cret", database: "app" };

  it("is as impatient as a failover unless the program says otherwise", async () => {
    const timeout = async (connectTimeout: number): Promise<number> =>
      (await postgresql.configure({ ...config, connectTimeout })).config.connectTimeoutMs;
    expect(await timeout(180)).toBe(5_000);
    expect(await timeout(7)).toBe(7_000);
  });

  it("refuses an sslmode that it would not honour", () => {
    expect(() => postgresql.configure({ ...config, sslmode: "prefer" })).toThrow(
      "sslmode of the postgresql provider is prefer, may be disable, require",
    );
  });

  it("connects with the first change, and says where it could not", async () => {
    const server = await postgresql.configure(config);
    await expect(server.transaction(undefined, (session) => session.query("SELECT 1"))).rejects.toThrow(
      "PostgreSQL at 127.0.0.1:1, database app, user master: connect ECONNREFUSED",
    );
  });

  it("keeps passwords out of errors", async () => {
    const options = { ...config, sslmode: "require", sslrootcert: undefined, connectTimeoutMs: 1_000 };
    const failing = new Server({ ...options, password: "ECONN" }).transaction(undefined, () => Promise.resolve(), ["REFUSED"]);
    await expect(failing).rejects.toThrow(/: connect \[secret\]\[secret\] 127/);
  });
});
