import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ReprotectReport, RestoreReport } from "../../automation/changeover/report";
import type { Reinstated } from "../../automation/changeover/reinstate";
import { asAdmin, databaseOf } from "../../automation/changeover/sites";
import { siteFacts, environmentOf } from "../../automation/facts";
import { readJournal } from "../../automation/journal";
import { Restores } from "../../automation/probes/restores";
import { askLab } from "../../lab/control";
import { changeover } from "./command";
import { Circle, type Roles } from "./circle";

const SOUND = "select count(*) = 0 from public.balances where amount < 0";
const RESTORE = ["restore", "--site", "primary", "--to"];

describe("a restore of the active site's database", () => {
  let circle: Circle;
  let roles: Roles;
  /** A moment at which the data were sound, and one at which they were damaged. */
  let sound: Date;
  let damaged: Date;
  let restored: RestoreReport;
  /** When the damage was committed. */
  let committed: Date;

  beforeAll(async () => {
    ({ circle, roles } = await Circle.ready(undefined));
    await sql(
      `create table public.balances (id int primary key, amount int not null);
       insert into public.balances select id, 100 from generate_series(1, 1000) as id`,
    );
    await sleep(1_000);
    sound = await now();
    await sleep(1_000);
    await sql("update public.balances set amount = -amount where id <= 10; insert into public.balances values (2000, 5)");
    damaged = await now();
    const [row] = await sql("select pg_xact_commit_timestamp(xmin) as at from public.balances where id = 1");
    committed = row!["at"] as Date;
    await restorable(damaged);
  });

  afterAll(async () => {
    await circle.clients.stop();
    await changeover(["lab", "down"]);
  });

  it.each([
    [
      "a site that is not active",
      ["--site", "secondary", "--to", "2026-01-02T03:04:05Z"],
      3,
      /secondary is not the active site; primary is/,
    ],
    ["an unknown site", ["--site", "mars", "--to", "2026-01-02T03:04:05Z"], 2, /--site is "mars".*primary/],
    ["no moment", ["--site", "primary"], 2, /--to is missing.*--before-corruption/],
    ["to look for a moment without a check", ["--site", "primary", "--before-corruption"], 2, /--check is missing/],
    ["a moment that is none", ["--site", "primary", "--to", "yesterday"], 2, /--to.*2026-01-02T03:04:05Z/],
    [
      "a moment before the window",
      ["--site", "primary", "--to", "2020-01-02T03:04:05Z"],
      2,
      /--to is .*a moment from 20.*Z on.*up to 20.*Z/,
    ],
    ["a moment to come", ["--site", "primary", "--to", "2120-01-02T03:04:05Z"], 2, /--to is .*a moment from 20.*Z on.*up to 20.*Z/],
  ])("refuses %s, and says what would do", async (_, args, code, message) => {
    const ended = await circle.fails(["restore", ...args], code);
    expect(ended.stderr).toMatch(message);
  });

  it("refuses a check that is no question", async () => {
    const ended = await circle.fails([...RESTORE, sound.toISOString(), "--check", "select count(*) from public.balances"], 2);
    expect(ended.stderr).toMatch(/--check.*one boolean/);
  });

  it("gives a moment up at which the check does not hold, and opens writes where they were", async () => {
    const ended = await circle.fails([...RESTORE, damaged.toISOString(), "--check", SOUND], 4);
    expect(ended.stderr).toMatch(/the check does not hold at .* either[^]*an earlier --to/);
    await circle.expectProtected(roles);
    await vi.waitFor(
      async () => {
        expect(await instances()).toEqual(["service-lab-primary-1"].map(named));
      },
      { timeout: 30_000 },
    );
  });

  it.each([
    ["an altered base backup", { fault: "damage-backup", how: "alter" }, /checksum/],
    ["a truncated one", { fault: "damage-backup", how: "truncate" }, /has size/],
    ["a log that lacks a segment", { fault: "lose-wal" }, /WAL segment \w+ is missing|\w+ is missing from the archive/],
  ])("gives %s up, names it, and what there is beside it", async (_, fault, why) => {
    await askLab("POST", "/chaos", { ...fault, site: "primary" }, 30_000);
    try {
      // Behind the segment that is missing the log goes on.
      const moment = fault.fault === "lose-wal" ? await now() : sound;
      const ended = await circle.fails([...RESTORE, moment.toISOString(), "--check", SOUND], 4);
      expect(ended.stderr).toMatch(why);
      expect(ended.stderr).toMatch(/was given up: .* is incompatible-restore: [^]*takes writes as before[^]*other moments: 20/);
    } finally {
      await askLab("POST", "/chaos/end", {}, 30_000);
    }
    await circle.expectProtected(roles);
  });

  it("finds the moment and restores it under load: what was written since is listed, and nobody writes to the damaged one", async () => {
    const report = await circle.done<RestoreReport>(["restore", "--site", "primary", "--before-corruption", "--check", SOUND]);
    restored = report;
    roles = { ...roles, epoch: roles.epoch + 1 };
    expect(report).toMatchObject({ kind: "restore", site: "primary", generation: 2, epoch: roles.epoch });
    // The end of the second before the one in which the damage was committed.
    const second = Math.floor(committed.getTime() / 1_000) * 1_000;
    expect(report.point).toBe(new Date(second - 1).toISOString());
    const assessed = readJournal(report.journal).find(({ event, step }) => event === "end" && step === "assess");
    expect(assessed?.detail?.["looks"]).toBeLessThanOrEqual(7);
    expect(await sql(`select count(*)::int as count, sum(amount)::int as sum from public.balances`)).toEqual([
      { count: 1000, sum: 100_000 },
    ]);

    const lines = readFileSync(report.dropped.file, "utf8").trim().split("\n").slice(1);
    const rows = lines.map((line) => JSON.parse(line) as { table: string; key: { id?: number }; left: unknown; right: unknown });
    expect(rows).toHaveLength(report.dropped.rows);
    const balances = rows.filter(({ table }) => table === "public.balances");
    expect(
      balances
        .filter(({ right }) => right !== null)
        .map(({ key }) => key.id)
        .sort((a, b) => a! - b!),
    ).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(balances.filter(({ right }) => right === null).map(({ left }) => left)).toEqual([{ id: 2000, amount: 5 }]);
    // The clients wrote all the while: every row that they were told of since the moment is among them.
    expect(rows.length).toBeGreaterThan(50);

    const status = await circle.status();
    expect(status.sites.find(({ name }) => name === "primary")).toMatchObject({ role: "active", epoch: roles.epoch, writes: "open" });
    expect(status.sites.find(({ name }) => name === "secondary")).toMatchObject({ followsLeft: true });
    expect(await circle.writers(await circle.doors(["primary"]), 10_000)).toEqual({ takes: ["primary"], silent: [] });
  });

  it("puts what was written since in again, but for the damage", async () => {
    const { file } = restored.dropped;
    const damage = await circle.fails(["reinstate", "--rows", file, "--check", "select count(*) = 1000 from public.balances"], 4);
    expect(damage.stderr).toMatch(/the check does not hold with these rows in: none was put in/);
    await circle.fails(["reinstate", "--rows", file, "--table", "public.nothing"], 2);
    const { tables } = await circle.done<Reinstated>(["reinstate", "--rows", file, "--table", "public.writes", "--check", SOUND]);
    expect(tables).toEqual([{ table: "public.writes", inserted: expect.any(Number), taken: 0, different: 0 }]);
    expect(tables[0]?.inserted).toBeGreaterThan(50);
    const again = await circle.done<Reinstated>(["reinstate", "--rows", file, "--table", "public.writes"]);
    expect(again.tables).toEqual([{ table: "public.writes", inserted: 0, taken: tables[0]?.inserted, different: 0 }]);
  });

  it("does not fail over to the replica of the damaged one without a word", async () => {
    const ended = await circle.fails(["failover", "--to", "secondary", "--unreachable", "primary", "--accept-unfenced", "a test"], 3);
    expect(ended.stderr).toMatch(/replica is of a database that the service has left[^]*reprotect --site secondary/);
    const planned = await circle.fails(["switchover", "--to", "secondary"], 3);
    expect(planned.stderr).toMatch(/no replica of primary's[^]*reprotect --site secondary/);
  });

  it("protects it again and discards what was left; nothing that was ever acknowledged is lost", async () => {
    const report = await circle.done<ReprotectReport>(["reprotect", "--site", "secondary"]);
    expect(report).toMatchObject({ kind: "reprotect", site: "secondary", active: "primary", generation: 2, diverged: null });
    await circle.expectProtected(roles);
    for (const site of ["secondary", "primary"]) await circle.done(["reprotect", "--site", site, "--discard-old"]);
    await circle.expectProtected(roles);
    await circle.expectNothingLost(roles, restored.startedAt);
  });

  async function sql(text: string): Promise<Record<string, unknown>[]> {
    const facts = (await siteFacts(environmentOf(circle.topology, circle.workspace))).find(({ site }) => site === "primary");
    const address = databaseOf(facts!, await circle.workspace.secrets("primary"));
    return asAdmin(address, async (client) => (await client.query<Record<string, unknown>>(text)).rows, 10_000);
  }

  async function now(): Promise<Date> {
    return (await sql("select clock_timestamp() as now"))[0]!["now"] as Date;
  }

  async function restorable(moment: Date): Promise<void> {
    const restores = new Restores(circle.topology.sites["primary"]!.region);
    try {
      await vi.waitFor(
        async () => {
          expect((await restores.window("service-lab-primary-1".replace("service", circle.topology.service)))!.latest > moment).toBe(true);
        },
        {
          timeout: 60_000,
          interval: 500,
        },
      );
    } finally {
      restores.close();
    }
  }

  async function instances(): Promise<string[]> {
    const { RDSClient, DescribeDBInstancesCommand } = await import("@aws-sdk/client-rds");
    const rds = new RDSClient({ region: circle.topology.sites["primary"]!.region });
    const { DBInstances = [] } = await rds.send(new DescribeDBInstancesCommand({}));
    rds.destroy();
    return DBInstances.map(({ DBInstanceIdentifier: id }) => id ?? "").sort();
  }

  function named(id: string): string {
    return id.replace("service", circle.topology.service);
  }
});
