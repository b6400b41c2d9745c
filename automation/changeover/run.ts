import { BadInput } from "../../topology/errors";
import { sitesThatAre } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import { Refused, Stopped } from "../errors";
import { databaseState, factsOf, siteFacts, type Environment } from "../facts";
import { readJournal } from "../journal";
import type { StepList } from "../steps";
import { activation, giveUpActivation, type ActivationRequest } from "./activation";
import { completeJournals, controlBuckets, copyJournal, copySuperseded, describeElsewhere, fetchJournal, openElsewhere } from "./elsewhere";
import { failover, type Confirm, type FailoverRequest } from "./failover";
import { GivenUp } from "./given-up";
import { Incident, isOver, thisDriver, type Opening } from "./incident";
import { isKnown, journalFile, journalOf, newIncidentId, openIncident, toTakeOver, type OpenIncident } from "./incidents";
import { refreshStack, updateStack } from "./locks";
import { decisionOf, reopenWrites } from "./move";
import type { MoveReport, ReprotectReport, RestoreReport, RunReport } from "./report";
import { reprotect, type ReprotectRequest } from "./reprotect";
import { giveUpRestore, restore, type RestoreRequest } from "./restore";
import { giveUp, switchover, type SwitchoverRequest } from "./switchover";
import { IRREVERSIBLE, STATES, retreatFrom, type Kind } from "./table";
import { turnOff, turnOn } from "./takeover-switch";

/** What each kind is asked. */
export interface Requests {
  failover: FailoverRequest;
  switchover: SwitchoverRequest;
  reprotect: ReprotectRequest;
  restore: RestoreRequest;
  activation: ActivationRequest;
}

export type Report = MoveReport | ReprotectReport | RestoreReport;

/** Nobody has time to look into what another one left, or a place to ask for it. */
const UNPLANNED: readonly Kind[] = ["failover", "activation"];
/** Of a site that has to answer. */
const PLANNED: readonly Kind[] = ["switchover", "reprotect"];

const SECURITY_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const DEPLOYMENT = "kubernetes:apps/v1:Deployment";

/**
 * Runs a changeover. One that was stopped midway goes on where it was, if this is the same; a failover takes over from
 * any other.
 * @throws Refused where another one is under way or was left
 */
export async function begin<K extends Kind>(
  env: Environment,
  kind: K,
  request: Requests[K],
  list: StepList,
  confirm: Confirm,
): Promise<Report> {
  const environment = env.workspace.environment;
  // A failover decides nothing by an old journal, and may have no time, or nowhere, to ask for a copy.
  const unplanned = UNPLANNED.includes(kind);
  if (!unplanned) await completeJournals(env, list);
  else if ("supersedes" in request && request.supersedes !== undefined && !isKnown(environment, request.supersedes))
    await fetchJournal(env, request.to, request.supersedes, list);
  const open = openIncident(environment);
  if (open?.running) {
    throw new Refused(
      `${open.id} is under way: ${describe(open)}, by process ${open.opening.driver.pid}`,
      "wait for it, or end that process and run: changeover resume",
    );
  }
  if (open && same(open, kind, request)) return execute(env, Incident.resume(open.file, list), request, confirm);
  if (open && !unplanned) {
    throw new Refused(`${open.id} was left: ${describe(open)}`, "changeover resume finishes it, changeover resume --abort gives it up");
  }
  const id = newIncidentId();
  const opening: Opening = {
    kind,
    environment,
    request: { ...request },
    driver: thisDriver(),
    ...(open && { supersedes: toTakeOver(open) }),
  };
  const others = refuseOthers(env, kind, request, list);
  others.catch(() => undefined);
  const asked: Confirm = async (question) => {
    await others;
    return confirm(question);
  };
  try {
    return await execute(env, Incident.open(journalFile(environment, id), id, opening, list), request, asked);
  } catch (error) {
    // What another machine has under way is why a guard objects, and the better thing to say.
    if (error instanceof Refused) await others;
    throw error;
  }
}

/**
 * Looks for a changeover that another machine left. An unplanned move asks its target's bucket alone. A planned move and a
 * re-protection are refused where the bucket of the site that they are for does not answer; any other lost region is not to
 * hold up what has to be done here.
 * @throws Refused where there is one, by name, or where it cannot be known
 */
async function refuseOthers<K extends Kind>(env: Environment, kind: K, request: Requests[K], list: StepList): Promise<void> {
  const targets = controlBuckets(env, UNPLANNED.includes(kind) && "to" in request ? [request.to] : undefined);
  const aim = "to" in request ? request.to : request.site;
  const asked = targets.map(async (target) => {
    try {
      return await openElsewhere(env, target);
    } catch (error) {
      const problem = `whether another machine has a changeover under way at ${target.site} is not known: ${(error as Error).message}`;
      if (target.site === aim && PLANNED.includes(kind)) throw new Refused(problem, "bring that region back first");
      list.warn(problem);
      return [];
    }
  });
  const found = (await Promise.all(asked)).flat();
  const [other] = found;
  if (!other) return;
  const takeOver = UNPLANNED.includes(kind) ? `, and this ${kind} takes over from it with --supersede ${other.id}` : "";
  throw new Refused(
    describeElsewhere(other),
    `wait for it; if that machine is gone, changeover resume --from ${other.site} finishes it, with --abort gives it up${takeOver}`,
  );
}

