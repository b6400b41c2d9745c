import { formatDuration, DAY } from "../../topology/duration";
import { fastestTier, retrievalTier, retrievalTime } from "../../topology/archive";
import { BadInput } from "../../topology/errors";
import type { SiteName } from "../../topology/schema";
import { readAll } from "../comparison/read-all";
import { Refused, Stopped } from "../errors";
import { latestActivation, roleIn, siteFacts, type Environment, type SiteFacts } from "../facts";
import { objectionTo } from "../guards";
import { Archive, NotRetrieved, type Amount, type Retrieval } from "../probes/archive";
import { probeWorkloads } from "../probes/cluster";
import { keyState } from "../probes/keys";
import { RecoveryPoints, type RecoveryPoint } from "../probes/recovery-points";
import { RestoreFailed, Restores, type RestoredIn, type Waiting } from "../probes/restores";
import { activationGuards } from "./activation-guards";
import { CONFIRMED_MS, pick, type Confirm } from "./failover";
import { GivenUp } from "./given-up";
import type { Incident } from "./incident";
import { settleOwn, updateStack } from "./locks";
import { Takeover, decisionOf, type Decision as MoveDecision } from "./move";
import type { MoveReport } from "./report";
import { withGeneration } from "./retire";
import { databaseOf } from "./sites";
import { retreatFrom, type Step } from "./table";
import { turnOff, turnOn } from "./takeover-switch";

export interface ActivationRequest {
  /** A dormant site. */
  to: SiteName;
  /** Sites to which not one call goes: every warm one. */
  unreachable: SiteName[];
  epoch?: number | undefined;
  /** ISO 8601. */
  outageSince?: string | undefined;
  acceptLoss?: string | undefined;
  acceptUnfenced?: string | undefined;
  /** A changeover of another machine, by name, that this one takes over from. */
  supersedes?: string | undefined;
  /** The copy to begin with, by its identifier. @default the newest */
  snapshot?: string | undefined;
  restoreTimeoutMs: number;
  verifyTimeoutMs: number;
}

interface Decision extends MoveDecision {
  point: Omit<RecoveryPoint, "at"> & { at: string };
  /** At the outage, or at the command, in milliseconds. */
  ageMs: number;
  generation: number;
  retained: string | undefined;
  /** Identifier of the new database. */
  identifier: string;
}

export type ActivationResult = Omit<MoveReport, "steps" | "journal" | "incident" | "startedAt" | "totalMs">;

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
  const own = facts.find(({ site }) => site === to);
  const place = outputs["databaseIn"] as RestoredIn | undefined;
  if (!own || !place) throw new Refused(`${to} was never deployed: nothing is known of where its database would be`, `pulumi up -s ${workspace.stackName(to)}`);

  let decision = decisionOf(incident) as Decision | undefined;
  if (!decision) {
    await incident.step("assess", `Look at ${to}'s copies`, async () => {
      decision = await assess(env, facts, own, secrets, settings, request);
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
  // `on`, not `once`: libraries that clean up at exit end the process when no other listener is left.
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
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
    const reason = request.acceptUnfenced ?? "";
    await incident.step("fence", `Turn ${to}'s takeover switch on`, async () => ({
      requestId: (await turnOn(env, { activeSite: to, epoch })) ?? null,
      note: `${from} is not known to be fenced; accepted: ${reason}`,
    }));
    const opened = incident.begun("open");
    await incident.step("restore", `Have RDS make a database of ${point.snapshot}`, async () => {
      await restores.beginFrom(point.snapshot, identifier, place, topology.database.instanceClass, true);
      return undefined;
    });
    const { identifier: _, address, port } = { ...own.database, ...incidentPlace(incident) } as { identifier?: string; address: string; port: number };
    const known: SiteFacts = { ...own, database: { identifier, address, port, name: topology.database.name } };
    const config = { generation: String(generation), retained: decision.retained, adopt: "true" };
    const armed = new Takeover(env, incident, decision, known, secrets, true, CONFIRMED_MS, true, config);
    takeover = armed;
    await incident.step("prepare", `Arm ${to}'s update`, async () => {
      await armed.arm();
      return undefined;
    });
    await incident.step("recover", "Wait until RDS has it", async () => {
      const database = await restores.done(identifier, waitingFor("recover"));
      await restores.keep(topology.database.backupRetention / DAY, identifier, waitingFor("recover"));
      armed.found(database);
      return { database };
    });
    if (!opened) {
      await incident.step("check", "Read every table of it", async () => {
        const rows = await readAll(databaseOf({ ...known, database: { ...known.database!, ...incidentPlace(incident)! } }, secrets), (table) => {
          incident.list.note("check", table);
        });
        return { rows, note: `${rows} rows` };
      });
    }
    const fencedMs = incident.clock();
    await incident.step("open", "Open it for writes", () => armed.open());
    await incident.step("services", "Tiers 0 and 1", () => armed.services(), topology.tiers[1]?.maxDowntime);
    await incident.step("traffic", "The takeover switch is its stack's", async () => {
      await armed.traffic();
      return undefined;
    });
    await incident.step("verify", `Verify a write through ${env.names.app}`, async () => {
      const verified = await armed.verify(request.verifyTimeoutMs);
      return { ...verified, note: `${verified.attempts} attempts, answered by ${verified.address}` };
    });
    await incident.step("data", "Other tiers; point the data stack at the new database", async () => {
      await armed.data();
      await workspace.configure(to, { adopt: undefined });
      await updateStack(env, incident, to);
      return undefined;
    });
    await incident.step("copy", "Copy the archive's objects", async () => {
      const copied = await copyBack(env, to, await retrieving, stopping.signal, (note) => {
        incident.list.note("copy", note);
      });
      return { ...copied, note: `${copied.objects} objects` };
    });
    const objects = incident.detailOf("copy") as unknown as Amount;
    const report = await armed.report(decidedMs, fencedMs);
    const copy = { snapshot: point.snapshot, at: point.at, ageMs };
    return { kind: "activation", from, to, epoch, ...report, fenced: { known: false, reason }, copy, objects };
  } catch (error) {
    await takeover?.abandon("stopped");
    if (incident.begun("open") || !retreatFrom("activation", incident.state) || stopping.signal.aborted) throw error;
    if (!(error instanceof RestoreFailed)) throw error;
    await giveUpActivation(env, incident, decision, error.message);
    throw new GivenUp(`the activation of ${to} was given up: ${error.message}`, await others(env, to, decision), { cause: error });
  } finally {
    process.removeListener("SIGINT", interrupt);
    process.removeListener("SIGTERM", interrupt);
    restores.close();
  }
}
