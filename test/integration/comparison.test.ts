import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareDatabases, type Comparison, type CompareOptions, type TableComparison } from "../../automation/comparison/compare";
import { advanceSequences } from "../../automation/changeover/sequences";
import { writeDiverged } from "../../automation/comparison/diverged";
import { putRows } from "../../automation/comparison/put-rows";
import { countRows } from "../../automation/comparison/rows-file";
import { StepList } from "../../automation/steps";
import { ServerPair } from "./server-pair";

const ROWS = 200_000;
const WEIRD = `"Weird ""Schema"""."Weird 'Table' ; --"`;

const TABLES = `
  -- The administrator has the name of the driver's schema, which would otherwise be the first to be looked into.
  alter database service set search_path = public;
  set search_path = public;
  create table writes (
    id bigint generated always as identity primary key, key text not null unique, body jsonb not null, written_at timestamptz not null default now()
  );
  insert into writes (key, body) select 'key-' || n, jsonb_build_object('n', n) from generate_series(1, 500) n;
  create table orders (code text primary key, amount numeric);
  insert into orders select 'order-' || n, n from generate_series(1, 500) n;
  create table counters (name text primary key, value bigint not null);
  insert into counters select 'counter-' || n, 0 from generate_series(1, 100) n;
  create table no_key (who text, amount numeric);
  insert into no_key select 'w' || n % 10, n % 10 from generate_series(1, 100) n;
  create table empty_one (id int primary key);
  create schema "Weird ""Schema""";
  create table ${WEIRD} ("Key ""One""" bigint, "select" text, t text, k text, "row" int, "ROW" int, primary key ("select", "Key ""One"""));
  insert into ${WEIRD} values (9007199254740993, 'a', 't', 'k', 1, 2), (2, 'b', null, '', 3, null);
  create table parted (id int, at date, primary key (id, at)) partition by range (at);
  create table parted_2025 partition of parted for values from ('2025-01-01') to ('2026-01-01');
  create table parted_2026 partition of parted for values from ('2026-01-01') to ('2027-01-01');
  insert into parted values (1, '2025-05-05'), (2, '2026-06-06');
  create type mood as enum ('well', 'unwell');
  create table types (
    id uuid primary key, j json, jb jsonb, b bytea, tz timestamptz, ts timestamp, d date, i interval, n numeric, f double precision,
    r real, a text[], aa int[][], e mood, m money, ip inet, range int4range, big bigint, gone int, x xml, bits bit varying, ok boolean
  );
  alter table types drop column gone;
  insert into types values
    ('00000000-0000-0000-0000-000000000001', e'{"a":\\n 1, "a": 2}', '{"b": [1, null, "x"], "a": 12345678901234567890.5}', '\\x00ff10',
     '2026-03-29 02:30:00+02', '2026-03-29 02:30:00', '2026-03-29', '1 year 2 mons 3 days 04:05:06.789', 123456789012345678901234567890.123456789,
     0.1, 0.3, array['a', null, 'c,"d'], '{{1,2},{3,4}}', 'well', 12.5, '10.0.0.1/8', '[1,5)', 9223372036854775807, '<a>b</a>', '1011', true),
    ('00000000-0000-0000-0000-000000000002', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
    ('00000000-0000-0000-0000-000000000003', 'null', 'null', '', 'infinity', '-infinity', 'infinity', '-1 day', 'NaN', 'NaN',
     '-Infinity', '{}', '{}', 'unwell', -1, '::1', 'empty', -9223372036854775808, '', '', false);
  create unlogged table scratch (id int primary key);
  insert into scratch values (1);
  create view seen as select * from writes;
  create schema changeover_guard;
  create table changeover_guard.kept (id int primary key);
  create table large (id bigint primary key, customer text, amount numeric, body jsonb, at timestamptz);
  insert into large select n, 'customer ' || n % 1000, n / 7.0, jsonb_build_object('n', n, 'text', repeat('x', 100)), '2026-01-01'::timestamptz + n * interval '1 second'
    from generate_series(1, ${ROWS}) n;
  create table wide (id int primary key, body text);
  insert into wide select n, '' from generate_series(1, 20) n;
`;