export interface ResumeOptions {
  /** Give it up instead. */
  abort?: boolean | undefined;
  /** Taken into the request of a failover. */
  acceptUnfenced?: string | undefined;
}

/** The incident that `resume` would go on with. @throws Refused where there is none, or its driver still runs */
export async function toResume(env: Environment, wanted: string | undefined, list: StepList): Promise<OpenIncident> {
  await completeJournals(env, list);
  const open = openIncident(env.workspace.environment, wanted);
  if (!open)
    throw new Refused(
      wanted === undefined ? "no changeover was left midway" : `${wanted} is no changeover that was left midway`,
      "changeover status shows the sites",
    );
  if (open.running)
    throw new Refused(`${open.id} is under way, by process ${open.opening.driver.pid}`, "wait for it, or end that process first");
  return open;
}

/** Finishes what was left midway, or gives it up. @returns `undefined` after giving up */
export async function resume(
  env: Environment,
  open: OpenIncident,
  options: ResumeOptions,
  list: StepList,
  confirm: Confirm,
): Promise<Report | undefined> {
  const { request } = open.opening;
  if (options.abort) {
    await abort(env, open, list, confirm);
    return undefined;
  }
  const more = options.acceptUnfenced === undefined ? {} : { acceptUnfenced: options.acceptUnfenced };
  return execute(env, Incident.resume(open.file, list), { ...(request as unknown as Requests[Kind]), ...more }, confirm);
}

async function execute(env: Environment, incident: Incident, request: Requests[Kind], confirm: Confirm): Promise<Report> {
  const openedAt = incident.openedAt.getTime();
  const startedAt = incident.resumed ? Date.now() : openedAt;
  remember(env, incident);
  copy(env, incident, request);
  try {
    const result = await run(env, incident, request, confirm);
    const { state } = incident;
    await incident.finish({ event: "finished", detail: { state, result } });
    await copySuperseded(env, incident);
    const own: RunReport = {
      incident: incident.id,
      openedAt,
      startedAt,
      totalMs: Math.round(incident.clock()),
      steps: incident.timings,
      journal: incident.file,
    };
    return { ...result, ...own };
  } catch (error) {
    throw await ended(incident, error as Error);
  }
}

function run(env: Environment, incident: Incident, request: Requests[Kind], confirm: Confirm) {
  switch (incident.kind) {
    case "failover":
      return failover(env, request as FailoverRequest, incident, confirm, () => supersede(incident));
    case "switchover":
      return switchover(env, request as SwitchoverRequest, incident, confirm);
    case "reprotect":
      return reprotect(env, request as ReprotectRequest, incident, confirm);
    case "restore":
      return restore(env, request as RestoreRequest, incident, confirm);
    case "activation":
      return activation(env, request as ActivationRequest, incident, confirm, () => supersede(incident));
  }
}

/** Closes the journal over an error, and words it for the operator. */
async function ended(incident: Incident, error: Error): Promise<Error> {
  const detail = { error: error.name, message: error.message };
  if (error instanceof GivenUp) {
    await incident.finish({ event: "aborted", detail });
    return error;
  }
  if (
    (error instanceof Refused || error instanceof BadInput) &&
    !incident.begun(IRREVERSIBLE[incident.kind]) &&
    !incident.begun("pause") &&
    !incident.resumed
  ) {
    await incident.finish({ event: "refused", detail });
    return error;
  }
  await incident.finish({ event: "stopped", detail: { ...detail, state: incident.state } });

  const last = IRREVERSIBLE[incident.kind];
  const retreat = retreatFrom(incident.kind, incident.state);
  const back = !retreat
    ? ""
    : incident.begun(last)
      ? `; it cannot be given up, as nobody knows whether '${last}', which had begun, was done`
      : "; changeover resume --abort gives it up";
  const otherwise = incident.begun(last) ? wayBack(incident) : "";
  const [problem, next] =
    error instanceof Stopped ? [error.problem, error.next] : [error.message, `mend the cause, then: changeover resume${back}`];
  return new Stopped(
    `the ${incident.kind} stopped: ${problem}\n  ${incident.state}: ${STATES[incident.state]}`,
    `${next}${otherwise} (journal: ${incident.file})`,
    { cause: error },
  );
}

/** How the site that a switchover was leaving takes its role back, where the other one is lost. */
function wayBack(incident: Incident): string {
  const decision = incident.kind === "switchover" ? decisionOf(incident) : undefined;
  if (!decision) return "";
  const { from, to } = decision;
  return `; if ${to} is lost: changeover failover --to ${from} --unreachable ${to} --accept-unfenced "reason"`;
}

function remember({ workspace }: Environment, { outputs }: Incident): void {
  for (const [part, kept] of Object.entries(outputs)) workspace.remember(part, kept);
}

