import type { DisasterName, SiteName, Topology } from "../topology/schema";
import type { CopyTarget } from "./changeover/copies";
import { openingOf } from "./changeover/incident";
import { journalsIn } from "./changeover/incidents";
import { Refused } from "./errors";
import { evidenceFolder, readCopiedEvidence, readEvidence, type DrillRecord, type Found } from "./evidence";
import { readJournal, type JournalEntry } from "./journal";

/** What was once measured of a disaster's objectives, by a drill or in earnest. */
export interface Measured {
  disaster: DisasterName;
  kind: "drill" | "failover";
  /** Scenario of the drill, or the incident. */
  name: string;
  /** When it began, ISO 8601. */
  at: string;
  /** `lab`, or the environment. */
  where: string;
  /** Milliseconds; `null`: the service did not come back. */
  rtoMs: number | null;
  /** Milliseconds; `null`: not measured. */
  rpoMs: number | null;
}

/**
 * All that is known of an environment: its drills and failovers on this machine.
 * @param bucket whose drills are taken in as well; @default no region is asked @throws Refused where it cannot be read
 */
export async function gatherEvidence(
  topology: Topology,
  environment: string,
  bucket?: CopyTarget,
): Promise<{ measured: Measured[]; broken: Found["broken"] }> {
  const here = readEvidence(evidenceFolder(environment));
  const there = bucket ? await copied(bucket) : { drills: [], broken: [] };
  const drills = [...here.drills, ...there.drills];
  const failovers = measuredByFailovers(topology, environment, drills);
  return {
    measured: [...measuredByDrills(topology, drills), ...failovers.measured],
    broken: [...here.broken, ...there.broken, ...failovers.broken],
  };
}

async function copied(bucket: CopyTarget): Promise<Found> {
  try {
    return await readCopiedEvidence(bucket);
  } catch (error) {
    const problem = `the drills in ${bucket.bucket} cannot be read: ${(error as Error).message}`;
    throw new Refused(problem, "name another site, or leave --from-control-bucket out: what this machine has is read without it");
  }
}

/** What drills measured of disasters that the topology has. */
export function measuredByDrills({ disasters }: Topology, drills: readonly DrillRecord[]): Measured[] {
  return drills.flatMap(({ scenario, startedAt, where, measured }) =>
    measured
      .filter(({ disaster }) => disaster in disasters)
      .map(({ disaster, rtoMs, rpoMs }) => ({
        disaster: disaster as DisasterName,
        kind: "drill" as const,
        name: scenario,
        at: startedAt,
        where,
        rtoMs,
        rpoMs,
      })),
  );
}

/**
 * What finished failovers measured, by their journals on this machine. How much was lost only a drill's clients can tell.
 * @param drills incidents that were part of one are left out
 */
export function measuredByFailovers(
  topology: Topology,
  environment: string,
  drills: readonly DrillRecord[],
): { measured: Measured[]; broken: Found["broken"] } {
  const practised = new Set(drills.flatMap(({ incidents }) => incidents));
  const measured: Measured[] = [];
  const broken: Found["broken"] = [];
  for (const { id, file, partial } of journalsIn(environment)) {
    if (partial || practised.has(id)) continue;
    try {
      measured.push(...measuredBy(topology, environment, id, readJournal(file)));
    } catch (error) {
      broken.push({ file, why: (error as Error).message });
    }
  }
  return { measured, broken };
}

function measuredBy(topology: Topology, environment: string, id: string, entries: JournalEntry[]): Measured[] {
  const [first] = entries;
  if (first?.event !== "opened" || !entries.some(({ event }) => event === "finished")) return [];
  const { kind, request, environment: of } = openingOf(entries);
  const verified = entries.findLast(({ event, step }) => event === "end" && step === "verify");
  // CHANGEOVER_JOURNALS may be one folder for several environments.
  if (kind !== "failover" || of !== environment || !verified) return [];
  const at = typeof request["outageSince"] === "string" ? request["outageSince"] : first.at;
  const rtoMs = Math.max(0, Date.parse(verified.at) - Date.parse(at));
  return recoveredAt(topology, String(request["to"])).map((disaster) => ({
    disaster,
    kind: "failover",
    name: id,
    at,
    where: environment,
    rtoMs,
    rpoMs: null,
  }));
}

/** The disasters that are recovered from by a failover to this site. */
function recoveredAt({ disasters }: Topology, to: SiteName): DisasterName[] {
  return (Object.keys(disasters) as DisasterName[]).filter((name) => {
    const { kind, site } = disasters[name].recovery;
    return site === to && kind === "cross-region";
  });
}
