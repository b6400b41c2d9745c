import { formatDuration } from "../../topology/duration";
import type { Activation, Standing } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import type { Named } from "../guards";
import type { WorkloadState } from "../probes/cluster";
import type { DatabaseState } from "../probes/database";

/** All that the guards of a planned move look at. */
export interface SwitchoverFacts {
  from: SiteName;
  to: SiteName;
  current: Activation;
  /** What the target's stack was last updated to. */
  standing: Standing | undefined;
  active: DatabaseState;
  replica: DatabaseState;
  /** The target's replica streams from a database that the service has left, by a restore or by a move to a cold site. */
  followsLeft: boolean;
  /** Of the target's cluster, or why it could not be asked. */
  workloads: WorkloadState[] | string;
  /** Services that the target must have. */
  services: string[];
  /** Largest lag with which a pause begins, in milliseconds. */
  maxLagMs: number;
}

type Guard = Named<SwitchoverFacts>["guard"];

const notActive: Guard = ({ to, current }) =>
  current.activeSite === to
    ? {
        reason: `${to} is the active site already, since epoch ${current.epoch}`,
        satisfy: "nothing is to be done; changeover status shows the sites",
      }
    : undefined;

const protectedByTarget: Guard = ({ to, from, replica, standing, followsLeft }) => {
  if (replica.kind === "replica" && !followsLeft && (standing?.activeSite === from || standing === undefined)) return undefined;
  if (replica.kind === "unreachable")
    return {
      reason: `${to}'s database does not answer: ${replica.reason}`,
      satisfy: "bring it back first; changeover status shows both sites",
    };
  return { reason: `${to}'s database is no replica of ${from}'s`, satisfy: `changeover reprotect --site ${to}` };
};

const activeAnswers: Guard = ({ from, to, active }) => {
  if (active.kind === "unreachable") {
    return {
      reason: `${from}'s database does not answer: ${active.reason}; a planned move needs both sites`,
      satisfy: `if ${from} is lost: changeover failover --to ${to}`,
    };
  }
  if (active.kind === "replica") return { reason: `${from}'s database is a replica`, satisfy: "changeover status shows the sites" };
  return undefined;
};

const activeOpen: Guard = ({ from, active, current }) => {
  if (active.kind !== "primary" || active.writes?.state !== "fenced") return undefined;
  return {
    reason: `${from}'s database is fenced in epoch ${active.writes.epoch}, the service's is ${current.epoch}`,
    satisfy: "find out what fenced it: the table changeover_guard.writes says who and why",
  };
};

const streams: Guard = ({ to, replica }) =>
  replica.kind === "replica" && !replica.streaming
    ? { reason: `${to}'s replica does not stream`, satisfy: "mend replication, or rebuild the site: changeover reprotect" }
    : undefined;

const lags: Guard = ({ to, replica, maxLagMs }) =>
  replica.kind === "replica" && replica.lagMs > maxLagMs
    ? {
        reason: `${to}'s replica is ${formatDuration(replica.lagMs)} behind, more than ${formatDuration(maxLagMs)}`,
        satisfy: "wait until it has caught up",
      }
    : undefined;

const podsReady: Guard = ({ to, workloads, services }) => {
  if (typeof workloads === "string") return { reason: `${to}: ${workloads}`, satisfy: "bring its cluster back first" };
  const wrong = services.filter((name) => {
    const found = workloads.find(({ service }) => service === name);
    return !found || found.ready < found.wanted || found.wanted === 0;
  });
  if (wrong.length === 0) return undefined;
  return { reason: `${to} is not healthy: ${wrong.join(", ")} not ready`, satisfy: "kubectl get pods there says why" };
};

/** The guards of a planned move, in the order in which an operator would want to hear of them. */
export const switchoverGuards: Named<SwitchoverFacts>[] = [
  { name: "the target is not active", guard: notActive },
  { name: "the active site answers", guard: activeAnswers },
  { name: "the active site is not fenced", guard: activeOpen },
  { name: "the target's database is a replica of the active one", guard: protectedByTarget },
  { name: "the replica streams", guard: streams },
  { name: "the replica's lag is small", guard: lags },
  { name: "the target's services are ready", guard: podsReady },
];
