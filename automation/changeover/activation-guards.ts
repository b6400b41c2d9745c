import { formatDuration } from "../../topology/duration";
import type { Activation, Role } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import { epochAhead, type Named } from "../guards";

/** All that the guards of an activation look at. */
export interface ActivationFacts {
  to: SiteName;
  toRole: Role;
  current: Activation;
  /** Epoch that the activation would begin. */
  epoch: number;
  /** The latest epoch that a site may have. */
  reached: number;
  unreachable: SiteName[];
  /** Every warm site. */
  warm: SiteName[];
  /** The copy to begin with, and how old it was at the outage, or is now. */
  point: { snapshot: string; ageMs: number } | undefined;
  /** State of the key that it is encrypted with; `undefined`: it is not encrypted. */
  key: string | undefined;
  /** Other copies, as they are named and dated, the newest first. */
  older: string[];
  /** Secrets that the site's config lacks. */
  missing: string[];
  /** Why the site's cluster does not answer. */
  cluster: string | undefined;
  rpoMs: number;
  acceptLoss: string | undefined;
  acceptUnfenced: string | undefined;
}

type Guard = Named<ActivationFacts>["guard"];

const instead = ({ older }: ActivationFacts): string =>
  older.length > 0 ? `--snapshot, one of: ${older.slice(0, 3).join(", ")}` : "there is no other copy";

const dormant: Guard = ({ to, toRole, current }) =>
  toRole === "dormant"
    ? undefined
    : {
        reason: `${to} is ${toRole}, in epoch ${current.epoch}`,
        satisfy: "changeover status shows the sites; changeover resume goes on with an activation",
      };

const nobodyElse: Guard = ({ warm, unreachable }) => {
  const left = warm.filter((site) => !unreachable.includes(site));
  if (left.length === 0) return undefined;
  return {
    reason: `${left.join(", ")} may live, and loses less than a cold site`,
    satisfy: `changeover failover --to ${left[0] ?? ""}; if it is lost, too: --unreachable ${warm.join(",")}`,
  };
};

const unfenced: Guard = ({ current, acceptUnfenced }) =>
  acceptUnfenced === undefined
    ? {
        reason: `no call goes to ${current.activeSite}, so nobody knows whether it still takes writes; what it takes from now on is lost`,
        satisfy: '--accept-unfenced "reason", which goes into the journal',
      }
    : undefined;

const hasCopy: Guard = ({ to, point }) =>
  point
    ? undefined
    : { reason: `${to}'s vault has no copy of the active database`, satisfy: "nothing can be begun with; changeover backups verify" };

const decryptable: Guard = (facts) =>
  facts.key === undefined || facts.key === "Enabled"
    ? undefined
    : {
        reason: `nobody can decrypt ${facts.point?.snapshot ?? "the copy"}: its key is ${facts.key}`,
        satisfy: `enable the key; or ${instead(facts)}`,
      };

const withinRpo: Guard = ({ point, rpoMs, acceptLoss }) =>
  !point || point.ageMs <= rpoMs || acceptLoss !== undefined
    ? undefined
    : {
        reason: `${point.snapshot} is ${formatDuration(point.ageMs)} old, beyond the RPO of ${formatDuration(rpoMs)}; what was written since would be lost`,
        satisfy: 'if the sites were lost earlier, say when: --outage-since <time>; to accept the loss: --accept-loss "reason"',
      };

const configured: Guard = ({ to, missing }) =>
  missing.length === 0
    ? undefined
    : {
        reason: `${to}'s stack has no ${missing.map((key) => `changeover:${key}`).join(", ")}`,
        satisfy: `pulumi config set --secret, in ${to}'s stack; the passwords are the same at every site`,
      };

const clusterAnswers: Guard = ({ to, cluster }) =>
  cluster === undefined
    ? undefined
    : { reason: `${to}'s cluster does not answer: ${cluster}`, satisfy: "bring it up, or set its changeover:kubeconfig" };

/** The guards of an activation, in the order in which an operator would want to hear of them. */
export const activationGuards: Named<ActivationFacts>[] = [
  { name: "the site is dormant", guard: dormant },
  { name: "no warm site is left", guard: nobodyElse },
  { name: "it is accepted that nobody is known to be fenced", guard: unfenced },
  { name: "the epoch is ahead", guard: epochAhead },
  { name: "the site's config is whole", guard: configured },
  { name: "there is a copy", guard: hasCopy },
  { name: "the copy can be decrypted", guard: decryptable },
  { name: "the copy is within the RPO", guard: withinRpo },
  { name: "the cluster answers", guard: clusterAnswers },
];
