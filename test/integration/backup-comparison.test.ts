import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareWithBackup, type BackupComparison } from "../../automation/comparison/backup";
import { ServerPair } from "./server-pair";

/** `left` goes on, `right` is as it was at a moment: what a restored backup is. */
describe("a backup and the database that it was made of", () => {
  let pair: ServerPair;

  beforeAll(async () => {
    pair = await ServerPair.start();
    await pair.sql(
      "left",
      `create table public.orders (code text primary key, amount numeric not null check (amount >= 0));
       insert into public.orders select 'order-' || n, n from generate_series(1, 2000) n;
       create table public.counters (name text primary key, value bigint not null);
       insert into public.counters select 'counter-' || n, 0 from generate_series(1, 100) n;
       create table public.no_key (who text);
       insert into public.no_key select 'w' || n % 3 from generate_series(1, 9) n;
       create view public.seen as select code from public.orders;
       create function public.twice(n int) returns int language sql as 'select 2 * n'`,
    );
    await pair.sql("left", "vacuum (freeze) public.counters");
    await pair.caughtUp();
    await pair.cut();
    await pair.promote();
  }, 120_000);
  afterAll(() => pair.dispose());

  const compare = (): Promise<BackupComparison> => compareWithBackup(pair.address("left"), pair.address("right"));
  const wrong = ({ tables }: BackupComparison) => tables.filter(({ missing, different }) => missing + different > 0);

  it("agree on all that was there then, whatever has become of it since", async () => {
    await pair.sql(
      "left",
      `insert into public.orders select 'since-' || n, n from generate_series(1, 500) n;
       update public.orders set amount = amount + 1 where code in ('order-1', 'order-2');
       delete from public.orders where code = 'order-3';
       update public.counters set value = 1 where name = 'counter-1';
       insert into public.no_key values ('w1');
       create table public.younger (id int primary key); insert into public.younger values (1);
       alter table public.counters add column note text; create index on public.orders (amount);
       create or replace function public.twice(n int) returns int language sql as 'select n + n'`,
    );
    const found = await compare();
    expect(found).toMatchObject({ equal: true, schema: [], lsn: expect.stringMatching(/^\w+\/\w+$/) });
    expect(found.tables.map(({ table, rows }) => [table, rows])).toEqual([
      ["public.counters", 100],
      ["public.no_key", 9],
      ["public.orders", 2000],
    ]);
  });

  it("agree also where the restored one has had transactions of its own, with numbers that the source gave to others", async () => {
    await pair.sql("right", "create table public.own (id int)");
    for (let i = 0; i < 20; i++) await pair.sql("right", "insert into public.own values (1)");
    for (let i = 0; i < 20; i++) await pair.sql("left", `insert into public.orders values ('late-${i}', 1)`);
    expect(await compare()).toMatchObject({ equal: true, schema: [] });
    await pair.sql("right", "drop table public.own");
  });

  it("differ by a row that it has not, one that it has otherwise, and parts of the schema", async () => {
    await pair.sql(
      "right",
      `delete from public.orders where code in ('order-7', 'order-8');
       update public.counters set value = -1 where name = 'counter-9';
       delete from public.no_key where ctid = (select min(ctid) from public.no_key where who = 'w2');
       drop view public.seen; alter table public.orders drop constraint orders_amount_check`,
    );
    const found = await compare();
    expect(wrong(found)).toEqual([
      { table: "public.counters", rows: 100, missing: 0, different: 1 },
      { table: "public.no_key", rows: 8, missing: 1, different: 0 },
      { table: "public.orders", rows: 1998, missing: 2, different: 0 },
    ]);
    expect(found).toMatchObject({ equal: false, schema: ["constraint public.orders_amount_check on public.orders", "view public.seen"] });
    await pair.sql("right", "drop table public.no_key");
    expect((await compare()).schema).toContain("column public.no_key.who");
  });
});
