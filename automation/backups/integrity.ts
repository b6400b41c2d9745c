import { z } from "zod";
import { INTEGRITY_METRIC } from "../../topology/names";
import { sitesThatAre } from "../../topology/roles";
import type { SiteName, Topology } from "../../topology/schema";
import type { Environment } from "../facts";
import { Objects } from "../objects";
import { putMetric } from "../probes/metrics";
import { faults } from "./copies";
import type { BackupReport } from "./verify";

/** What the last look at the copies found; the newest one is kept where the copies are that survive both warm regions. */
const Record = z.strictObject({
  /** When the look began. */
  at: z.iso.datetime(),
  sound: z.boolean(),
  /** What was wrong, in words. */
  problems: z.array(z.string()),
  /** When a snapshot was last restored and found to have everything; `null`: never. */
  testedAt: z.iso.datetime().nullable(),
});
export type IntegrityRecord = z.infer<typeof Record>;

/** The same, as it is shown. */
export interface Integrity extends IntegrityRecord {
  /** Two looks should have been since. */
  late: boolean;
}

const KEY = "integrity/latest.json";

/** Where looks are recorded, and their alarm rings: the first cold site; where there is none, the last of the chain. */
export function watchedFrom(topology: Topology): SiteName {
  return sitesThatAre("cold", topology)[0] ?? topology.chain.at(-1) ?? "";
}

/** A report in short. @param before the record of the look before @param tested whether a snapshot was to be restored */
export function recordOf(report: BackupReport, began: Date, before: IntegrityRecord | undefined): IntegrityRecord {
  const { copies, verdicts, tested, sound } = report;
  const failed = tested !== null && ("failed" in tested || !tested.comparison.equal);
  return {
    at: began.toISOString(),
    sound,
    problems: [
      ...faults(copies, ({ id, site }) => `${id} at ${site} works`),
      ...verdicts.flatMap(({ data, met }) => (met ? [] : [`3-2-1 of ${data} is missed`])),
      ...(tested && "failed" in tested ? [`restore test: ${tested.failed}; ${tested.alternative}`] : []),
      ...(tested && "comparison" in tested && failed ? [`restore test: ${tested.id} at ${tested.site} is not what the database was`] : []),
    ],
    testedAt: tested === null || failed ? (before?.testedAt ?? null) : began.toISOString(),
  };
}

/** Whether a snapshot is to be restored at this look. */
export function testDue({ backups }: Topology, before: IntegrityRecord | undefined, now: Date): boolean {
  const testedAt = before?.testedAt ?? null;
  return testedAt === null || now.getTime() - Date.parse(testedAt) >= backups.testInterval;
}

/** @returns `undefined` where nobody ever looked @throws where S3 does not answer, or the record is none */
export async function readIntegrity({ topology, names }: Environment, now = new Date()): Promise<Integrity | undefined> {
  const site = watchedFrom(topology);
  const objects = new Objects(topology.sites[site]?.region ?? "");
  try {
    const text = await objects.get(names.site(site).controlBucket, KEY);
    if (text === undefined) return undefined;
    const record = Record.parse(JSON.parse(text));
    return { ...record, late: now.getTime() - Date.parse(record.at) > 2 * topology.backups.verifyInterval };
  } finally {
    objects.close();
  }
}

/** Keeps a record, and tells the alarm: it rings where the copies are not sound, and where nobody tells it anything. */
export async function keepIntegrity({ topology, names }: Environment, record: IntegrityRecord): Promise<void> {
  const site = watchedFrom(topology);
  const region = topology.sites[site]?.region ?? "";
  const objects = new Objects(region);
  try {
    await objects.put(names.site(site).controlBucket, KEY, `${JSON.stringify(record, null, 2)}\n`);
  } finally {
    objects.close();
  }
  const { namespace, metric, dimension } = INTEGRITY_METRIC;
  await putMetric(region, { namespace, metric, dimensions: { [dimension]: names.audit }, value: record.sound ? 1 : 0 });
}
