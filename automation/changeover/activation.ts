import { setTimeout as sleep } from "node:timers/promises";
import { retrievalWithin } from "../../topology/archive";
import { DAY, formatDuration } from "../../topology/duration";
import { BadInput } from "../../topology/errors";
import { sitesThatAre } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import { readAll } from "../comparison/read-all";
import { Refused, Stopped } from "../errors";
import { factsOf, latestActivation, roleIn, siteFacts, type Environment, type SiteFacts } from "../facts";
import { objectionTo } from "../guards";
import { Archive, NotRetrieved, type Amount, type Retrieval } from "../probes/archive";
import { probeWorkloads } from "../probes/cluster";
import { onInterrupt } from "../interrupts";
import { checkSites } from "../plan/changes";
import { keyState } from "../probes/keys";
import { RecoveryPoints, type RecoveryPoint } from "../probes/recovery-points";
import { RestoreFailed, Restores, type Place, type RestoredIn, type Waiting } from "../probes/restores";
import { activationGuards } from "./activation-guards";
import { withGeneration } from "./config";
import { CONFIRMED_MS, pick, type Confirm, type FailoverRequest } from "./failover";
import { GivenUp } from "./given-up";
import type { Incident } from "./incident";
import { settleOwn, updateStack } from "./locks";
import { Takeover, decisionOf, type Decision as MoveDecision } from "./move";
import type { MoveReport, RunReport } from "./report";
import { leapSequences } from "./sequences";
import { databaseOf } from "./sites";
import { retreatFrom, type Step } from "./table";
import { turnOn } from "./takeover-switch";

/** Its target is a dormant site, and every warm one is named unreachable. */
export interface ActivationRequest extends FailoverRequest {
  /** The copy to begin with, by its identifier. @default the newest */
  snapshot?: string | undefined;
  /** How long RDS may take to restore it, in milliseconds. */
  restoreTimeoutMs: number;
}

interface Decision extends MoveDecision {
  point: { snapshot: string; at: string };
  /** At the outage, or at the command, in milliseconds. */
  ageMs: number;
  generation: number;
  retained: string | undefined;
  /** Identifier of the new database. */
  identifier: string;
}

export type ActivationResult = Omit<MoveReport, keyof RunReport>;

/**
 * A site at which nothing ran takes over, from what lies in its own region: the newest snapshot becomes its database, its stack
 * gets workloads and buckets, and the archive is copied into them, as far as it can be read yet.
 * @param onApproved called once it is certain that this one goes ahead
 * @throws BadInput, Refused before anything changed; GivenUp where there is no such database after all
 */
