import { BadInput } from "../../topology/errors";
import type { Activation } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import { follows, isLeft, isProtectedBy, standsBy, takesOver, withGeneration, type StackConfig } from "../changeover/config";
import { coldStart, type ColdStart } from "../cold-start";
import { Refused } from "../errors";
import { factsOf, latestActivation, type Environment, type SiteFacts } from "../facts";

/** What can be planned. A failback is a switchover home; an activation is a failover to a cold site. */
export const PLAN_KINDS = ["failover", "switchover", "failback", "reprotect", "restore"] as const;
export type PlanKind = (typeof PLAN_KINDS)[number];

export interface PlanRequest {
  kind: PlanKind;
  /** Site that takes over, that is rebuilt, or whose database is restored. @default of a failback: home */
  to?: SiteName | undefined;
  /** Site that is left. @default the active one, and nothing else may be said */
  from?: SiteName | undefined;
  /** Sites that are lost. */
  unreachable: SiteName[];
}

/** What a changeover does to the stacks. */
export interface Changes {
  from: SiteName;
  to: SiteName;
  next: Activation;
  /** Parts in the order in which they are updated, with the config that each is given. */
  stacks: [part: string, config: StackConfig][];
  /** What a cold site would begin with. */
  cold?: ColdStart;
}

/** @throws BadInput, Refused where there is no such changeover */
export async function changesOf(env: Environment, facts: SiteFacts[], { kind, unreachable, ...request }: PlanRequest): Promise<Changes> {
  const { topology } = env;
  const current = latestActivation(topology, facts);
  const { activeSite: active } = current;
  const to = request.to ?? (kind === "failback" ? topology.home : undefined);
  if (to === undefined) throw new BadInput([{ path: "--to", value: undefined, message: "given, but for a failback" }]);
  checkSites(env, [
    ["--to", to],
    ["--from", request.from ?? active],
    ...unreachable.map((site): [string, string] => ["--unreachable", site]),
  ]);
  if (request.from !== undefined && request.from !== active) {
    throw new Refused(
      `${request.from} is not the active site; ${active} is, since epoch ${current.epoch}`,
      `--from ${active}, or leave it out`,
    );
  }
  if (kind === "restore" ? to !== active : to === active) {
    throw new Refused(
      kind === "restore" ? `${to} is not the active site; ${active} is` : `${to} is the active site already, since epoch ${current.epoch}`,
      kind === "restore" ? `--to ${active}` : "plan a changeover to another site",
    );
  }
  const own = factsOf(facts, to).activation;
  const old = factsOf(facts, active).activation;
  const generation = own?.generation ?? 1;
  const next: Activation = { activeSite: to, epoch: current.epoch + 1 };
  if (kind === "reprotect") {
    const rebuilt = {
      active,
      epoch: current.epoch,
      generation: generation + 1,
      retained: withGeneration(own?.retained ?? [], generation),
      sourceGeneration: old?.generation ?? 1,
    };
    return {
      from: active,
      to,
      next: current,
      stacks: [
        [to, standsBy(rebuilt)],
        [active, isProtectedBy(to)],
      ],
    };
  }
  if (kind === "restore") {
    const config = {
      ...takesOver(next),
      generation: String(generation + 1),
      retained: withGeneration(own?.retained ?? [], generation),
      // RDS makes it and the stack takes it over; before that nobody knows its number.
      snapshot: "a-moment-of-the-damaged-one",
    };
    return { from: active, to, next, stacks: [[to, config]] };
  }
  const cold = topology.sites[to]?.standby === "cold" ? await coldStart(env, facts, to, current) : undefined;
  // What is inside a database that is not there yet nobody can look at; a copy has it all.
  const data: Changes["stacks"] = cold ? [] : [["data", follows(next)]];
  const left: Changes["stacks"] = kind === "failover" ? [] : [[active, isLeft(next, old)]];
  return {
    from: active,
    to,
    next,
    stacks: [[to, { ...takesOver(next), ...(cold && { snapshot: cold.snapshot }) }], ...data, ...left],
    ...(cold && { cold }),
  };
}

/** @param flags each with the site that was given @throws BadInput for one that the topology does not have */
export function checkSites({ topology }: Environment, flags: [flag: string, site: string][]): void {
  const sites = Object.keys(topology.sites);
  for (const [path, value] of flags) {
    if (!sites.includes(value)) throw new BadInput([{ path, value, message: `a site of the topology: ${sites.join(", ")}` }]);
  }
}
