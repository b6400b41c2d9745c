import { retrievalTime, retrievalWithin } from "../archive";
import { formatDuration } from "../duration";
import { phasesOf } from "../phases";
import type { DisasterName, Topology } from "../schema";
import { FIGURES } from "./figures";
import type { Segment } from "./schedule";

/** The segments that recoveries are made of. Each says itself what it waits for, unless that differs. */

/** Health checks turn. */
export function detect({ traffic: { healthInterval, healthFailures } }: Topology): Segment {
  return {
    name: "detect",
    ms: healthInterval * healthFailures,
    from: `traffic.healthInterval ${formatDuration(healthInterval)} × traffic.healthFailures ${healthFailures}`,
    figures: ["healthCheck"],
  };
}

/** Resolvers forget the lost site; DNS leads to the next one without anybody's doing. */
export function resolvers({ traffic: { ttl } }: Topology): Segment {
  return { name: "resolvers", ms: ttl, from: `traffic.ttl ${formatDuration(ttl)}`, figures: ["alias"], after: ["detect"] };
}

/** What is left of the runbook's assessment once the checks have turned. */
export function decide(topology: Topology, disaster: DisasterName): Segment {
  const { automation } = topology.disasters[disaster];
  const { phases, path } = phasesOf(topology, disaster);
  const { from, to } = phases.assessment;
  const asked = automation !== "full";
  return {
    name: "decide",
    ms: asked ? Math.max(0, to - from - detect(topology).ms) : 0,
    from: asked ? `${path}.assessment ${formatDuration(to - from)}, less detect` : `disasters.${disaster}.automation full: nobody is asked`,
    figures: ["schedule"],
    after: ["detect"],
  };
}

/** The whole of it: no health check tells of an intrusion, and what people need until they notice is in nobody's figures. */
export function assess(topology: Topology, disaster: DisasterName): Segment {
  const {
    phases: { assessment },
    path,
  } = phasesOf(topology, disaster);
  const ms = Math.max(0, assessment.to - assessment.from);
  return { name: "decide", ms, from: `${path}.assessment ${formatDuration(ms)}, once somebody has noticed`, figures: ["schedule"] };
}

/** The driver's own work; the site that is left takes no writes from here on. */
export function fence(): Segment {
  return figure("fence", "driver", "the driver up to the promotion", ["decide"]);
}

/** A replica becomes the database of the active site. */
export function promote(): Segment {
  return {
    name: "promote",
    ms: Math.max(FIGURES.promotion.ms, FIGURES.provider.ms),
    from: `RDS ${formatDuration(FIGURES.promotion.ms)}, not less than the provider's waiting ${formatDuration(FIGURES.provider.ms)}`,
    figures: ["promotion", "provider"],
    after: ["fence"],
  };
}

/** A new database from a copy. */
export function restore(after: string): Segment {
  return {
    name: "restore",
    ms: Math.max(FIGURES.restore.ms, FIGURES.provider.ms),
    from: `RDS ${formatDuration(FIGURES.restore.ms)}, not less than the provider's waiting ${formatDuration(FIGURES.provider.ms)}`,
    figures: ["restore", "provider"],
    after: [after],
  };
}

/** What was restored is looked through before it takes writes. */
export function validate({ database: { storageGb } }: Topology): Segment {
  return {
    name: "validate",
    ms: storageGb * FIGURES.loading.ms,
    from: `database.storageGb ${storageGb} × ${formatDuration(FIGURES.loading.ms)}`,
    figures: ["loading"],
    after: ["restore"],
  };
}

/** Tiers 0 and 1, which a changeover waits for, and those that come after the verified write. */
export function services({ tiers }: Topology, after: string): Segment[] {
  const of = (name: string, count: number, waitsFor: string): Segment => ({
    name,
    ms: count * FIGURES.tier.ms,
    from: `${count} of ${tiers.length} tiers × ${formatDuration(FIGURES.tier.ms)}`,
    figures: ["tier"],
    after: [waitsFor],
  });
  const first = tiers.filter(({ tier }) => tier <= 1).length;
  return [of("services", first, after), { ...of("other tiers", tiers.length - first, "services"), later: true }];
}

/** The takeover switch, on before the promotion, keeps the sites before this one out of DNS, also where they still answer. */
export function traffic(topology: Topology): Segment {
  return { name: "traffic", ...turned(topology, "takeoverFailures"), after: ["fence"] };
}

/** A site that was dormant answers. */
export function awake(topology: Topology): Segment {
  return { name: "health check", ...turned(topology, "healthFailures"), after: ["services"] };
}

/** A health check has changed its mind, and resolvers have forgotten what they were told before. */
function turned(
  { traffic: settings }: Topology,
  failures: "healthFailures" | "takeoverFailures",
): Pick<Segment, "ms" | "from" | "figures"> {
  const { healthInterval, ttl } = settings;
  return {
    ms: healthInterval * settings[failures] + ttl,
    from: `traffic.healthInterval ${formatDuration(healthInterval)} × traffic.${failures} ${settings[failures]} + traffic.ttl ${formatDuration(ttl)}`,
    figures: ["healthCheck", "alias"],
  };
}

/** Records that lead to a site which was not in the chain. */
export function records({ traffic: { ttl } }: Topology): Segment {
  return {
    name: "traffic",
    ms: FIGURES.recordChange.ms + ttl,
    from: `Route 53 ${formatDuration(FIGURES.recordChange.ms)} + traffic.ttl ${formatDuration(ttl)}`,
    figures: ["recordChange", "alias"],
    after: ["build"],
  };
}

export function build(): Segment {
  return figure("build", "build", "a clean site, from nothing", ["fence"]);
}

/** Objects that have moved to the archive's class, by retrieval; those that have not are there at once. */
export function archive({ storage: { archiveAfter, archiveClass }, disasters }: Topology, disaster: DisasterName): Segment {
  const tier = retrievalWithin(archiveClass, disasters[disaster].rto);
  const how = tier === "none" ? "read at once" : `by ${tier} retrieval`;
  return {
    name: "archive",
    ms: tier === "none" ? 0 : (retrievalTime(archiveClass, tier)?.toMs ?? 0),
    from: `objects older than storage.archiveAfter ${formatDuration(archiveAfter)}, in storage.archiveClass ${archiveClass}, ${how}`,
    figures: ["retrieval"],
    after: ["fence"],
    later: true,
  };
}

export function verify(after: string[]): Segment {
  return figure("verify", "write", FIGURES.write.what, after);
}

function figure(name: string, of: "driver" | "build" | "write", from: string, after: string[]): Segment {
  return { name, ms: FIGURES[of].ms, from, figures: [of], after };
}