export async function activation(
  env: Environment,
  request: ActivationRequest,
  incident: Incident,
  confirm: Confirm,
  onApproved: () => Promise<void>,
): Promise<ActivationResult> {
  const { topology, workspace } = env;
  const { to } = request;
  const region = topology.sites[to]?.region ?? "";
  if (incident.begun("open")) await settleOwn(env, incident, to);
  const [facts, secrets, settings, outputs] = await Promise.all([
    siteFacts(env),
    workspace.secrets(to),
    workspace.settings(to),
    workspace.outputs(to),
  ]);
  const own = factsOf(facts, to);
  const place = outputs["databaseIn"] as RestoredIn | undefined;
  if (!place)
    throw new Refused(
      `${to} was never deployed: nothing is known of where its database would be`,
      `pulumi up -s ${workspace.stackName(to)}`,
    );

  let decision = decisionOf(incident) as Decision | undefined;
  if (!decision) {
    await incident.step("assess", `Look at ${to}'s copies`, async () => {
      decision = await assess(env, facts, own, secrets, settings, request, incident.opening.supersedes?.epoch ?? 0);
      const { point, ageMs } = decision;
      return { decision, unreachable: request.unreachable, note: `${point.snapshot} of ${point.at}, ${formatDuration(ageMs)} old` };
    });
  }
  if (!decision) throw new Error("nothing was decided");
  const { from, epoch, point, generation, identifier, ageMs } = decision;
  if (!incident.has("approve")) {
    await incident.step("approve", "Approval", async () => {
      const question =
        `Activate ${to} in epoch ${epoch}, without a call to ${request.unreachable.join(", ")}? Its database begins with ${point.snapshot}, ` +
        `of ${point.at}: what was written in the ${formatDuration(ageMs)} after is not in it.`;
      if (!(await confirm(question))) throw new Refused("the operator said no", "run the command again and agree, or give --yes");
      const { acceptLoss = null, acceptUnfenced = null, unreachable } = request;
      return { acceptLoss, acceptUnfenced, unreachable };
    });
  }
  await onApproved();
  const decidedMs = incident.clock();

  const restores = new Restores(region);
  const stopping = new AbortController();
  let takeover: Takeover | undefined;
  const interrupt = (): void => {
    stopping.abort(new Stopped("interrupted", "changeover resume goes on, changeover resume --abort gives up"));
    void takeover?.abandon("interrupted");
  };
  const letGo = onInterrupt(interrupt);
  const waitingFor = (step: Step): Waiting => ({
    timeoutMs: request.restoreTimeoutMs,
    signal: stopping.signal,
    onState: (state) => {
      incident.list.note(step, state);
    },
  });
  // Hours, at worst: asked for before all else, and copied when the service runs.
  const retrieving = retrieve(env, to);
  retrieving.catch(() => undefined);
  try {
    const opened = incident.begun("open");
    await incident.step("restore", `Have RDS make a database of ${point.snapshot}`, async () => {
      const resourceId = await restores.beginFrom(point.snapshot, identifier, place, topology.database.instanceClass, true);
      return { resourceId };
    });
    const { resourceId } = incident.detailOf("restore") as { resourceId: string };
    const at = (found: Omit<Place, "resourceId">): SiteFacts => ({
      ...own,
      database: { identifier, name: topology.database.name, ...found },
    });
    const config = { generation: String(generation), retained: decision.retained, adopt: resourceId };
    // Where the database is, RDS tells when it is there; all that does without is made meanwhile.
    const armed = new Takeover(env, incident, decision, at({ address: "", port: 0 }), secrets, true, CONFIRMED_MS, true, config);
    takeover = armed;
    await incident.step("prepare", `Arm ${to}'s update`, async () => {
      await armed.arm();
      return undefined;
    });
    let fresh = at({ address: "", port: 0 });
    await incident.step("recover", "Wait until RDS has it", async () => {
      const database = await restores.done(identifier, waitingFor("recover"));
      await restores.keep(topology.database.backupRetention / DAY, identifier, waitingFor("recover"));
      fresh = at(database);
      armed.target(fresh, secrets);
      return { database };
    });
    if (!opened) {
      await incident.step("check", "Read every table of it", async () => {
        const rows = await readAll(databaseOf(fresh, secrets), (table) => {
          incident.list.note("check", table);
        });
        // What was written since, and is lost here, had numbers that somebody may know; they are not given to other rows.
        const sequences = await leapSequences(databaseOf(fresh, secrets));
        return { rows, sequences, note: `${rows} rows` };
      });
    }
    const reason = request.acceptUnfenced ?? "";
    await incident.step("fence", `Turn ${to}'s takeover switch on`, async () => ({
      requestId: await turnOn(env, { activeSite: to, epoch }),
      note: `${from} is not known to be fenced; accepted: ${reason}`,
    }));
    const fencedMs = incident.clock();
    await incident.step("open", "Open it for writes", () => armed.open());
    await armed.serve(request.verifyTimeoutMs);
    await incident.step("data", "Other tiers; point the data stack at the new database", async () => {
      // The `data` stack learns from this one where the database is.
      await armed.data(true);
      await workspace.configure(to, { adopt: undefined });
      await updateStack(env, incident, to);
      return undefined;
    });
    await incident.step("retrieve", "Copy the archive's objects", async () => {
      const copied = await copyBack(env, to, await retrieving, stopping.signal, (note) => {
        incident.list.note("retrieve", note);
      });
      return { ...copied, note: `${copied.objects} objects` };
    });
    const objects = incident.detailOf("retrieve") as unknown as Amount;
    const report = await armed.report(decidedMs, fencedMs);
    const copy = { snapshot: point.snapshot, at: point.at, ageMs };
    return { kind: "activation", from, to, epoch, ...report, fenced: { known: false, reason }, copy, objects };
  } catch (error) {
    await takeover?.abandon("stopped");
    if (incident.begun("fence") || !retreatFrom("activation", incident.state) || stopping.signal.aborted) throw error;
    // What the one before had done at a site that may live, an operator has to undo.
    if (!(error instanceof RestoreFailed) || incident.opening.supersedes) throw error;
    await giveUpActivation(env, incident, decision, error.message);
    throw new GivenUp(`the activation of ${to} was given up: ${error.message}`, await others(env, to, decision), { cause: error });
  } finally {
    letGo();
    restores.close();
  }
}

