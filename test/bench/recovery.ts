import type { MoveReport, RestoreReport } from "../../automation/changeover/report";
import { asAdmin, databaseOf } from "../../automation/changeover/sites";
import { Restores } from "../../automation/probes/restores";
import { sitesThatAre } from "../../topology/roles";
import { askLab } from "../../lab/control";
import { Stage } from "../../lab/drill/stage";
import type { BenchLab } from "./lab";

/** Recoveries from what was kept of a database of `bytes`. Milliseconds, from the start of the command to the write that was read back. */
export interface Recovery {
  bytes: number;
  /** To a point in time. */
  restoreMs: number;
  /** At the cold site, with both warm regions lost. */
  activationMs: number;
}

/** 1 GiB in rows too short to be compressed. */
const ROWS = 1_048_576;
const FILL = `create table public.bench_rows (id bigint primary key, body text not null);
insert into public.bench_rows select id, repeat(md5(id::text), 30) from generate_series(1, ${ROWS}) as id`;
const FILL_MS = 600_000;

/** Fills the database, restores it to a moment, then loses both warm regions and activates the cold site. The service stays there. */
export async function recover(lab: BenchLab): Promise<Recovery> {
  const { active, standby } = await lab.roles();
  const { workspace } = lab.env;
  const facts = await lab.factsOf(active);
  const address = databaseOf(facts, await workspace.secrets(active));
  const { bytes, moment } = await lab.step("Fill the database with 1 GiB", () =>
    asAdmin(
      address,
      async (client) => {
        await client.query(FILL);
        const { rows } = await client.query<{ bytes: string; now: Date }>(
          "select pg_database_size(current_database()) as bytes, clock_timestamp() as now",
        );
        const [found] = rows;
        if (!found) throw new Error("PostgreSQL does not tell the size of its database");
        return { bytes: Number(found.bytes), moment: found.now };
      },
      FILL_MS,
    ),
  );
  const restores = new Restores(lab.regionOf(active));
  try {
    const identifier = facts.database?.identifier ?? "";
    await lab.step("Wait until RDS keeps it", () =>
      lab.until(`RDS to keep ${identifier} up to ${moment.toISOString()}`, 500, async () => {
        const window = await restores.window(identifier);
        return window !== undefined && window.latest >= moment;
      }),
    );
  } finally {
    restores.close();
  }
  const restored = await lab.step(
    `Restore ${active} to the moment after`,
    () => lab.changeover<RestoreReport>(["restore", "--site", active, "--to", moment.toISOString(), "--yes"]),
    ({ report }) => `${report.recoveredMs} ms`,
  );
  await lab.step(`Protect ${active} by ${standby} again`, () => lab.reprotect(standby));

  const [cold] = sitesThatAre("cold", lab.topology);
  if (cold === undefined) throw new Error("the topology has no cold site");
  const stage = await Stage.open(lab.folder, { mode: "stop", quiet: true, signal: lab.signal });
  await lab.step(`A copy of it reaches ${cold}`, () => stage.copied(cold));
  for (const region of [active, standby]) await askLab("POST", "/outage", { region, mode: "stop" });
  const lost = ["--unreachable", `${active},${standby}`, "--accept-unfenced", "the bench took both away"];
  const activated = await lab.step(
    `Activate ${cold}`,
    () => lab.changeover<MoveReport>(["failover", "--to", cold, ...lost, "--yes"]),
    ({ report }) => `${report.recoveredMs} ms`,
  );
  return { bytes, restoreMs: restored.report.recoveredMs, activationMs: activated.report.recoveredMs };
}
