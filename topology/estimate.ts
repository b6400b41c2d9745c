import type { Loss } from "./estimate/losses";
import { failover, recoveryOf } from "./estimate/recoveries";
import { schedule, type Scheduled } from "./estimate/schedule";
import type { DisasterName, SiteName, Topology } from "./schema";

/** What the topology and published figures predict on AWS. Times in milliseconds. */
export interface Prediction {
  /** Disaster to the write read back. */
  rtoMs: number;
  /** How old the newest copy of what is lost may be. */
  rpoMs: number;
  /** Those that are critical add up to `rtoMs`. */
  segments: Scheduled[];
  /** The largest is `rpoMs`. */
  losses: Loss[];
}

export interface Estimate {
  disaster: DisasterName;
  title: string;
  /** Site that takes over, where the topology names one. */
  site?: SiteName;
  objective: { rtoMs: number; rpoMs: number };
  /** `null` where nothing can be said; `why` then says why. */
  predicted: Prediction | null;
  why?: string;
}

/** RTO and RPO of every disaster of the topology. */
export function estimates(topology: Topology): Estimate[] {
  return (Object.keys(topology.disasters) as DisasterName[]).map((disaster) => {
    const { title, rto, rpo, recovery } = topology.disasters[disaster];
    const found = recoveryOf(topology, disaster);
    return {
      disaster,
      title,
      ...(recovery.site !== undefined && { site: recovery.site }),
      objective: { rtoMs: rto, rpoMs: rpo },
      ...(typeof found === "string" ? { predicted: null, why: found } : { predicted: predict(found) }),
    };
  });
}

/** A failover to a warm standby, from the decision on: what `plan` and a drill say of AWS. Milliseconds. */
export function estimateFailover(topology: Topology): { promoteMs: number; rtoMs: number; rpoMs: number } {
  const { segments, rtoMs, rpoMs } = predict(failover(topology, "regional-outage"));
  const of = (name: string): Scheduled | undefined => segments.find((segment) => segment.name === name);
  return { promoteMs: of("promote")?.ms ?? 0, rtoMs: rtoMs - (of("decide")?.endsMs ?? 0), rpoMs };
}

/** An activation of a cold site, from the decision on. Milliseconds. @throws RangeError where the topology has none */
export function estimateActivation(topology: Topology): { rtoMs: number; rpoMs: number } {
  const found = recoveryOf(topology, "multi-region-outage");
  if (typeof found === "string") throw new RangeError(found);
  const { segments, rtoMs, rpoMs } = predict(found);
  return { rtoMs: rtoMs - (segments.find(({ name }) => name === "decide")?.endsMs ?? 0), rpoMs };
}

function predict({ segments, losses }: ReturnType<typeof failover>): Prediction {
  const { segments: scheduled, ms } = schedule(segments);
  return { rtoMs: ms, rpoMs: Math.max(...losses.map((loss) => loss.ms)), segments: scheduled, losses };
}