async function assess(
  env: Environment,
  facts: SiteFacts[],
  own: SiteFacts,
  secrets: Record<string, string>,
  settings: Record<string, string>,
  request: ActivationRequest,
  /** Epoch of a changeover that was left midway: a site may be open in it already. */
  left: number,
): Promise<Decision> {
  const { topology, names } = env;
  const { to, unreachable } = request;
  checkSites(env, [["--to", to], ...unreachable.map((site): [string, string] => ["--unreachable", site])]);
  const current = latestActivation(topology, facts);
  const reached = Math.max(current.epoch, left);
  const epoch = request.epoch ?? reached + 1;
  const { region, vault } = names.site(to);
  const source = facts.find(({ site }) => site === current.activeSite)?.activation?.generation ?? 1;
  const points = await pointsOf(region, vault, names.site(current.activeSite).databaseArn(source));
  const point = request.snapshot === undefined ? points[0] : points.find(({ snapshot }) => snapshot === request.snapshot);
  if (request.snapshot !== undefined && !point) {
    const may = points.map(({ snapshot, at }) => `${snapshot} of ${at.toISOString()}`).join(", ");
    throw new BadInput([{ path: "--snapshot", value: request.snapshot, message: may === "" ? "left out: there is no copy" : may }]);
  }
  const lostAt = request.outageSince === undefined ? Date.now() : Date.parse(request.outageSince);
  const ageMs = point ? Math.max(0, lostAt - point.at.getTime()) : 0;
  const cluster = await probeWorkloads(secrets["kubeconfig"] ?? "", names.namespace, CLUSTER_MS).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
  const objection = objectionTo(activationGuards, {
    to,
    toRole: roleIn(topology, own, current),
    current,
    epoch,
    reached,
    unreachable,
    warm: sitesThatAre("warm", topology),
    point: point && { snapshot: point.snapshot, ageMs },
    key: point?.keyArn === undefined ? undefined : await keyState(region, point.keyArn),
    older: points.filter((one) => one !== point).map(({ snapshot, at }) => `${snapshot} of ${at.toISOString()}`),
    missing: ["databasePassword", "appPassword", "kubeconfig"].filter((key) => !secrets[key]),
    cluster,
    rpoMs: topology.disasters["multi-region-outage"].rpo,
    acceptLoss: request.acceptLoss,
    acceptUnfenced: request.acceptUnfenced,
  });
  if (objection || !point) throw new Refused(objection?.reason ?? `${to} has no copy`, objection?.satisfy ?? "a copy");
  const last = own.activation?.generation ?? 1;
  const kept = own.activation?.retained ?? [];
  const generation = kept.includes(last) ? last + 1 : last;
  const keys = ["activeSite", "epoch", "generation", "retained", "adopt", "protectedBy", "capacity", "confirmedUntil"];
  return {
    from: current.activeSite,
    to,
    epoch,
    fromEpoch: current.epoch,
    before: { activeSite: current.activeSite, epoch: String(current.epoch), ...pick(settings, keys) },
    point: { snapshot: point.snapshot, at: point.at.toISOString() },
    ageMs,
    generation,
    retained: kept.length === 0 ? undefined : withGeneration(kept, kept.at(-1) ?? 1),
    identifier: names.site(to).database(generation),
  };
}