/**
 * Copies the journal to the control bucket of a site that is not being left: of the target, of the one beside that which is
 * restored, or of the active site, which a re-protection knows once it has looked; a switchover's also to the one of the site that
 * it leaves, once it has looked: either may be lost.
 */
function copy(env: Environment, incident: Incident, request: Requests[Kind]): void {
  const site =
    "to" in request
      ? request.to
      : incident.kind === "reprotect"
        ? (incident.detailOf("assess")?.["decision"] as { active: SiteName } | undefined)?.active
        : sitesThatAre("warm", env.topology).find((name) => name !== request.site);
  const left = incident.kind === "switchover" ? decisionOf(incident)?.from : undefined;
  copyJournal(env, incident, ...[site, left].filter((name) => name !== undefined));
}

/** Ends the incident that an approved failover takes over from. */
async function supersede({ id, opening, list }: Incident): Promise<void> {
  if (!opening.supersedes) return;
  const left = journalOf(opening.environment, opening.supersedes.id);
  // One that its disk did not take whole cannot be gone on with; that it is over is told by this incident's journal.
  if (!left || left.partial || isOver(readJournal(left.file))) return;
  const incident = Incident.resume(left.file, list);
  await incident.finish({ event: "superseded", detail: { by: id, state: incident.state } });
}

/** Back to a safe state: before the promotion the old site serves as it did; from then on only forward is safe. */
async function abort(env: Environment, open: OpenIncident, list: StepList, confirm: Confirm): Promise<void> {
  const { kind } = open.opening;
  const incident = Incident.resume(open.file, list);
  const retreat = retreatFrom(kind, incident.state);
  const decision = kind === "reprotect" ? undefined : decisionOf(incident);
  const refuse = async (why: string): Promise<Refused> => {
    await incident.finish({ event: "stopped", detail: { message: "cannot be given up", state: incident.state } });
    return new Refused(`${open.id} ${why}: ${describe(open)}`, `changeover resume finishes it${wayBack(incident)}`);
  };
  if (!retreat || incident.begun(IRREVERSIBLE[kind]) || open.promoting) throw await refuse("is past the point of return");
  if (incident.fetched && decision && !(await isReplica(env, kind, decision.to)))
    throw await refuse("may be past the point of return, as the copy of its journal may lack the last entries");
  if (!(await confirm(`Give up ${open.id} (${describe(open)})?`))) throw new Refused("the operator said no", "nothing was changed");
  remember(env, incident);
  copy(env, incident, open.opening.request as unknown as Requests[Kind]);
  if (kind === "activation" && decision) {
    await giveUpActivation(env, incident, decision, "given up by the operator");
    if (open.opening.supersedes) await unfence(env, incident, decision.from, decision.fromEpoch);
  }
  if (kind === "restore" && decision) await giveUpRestore(env, incident, decision, "given up by the operator");
  if (kind === "switchover" && decision) await giveUp(env, incident, decision, "given up by the operator");
  if (kind === "failover" && decision) {
    const { from, to, fromEpoch, before } = decision;
    await env.workspace.configure(to, before);
    await updateStack(env, incident, to);
    if (incident.begun("fence") || open.opening.supersedes) {
      await turnOff(env, to);
      await unfence(env, incident, from, fromEpoch);
    }
  }
  await incident.finish({ event: "aborted", detail: { by: thisDriver(), state: retreat.to } });
  await copySuperseded(env, incident);
}

/** Whether the target of a move answers as what it was before its promotion. */
async function isReplica(env: Environment, kind: Kind, to: SiteName): Promise<boolean> {
  if (kind !== "switchover" && kind !== "failover") return false;
  const { kind: is } = await databaseState(factsOf(await siteFacts(env), to), await env.workspace.secrets(to));
  return is === "replica";
}

/** Whoever gives a failover up says that the old site serves: it is asked, also where it was named unreachable before. */
async function unfence(env: Environment, incident: Incident, site: SiteName, epoch: number): Promise<void> {
  const own = factsOf(await siteFacts(env), site);
  await refreshStack(env, incident, site, SECURITY_RULE);
  await refreshStack(env, incident, site, DEPLOYMENT);
  await updateStack(env, incident, site);
  await turnOn(env, { activeSite: site, epoch });
  await reopenWrites(env, incident, own, await env.workspace.secrets(site), epoch);
  // A guard that had just seen the target's switch may have turned this one off.
  await turnOn(env, { activeSite: site, epoch });
}

function same(open: OpenIncident, kind: Kind, request: Requests[Kind]): boolean {
  const before = open.opening.request as unknown as Requests[Kind];
  const aim = (of: Requests[Kind]): SiteName => ("to" in of ? of.to : of.site);
  return open.opening.kind === kind && aim(before) === aim(request);
}

export function describe({ opening, state }: OpenIncident): string {
  const request = opening.request as unknown as Requests[Kind];
  return `${opening.kind} ${"to" in request ? `to ${request.to}` : `of ${request.site}`}, ${state}`;
}
