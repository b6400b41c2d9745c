import { formatDuration } from "../../topology/duration";
import { paint, table } from "../output";
import { faults, STORAGES, type Verdict } from "./copies";
import type { RestoreTest } from "./restore-test";
import type { BackupReport } from "./verify";

/** The report as a person reads it. */
export function describeBackups({ environment, copies, verdicts, tested, sound }: BackupReport): string {
  const problems = faults(copies, ({ id, site, at }) => `the newest that works: ${id} at ${site}, up to ${at ?? ""}`).map((fault) =>
    paint.red(fault),
  );
  return [
    table(
      ["DATA", "SITE", "KEPT IN", "UP TO", "AGE", "MAY BE", "READ"],
      copies.map(({ data, site, storage, live, at, ageMs, rpo, read, problems: wrong }) => [
        data,
        site,
        live ? `${STORAGES[storage]} (live)` : STORAGES[storage],
        at ?? "-",
        ageMs === null ? "-" : wrong.length > 0 ? paint.red(formatDuration(ageMs)) : formatDuration(ageMs),
        rpo === null ? "-" : formatDuration(rpo.ms),
        read,
      ]),
    ),
    ...(problems.length > 0 ? [problems.join("\n")] : []),
    verdicts.map(describeVerdict).join("\n"),
    ...(tested ? [describeTest(tested)] : []),
    sound
      ? paint.green(`${environment}: every copy can be relied on`)
      : paint.red(`${environment}: not every copy can be relied on; exit code 5`),
  ].join("\n\n");
}

function describeVerdict({ data, copies, storages, offSite, met }: Verdict): string {
  const text = `3-2-1 of ${data}: ${copies} copies in ${storages.length} kinds of storage, ${offSite} off-site`;
  return met ? `${text}: ${paint.green("met")}` : `${text}: ${paint.red("missed")}`;
}

function describeTest(tested: RestoreTest | { failed: string; alternative: string }): string {
  if ("failed" in tested) return paint.red(`restore test failed: ${tested.failed}; ${tested.alternative}`);
  const { site, id, at, restoredMs, comparison } = tested;
  const { tables, schema, lsn, equal, tookMs } = comparison;
  const wrong = [
    ...tables.flatMap(({ table: name, missing, different }) =>
      missing + different > 0 ? [`${name}: ${missing} rows of then missing, ${different} different`] : [],
    ),
    ...schema.map((name) => `${name}: is not in it, or otherwise`),
  ];
  return [
    `restore test: ${id} at ${site}, of ${at}, LSN ${lsn}; restored in ${formatDuration(restoredMs)}, compared in ${formatDuration(tookMs)}`,
    table(
      ["TABLE", "ROWS", "MISSING", "DIFFERENT"],
      tables.map(({ table: name, rows, missing, different }) => [name, String(rows), String(missing), String(different)]),
    ),
    ...wrong.map((line) => paint.red(line)),
    equal ? paint.green("every row that was there when it was taken is in it, as it was") : paint.red("it is not what the database was"),
  ].join("\n");
}