/** A cluster without nodes may have to wake first, in milliseconds. */
const CLUSTER_MS = 60_000;

async function pointsOf(region: string, vault: string, resourceArn: string): Promise<RecoveryPoint[]> {
  const points = new RecoveryPoints(region);
  try {
    return await points.in(vault, resourceArn);
  } finally {
    points.close();
  }
}

/** How long what was retrieved stays readable, in days: until it is copied, with time to spare. */
const READABLE_DAYS = 7;

/** Asks for what the archive cannot read at once, by the cheapest tier that keeps the RTO. @returns what was asked for, by bucket */
async function retrieve({ topology, names }: Environment, site: SiteName): Promise<Map<string, Retrieval | undefined>> {
  const { buckets, archiveClass } = topology.storage;
  const tier = retrievalWithin(archiveClass, topology.disasters["multi-region-outage"].rto);
  const archive = new Archive(topology.sites[site]?.region ?? "");
  try {
    const asked = buckets.map(async (short): Promise<[string, Retrieval | undefined]> => [
      short,
      tier === "none" ? undefined : await archive.retrieve(names.site(site).archive(short), tier, READABLE_DAYS),
    ]);
    return new Map(await Promise.all(asked));
  } finally {
    archive.close();
  }
}

/** Between two looks whether S3 has retrieved more, in milliseconds: at least, and at most. */
const LOOK_MS = { least: 1_000, most: 300_000 };

/** Copies the archive into the service's buckets, and waits for what has to be retrieved; the service runs meanwhile. */
async function copyBack(
  { topology, names }: Environment,
  site: SiteName,
  retrievals: Map<string, Retrieval | undefined>,
  signal: AbortSignal,
  onNote: (note: string) => void,
): Promise<Amount> {
  const archive = new Archive(topology.sites[site]?.region ?? "");
  const sum: Amount = { objects: 0, bytes: 0 };
  try {
    for (const short of topology.storage.buckets) {
      const [from, to] = [names.site(site).archive(short), names.site(site).bucket(short)];
      for (;;) {
        try {
          const { objects, bytes } = await archive.copy(from, to, retrievals.get(short), (done, of) => {
            onNote(`${short}: ${done.objects} of ${of.objects} objects`);
          });
          sum.objects += objects;
          sum.bytes += bytes;
          break;
        } catch (error) {
          if (!(error instanceof NotRetrieved)) throw error;
          const left = error.earliest.getTime() - Date.now();
          onNote(`${short}: ${error.amount.objects} objects are not retrieved yet, the last not before ${error.earliest.toISOString()}`);
          await sleep(Math.min(LOOK_MS.most, Math.max(LOOK_MS.least, left / 10)), undefined, { signal });
        }
      }
    }
    return sum;
  } finally {
    archive.close();
  }
}

/** Back to dormant: the new database and what was made for it go. Its takeover switch was never on. */
export async function giveUpActivation(env: Environment, incident: Incident, decision: MoveDecision, reason: string): Promise<void> {
  const { to, before, identifier } = decision as Decision;
  await incident.record({ event: "retreat", detail: { reason, state: incident.state } });
  if (incident.begun("prepare")) {
    await env.workspace.configure(to, before);
    await updateStack(env, incident, to);
  }
  const restores = new Restores(env.topology.sites[to]?.region ?? "");
  try {
    if (incident.begun("restore")) await restores.remove(identifier);
  } finally {
    restores.close();
  }
}

/** What else could be begun with, the newest first. */
async function others({ names }: Environment, to: SiteName, { from, point }: Decision): Promise<string> {
  const { region, vault } = names.site(to);
  const points = await pointsOf(region, vault, names.site(from).databaseArns).catch(() => []);
  const [other] = points.filter(({ snapshot }) => snapshot !== point.snapshot);
  return other
    ? `the newest other copy is of ${other.at.toISOString()}: the same command with --snapshot ${other.snapshot}`
    : "there is no other copy";
}
