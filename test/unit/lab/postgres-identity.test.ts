import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { databaseIdentity, unprivilegedUser, WAYS } from "../../../lab/postgres/identity";
import { tool } from "./context";

const root = process.getuid?.() === 0;

describe("databaseIdentity", () => {
  let closed: string;
  let folder: string;

  beforeEach(() => {
    // A folder like /root/.changeover: below one that nobody but its owner may enter.
    closed = mkdtempSync(join(tmpdir(), "changeover-identity-"));
    chmodSync(closed, 0o700);
    folder = join(closed, "postgres");
    mkdirSync(folder);
  });

  afterEach(() => {
    rmSync(closed, { recursive: true, force: true });
  });

  it("runs PostgreSQL directly for an ordinary user", async () => {
    const identity = await databaseIdentity(folder, "/bin/sh", { uid: 1000 });
    expect(identity.wrap("postgres", ["-D", "x"])).toEqual({ command: "postgres", args: ["-D", "x"] });
  });

  it.runIf(root).for(Object.keys(WAYS) as (keyof typeof WAYS)[])(
    "drops root by %s and still works below a closed folder",
    async (way, { skip }) => {
      const identity = WAYS[way](await unprivilegedUser());
      const probe = identity.wrap("id", ["-u"]);
      const { status, stdout } = spawnSync(probe.command, probe.args, { encoding: "utf8" });
      if (status !== 0) skip("this machine does not allow it, and databaseIdentity takes the next way");
      expect(stdout.trim()).not.toBe("0");
      const initdb = tool("initdb");
      expect(await databaseIdentity(folder, initdb, { ways: [WAYS[way]] })).toMatchObject({ description: identity.description });
      const { command, args } = identity.wrap(initdb, ["-D", join(folder, "data"), "--no-sync", "--no-locale", "--auth=trust"]);
      execFileSync(command, args, { stdio: "pipe" });
      expect(existsSync(join(folder, "data", "PG_VERSION"))).toBe(true);
    },
  );

  it.runIf(root)("says what to do where root cannot be dropped", async () => {
    const broken = { description: "a broken way", wrap: () => ({ command: "false", args: [] }) };
    const attempt = databaseIdentity(folder, "/bin/sh", { ways: [() => broken] });
    await expect(attempt).rejects.toThrow(/^postgres: .*a broken way.*ordinary user/);
  });
});