const NAMES = [
  `"Weird ""Schema"""."Weird 'Table' ; --"`,
  "public.counters",
  "public.empty_one",
  "public.large",
  "public.no_key",
  "public.orders",
  "public.parted_2025",
  "public.parted_2026",
  "public.types",
  "public.wide",
  "public.writes",
];

describe("two databases compared", () => {
  let pair: ServerPair;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "changeover-diverged-"));
    pair = await ServerPair.start();
    await pair.sql("left", TABLES);
    await pair.caughtUp();
  }, 120_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await pair.dispose();
  });

  const compare = (options?: CompareOptions): Promise<Comparison> => compareDatabases(pair.address("left"), pair.address("right"), options);
  const of = (comparison: Comparison, table: string): TableComparison | undefined => comparison.tables.find((one) => one.table === table);
  const unequal = (comparison: Comparison): string[] => comparison.tables.filter(({ equal }) => !equal).map(({ table }) => table);

  describe("an active one and its replica", () => {
    it("are equal, table by table; what is not replicated or not a user's is left out", async () => {
      const seen: string[] = [];
      const comparison = await compare({ onTable: ({ table }, { done, total }) => seen.push(`${done}/${total} ${table}`) });
      expect(comparison.tables.map(({ table }) => table)).toEqual(NAMES);
      expect(comparison).toMatchObject({ equal: true, onlyLeft: [], onlyRight: [], buckets: 1024 });
      expect(of(comparison, "public.large")).toEqual({
        table: "public.large",
        leftRows: ROWS,
        rightRows: ROWS,
        state: "equal",
        equal: true,
        differingBuckets: [],
      });
      expect(of(comparison, "public.empty_one")).toMatchObject({ leftRows: 0, rightRows: 0, equal: true });
      expect(seen).toEqual(NAMES.map((name, i) => `${i + 1}/${NAMES.length} ${name}`));
    });

    it("agree while writes go on", async () => {
      const writing = new AbortController();
      let written = 0;
      const writer = (async () => {
        while (!writing.signal.aborted) {
          await pair.sql("left", "insert into writes (key, body) values (gen_random_uuid(), '{}')");
          await pair.sql("left", "update counters set value = value + 1 where name = 'counter-' || 1 + floor(random() * 100)::int");
          written += 1;
          await sleep(10);
        }
      })();
      try {
        await sleep(100);
        const comparison = await compare({ settle: { timeoutMs: 10_000, everyMs: 50 } });
        expect(unequal(comparison)).toEqual([]);
        expect(of(comparison, "public.writes")?.leftRows).toBeGreaterThan(500);
      } finally {
        writing.abort();
        await writer;
      }
      expect(written).toBeGreaterThan(10);
    });

    it("are behind when the time is over, and equal as soon as the replica has caught up", async () => {
      await pair.pauseReplay();
      await pair.sql("left", "insert into writes (key, body) select 'late-' || n, '{}' from generate_series(1, 30) n");
      const behind = await compare({ settle: { timeoutMs: 300, everyMs: 50 } });
      const { leftRows = 0, rightRows = 0, differingBuckets = [] } = of(behind, "public.writes") ?? {};
      expect(of(behind, "public.writes")).toMatchObject({ state: "behind", equal: false });
      expect(leftRows - rightRows).toBe(30);
      expect(differingBuckets.length).toBeGreaterThan(20);
      expect(unequal(behind)).toEqual(["public.writes"]);
      expect(behind.equal).toBe(false);

      const states: string[] = [];
      const after = await compare({
        settle: { timeoutMs: 10_000, everyMs: 50 },
        onTable: ({ table, state }) => {
          if (table !== "public.writes") return;
          states.push(state);
          if (state === "behind") void pair.resumeReplay();
        },
      });
      expect(after.equal).toBe(true);
      expect(states).toEqual(["behind", "equal"]);
    });

    it("are compared without a wait for what never settles", async () => {
      await pair.pauseReplay();
      await pair.sql("left", "create table late (id int primary key)");
      const comparison = await compare();
      expect(comparison).toMatchObject({ onlyLeft: ["public.late"], onlyRight: [], equal: false });
      setTimeout(() => void pair.resumeReplay(), 200);
      expect(await compare({ settle: { timeoutMs: 5_000 } })).toMatchObject({ onlyLeft: [], equal: true });
      await pair.sql("left", "drop table late");
      await pair.caughtUp();
    });
  });

  it("names the tables that the administrator may not read, and what would change that", async () => {
    await pair.sql("left", "create role service_app login password 'x'");
    await pair.sql("left", "grant create on schema public to service_app");
    await pair.root("left", "grant service_app to changeover");
    await pair.sql("left", "set role service_app; create table theirs (id int primary key); insert into theirs values (1)");
    expect(await compare({ settle: { timeoutMs: 5_000 } })).toMatchObject({ equal: true });
    await pair.root("left", "revoke service_app from changeover");
    await expect(compare()).rejects.toThrow(/no permission to read public\.theirs; at the active site: grant service_app to changeover/);
    await pair.root("left", "grant service_app to changeover");
    await pair.caughtUp();
  });

  it("gives a statement no more than its time", async () => {
    const began = performance.now();
    const locked = pair.sql("left", "begin; lock table counters in access exclusive mode; select pg_sleep(3); commit");
    await sleep(100);
    await expect(compare({ statementTimeoutMs: 300 })).rejects.toThrow(
      /comparing public\.counters at 127\.66\.5\.1:5432\/service: .*statement timeout/,
    );
    expect(performance.now() - began).toBeLessThan(2_500);
    await locked;
  });

  describe("that parted", () => {
    const file = (): string => join(folder, "diverged.jsonl");
    interface Line {
      table: string;
      key: unknown;
      left: Record<string, unknown>;
      right: Record<string, unknown> | null;
    }
    const lines = (): string[] => readFileSync(file(), "utf8").trimEnd().split("\n");
    const listed = (table: string): Line[] =>
      lines()
        .slice(1)
        .map((line) => JSON.parse(line) as Line)
        .filter((line) => line.table === table);

    it("are equal still, whatever the other server's settings make of values", async () => {
      await pair.caughtUp();
      await pair.cut();
      await pair.promote();
      for (const setting of [
        "timezone = 'Asia/Tokyo'",
        "datestyle = 'German'",
        "intervalstyle = 'iso_8601'",
        "bytea_output = 'escape'",
        "extra_float_digits = -10",
        "xmlbinary = 'hex'",
        "search_path = 'nowhere'",
        "quote_all_identifiers = on",
      ]) {
        await pair.sql("right", `alter database service set ${setting}`);
      }
      const [shown] = await pair.sql<{ tz: string }>("right", "select tz::text from public.types where tz < 'infinity'");
      expect(shown?.tz).toBe("29.03.2026 09:30:00 JST");
      expect(await compare()).toMatchObject({ equal: true });
      const { rows, tables } = await writeDiverged(pair.address("left"), pair.address("right"), file());
      expect({ rows, tables, lines: lines().length }).toEqual({ rows: 0, tables: [], lines: 1 });
    });

    it("list the rows that were lost, exactly, and the ones that differ; not what was written since", async () => {
      await pair.sql(
        "left",
        `insert into writes (key, body) select 'lost-' || n, jsonb_build_object('n', n) from generate_series(1, 60) n;
         insert into orders select 'lost-' || n, n from generate_series(1, 37) n;
         update counters set value = value + 1000 where name in ('counter-1', 'counter-2');
         insert into no_key values ('w1', 1), ('new', null);
         insert into ${WEIRD} values (9007199254740995, 'a', 't', 'k', 5, 6);
         insert into parted values (3, '2025-07-07');
         insert into types (id, j) values ('00000000-0000-0000-0000-000000000004', e'{"a":\\n 12345678901234567890}');
         update types set f = f + 1e-16, i = i + '1 microsecond' where id = '00000000-0000-0000-0000-000000000001';
         update wide set body = repeat('é', 600000);
         create table only_here (id int primary key, what text);
         insert into only_here select n, 'what ' || n from generate_series(1, 3) n;
         insert into large select n, 'lost', 1, '{}', now() from generate_series(${ROWS} + 1, ${ROWS} + 1200) n`,
      );
      await pair.sql(
        "right",
        `insert into public.writes (key, body) select 'since-' || n, '{}' from generate_series(1, 2000) n;
         insert into public.orders select 'since-' || n, n from generate_series(1, 2000) n;
         update public.counters set value = value + 5 where name in ('counter-2', 'counter-3');
         delete from public.no_key where ctid = (select min(ctid) from public.no_key where who = 'w5');
         insert into public.no_key values ('since', 1);
         create table public.only_there (id int primary key);
         alter table public.empty_one add column since text`,
      );

      const comparison = await compare();
      expect(comparison).toMatchObject({ equal: false, onlyLeft: ["public.only_here"], onlyRight: ["public.only_there"] });
      expect(of(comparison, "public.writes")).toMatchObject({ state: "differs", equal: false });
      expect(of(comparison, "public.large")).toMatchObject({ leftRows: ROWS + 1200, rightRows: ROWS });
      expect(of(comparison, "public.empty_one")).toMatchObject({ equal: true, columns: { onlyLeft: [], onlyRight: ["since"] } });
      expect(unequal(comparison)).toEqual(NAMES.filter((name) => name !== "public.empty_one" && name !== "public.parted_2026"));

      const tables: string[] = [];
      const diverged = await writeDiverged(pair.address("left"), pair.address("right"), file(), {
        onTable: ({ table }) => tables.push(table),
      });
      // Both sides gave some ids to different writes. A promoted database leaves a few out (up to 32: PostgreSQL
      // documentation, 'CREATE SEQUENCE', says why), so these the left side has alone.
      const taken = listed("public.writes").filter(({ right }) => right).length;
      expect(taken).toBeGreaterThan(0);
      expect(diverged.tables).toEqual([
        { table: WEIRD, missing: 1, different: 0 },
        { table: "public.counters", missing: 0, different: 3 },
        { table: "public.large", missing: 1200, different: 0 },
        { table: "public.no_key", missing: 3, different: 0 },
        { table: "public.orders", missing: 37, different: 0 },
        { table: "public.parted_2025", missing: 1, different: 0 },
        { table: "public.types", missing: 1, different: 1 },
        { table: "public.wide", missing: 0, different: 20 },
        { table: "public.writes", missing: 60 - taken, different: taken },
        { table: "public.only_here", missing: 3, different: 0 },
      ]);
      expect(tables).toEqual(diverged.tables.map(({ table }) => table));
      expect(diverged.rows).toBe(1330);
      expect(lines()).toHaveLength(1331);
    });

    it("give both sides of a row, with every digit", () => {
      const numbered = Array.from({ length: 60 }, (_, n) => `lost-${n + 1}`);
      expect(new Set(listed("public.writes").map(({ left }) => left["key"]))).toEqual(new Set(numbered));
      expect(
        listed("public.orders")
          .map(({ left }) => left["code"])
          .sort(),
      ).toEqual(numbered.slice(0, 37).sort());
      const counters = listed("public.counters").sort((a, b) => JSON.stringify(a.key).localeCompare(JSON.stringify(b.key)));
      expect(counters.map(({ key }) => key)).toEqual([{ name: "counter-1" }, { name: "counter-2" }, { name: "counter-3" }]);
      const value = (row: unknown): number => (row as { value: number }).value;
      expect(value(counters[0]?.left) - value(counters[0]?.right)).toBe(1000);
      expect(value(counters[1]?.left) - value(counters[1]?.right)).toBe(995);
      expect(value(counters[2]?.left) - value(counters[2]?.right)).toBe(-5);

      expect(lines().find((line) => line.includes("9007199254740995"))).toBe(
        `{"table":${JSON.stringify(WEIRD)},"key":{"select":"a","Key \\"One\\"":9007199254740995},` +
          `"left":{"Key \\"One\\"":9007199254740995,"select":"a","t":"t","k":"k","row":5,"ROW":6},"right":null}`,
      );
      expect(listed("public.no_key").map(({ key, left, right }) => [key, left["who"], right])).toEqual(
        expect.arrayContaining([
          [null, "w1", null],
          [null, "new", null],
          [null, "w5", null],
        ]),
      );
      expect(listed("public.large").every(({ left }) => left["customer"] === "lost")).toBe(true);
      expect(new Set(listed("public.large").map(({ left }) => left["id"])).size).toBe(1200);
      expect(listed("public.wide").every(({ left, right }) => left["body"] === "é".repeat(600_000) && right?.["body"] === "")).toBe(true);
      const types = listed("public.types");
      expect(types.find(({ right }) => right)).toMatchObject({
        left: {
          a: ["a", null, 'c,"d'],
          b: "\\x00ff10",
          tz: "2026-03-29T00:30:00+00:00",
          big: 9223372036854775807n.toString().length > 0 && expect.anything(),
        },
        right: { b: "\\x00ff10", tz: "2026-03-29T00:30:00+00:00", i: "1 year 2 mons 3 days 04:05:06.789" },
      });
      expect(lines().find((line) => line.includes("000000000004"))).toContain(`{"a":  12345678901234567890}`);
      expect(lines().find((line) => line.includes("000000000001"))).toContain("123456789012345678901234567890.123456789");
    });

    it("are told of in the first line, and the file is the owner's alone", () => {
      const [first = ""] = lines();
      expect(JSON.parse(first)).toEqual({
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        left: { database: "127.66.5.1:5432/service", kind: "primary", flushLsn: expect.stringMatching(/^0\/\w+$/), timeline: 1 },
        right: { database: "127.66.5.2:5432/service", kind: "primary", flushLsn: expect.stringMatching(/^0\/\w+$/), timeline: 2 },
        note: expect.stringContaining("may have been changed"),
      });
      expect(statSync(file()).mode & 0o777).toBe(0o600);
      expect(readdirSync(folder)).toEqual(["diverged.jsonl"]);
    });

    it("are told apart from a pair that is only behind: what differs for good does not use up the time", async () => {
      const comparison = await compare({ settle: { timeoutMs: 10 * 60_000, everyMs: 20 } });
      expect(of(comparison, "public.counters")).toMatchObject({ state: "differs", leftRows: 100, rightRows: 100 });
      expect(of(comparison, "public.counters")?.differingBuckets).toHaveLength(3);
      expect(of(comparison, "public.parted_2026")).toMatchObject({ state: "equal" });
    }, 120_000);

    it("keep values out of errors, and leave the earlier file alone when something goes wrong", async () => {
      const before = readFileSync(file(), "utf8");
      // A type whose JSON form fails, and says on what.
      await pair.sql(
        "left",
        `create type pii as enum ('Samia Personal');
         create function pii_json(p pii) returns json language plpgsql as $$ begin raise exception 'no json for %', p; end $$;
         create cast (pii as json) with function pii_json(pii);
         create table persons (id int primary key, who pii)`,
      );
      await pair.sql("left", `insert into persons values (1, 'Samia Personal')`);
      await expect(pair.sql("left", "select row_to_json(p) from persons p")).rejects.toThrow("Samia Personal");
      const error: unknown = await writeDiverged(pair.address("left"), pair.address("right"), file()).catch((reason: unknown) => reason);
      expect((error as Error).message).toBe("fetching rows of public.persons at 127.66.5.1:5432/service: SQLSTATE P0001");
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain("Samia");
      expect(readFileSync(file(), "utf8")).toBe(before);
      expect(readdirSync(folder)).toEqual(["diverged.jsonl"]);
      await pair.sql("left", "drop table persons");
      await expect(writeDiverged(pair.address("left"), pair.address("right"), join(folder, "no", "file"))).rejects.toThrow(/ENOENT/);
    });

    describe("is given back what only the other has", () => {
      const steps = new StepList(true);
      const put = (tables: string[], check?: string) => putRows(pair.address("right"), file(), tables, { check, name: "a test", steps });
      const missing = async (): Promise<string[]> =>
        [...(await countRows(file()))].flatMap(([table, count]) => (count.missing > 0 && table !== "public.only_here" ? [table] : []));

      it("not a row of it while the check does not hold with it, or writes are paused", async () => {
        const tables = await missing();
        const before = await pair.sql("right", "select count(*) from public.large");
        await expect(put(tables, "select count(*) = 0 from public.orders where code like 'lost-%'")).rejects.toThrow(
          /the check does not hold with these rows in: none was put in/,
        );
        await pair.sql("right", "alter database service set default_transaction_read_only = on");
        await expect(put(tables)).rejects.toThrow(/writes are paused or fenced there: none of the rows was put in/);
        await pair.sql("right", "alter database service reset default_transaction_read_only");
        expect(await pair.sql("right", "select count(*) from public.large")).toEqual(before);
      });

      it("every row, with every digit, also where one refers to another", async () => {
        await pair.sql(
          "right",
          `create table public.items (id int primary key, code text not null references public.orders);
           alter table public.large add column doubled numeric generated always as (amount * 2) stored, add column note text default 'new'`,
        );
        await pair.sql(
          "left",
          "create table items (id int primary key, code text not null); insert into items values (1, 'lost-1'), (2, 'lost-2')",
        );
        await writeDiverged(pair.address("left"), pair.address("right"), file());
        const tables = await missing();
        expect(tables.indexOf("public.items")).toBeLessThan(tables.indexOf("public.orders"));
        const counts = await countRows(file());
        const inserted = await put(tables, "select count(*) = 37 from public.orders where code like 'lost-%'");
        expect(Object.fromEntries(inserted)).toEqual(Object.fromEntries(tables.map((table) => [table, counts.get(table)?.missing])));

        const left = await writeDiverged(pair.address("left"), pair.address("right"), file());
        expect(left.tables.filter((one) => one.missing > 0)).toEqual([{ table: "public.only_here", missing: 3, different: 0 }]);
        expect(await pair.sql("right", "select distinct doubled::text, note from public.large where id > $1", [ROWS])).toEqual([
          { doubled: "2", note: "new" },
        ]);
        expect(Object.fromEntries(await put(["public.items", "public.orders"]))).toEqual({ "public.items": 0, "public.orders": 0 });
      });

      it("nothing where one row of it cannot be, and no value in what is said", async () => {
        await pair.sql("left", "insert into items values (3, 'Samia Personal')");
        await writeDiverged(pair.address("left"), pair.address("right"), file());
        const error: unknown = await put(["public.items"]).catch((reason: unknown) => reason);
        expect((error as Error).message).toMatch(/SQLSTATE 23503 \(items, items_code_fkey\); none was put in/);
        expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain("Samia");
        await pair.sql("right", "drop table public.items");
        await pair.sql("left", "drop table items");
      });

      it("a file that is none of the kind is named", async () => {
        for (const [text, message] of [
          ["", /--rows.*it is empty/],
          ["{}\n", /its line 1 is none/],
          [`${lines()[0] ?? ""}\n{"table":1}\n`, /its line 2 is none/],
        ] as const) {
          const path = join(folder, "other");
          writeFileSync(path, text);
          await expect(countRows(path)).rejects.toThrow(message);
          rmSync(path);
        }
        await expect(countRows(join(folder, "nowhere"))).rejects.toThrow(/--rows.*a file that can be read/);
      });
    });

    it("moves the sequences on, so that no number is given out twice", async () => {
      const last = async (side: "left" | "right") =>
        (await pair.sql<{ last: string }>(side, "select last_value::text as last from public.writes_id_seq"))[0]?.last;
      await pair.sql("left", "select setval('public.writes_id_seq', 9007199254740993)");
      expect(await advanceSequences(pair.address("left"), pair.address("right"))).toBe(1);
      expect(await last("right")).toBe("9007199254740993");
      await pair.sql("right", "select nextval('public.writes_id_seq')");
      expect([await advanceSequences(pair.address("left"), pair.address("right")), await last("left"), await last("right")]).toEqual([
        0,
        "9007199254740993",
        "9007199254740994",
      ]);
      expect(await last("right")).toBe("9007199254740994");
    });

    it("are gone through in bounded memory", async () => {
      // Every row of the large table differs: they are all fetched, from both sides.
      await pair.sql("right", "update public.large set amount = amount + 1");
      const peak = await highest(async () => {
        const { rows } = await writeDiverged(pair.address("left"), pair.address("right"), file());
        expect(rows).toBeGreaterThan(ROWS);
      });
      expect(statSync(file()).size).toBeGreaterThan(80_000_000);
      expect(peak).toBeLessThan(250);
    }, 120_000);
  });
});

/** How much the memory of this process grew at most, in MB. */
async function highest(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return (most - before) / 1e6;
}
