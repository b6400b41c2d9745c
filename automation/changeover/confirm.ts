import { BadInput } from "../../topology/errors";
import type { SiteName } from "../../topology/schema";
import { Refused } from "../errors";
import { latestActivation, siteFacts, type Environment } from "../facts";
import { Journal } from "../journal";
import type { StepList } from "../steps";
import type { Confirm } from "./failover";
import { thisDriver } from "./incident";
import { journalFile, newIncidentId } from "./incidents";

export interface Confirmation {
  site: SiteName;
  /** ISO 8601. */
  until: string;
  journal: string;
}

/**
 * An operator tells the guards of the active site that it still is: for one that has just started, cannot read the other
 * sites' switches, and so stays fenced. It ends by itself.
 * @throws BadInput, Refused
 */
export async function confirmActive(
  env: Environment,
  request: { site: SiteName; forMs: number; reason: string },
  confirm: Confirm,
  steps: StepList,
): Promise<Confirmation> {
  const { site, forMs, reason } = request;
  const { topology, workspace } = env;
  if (!topology.sites[site]) {
    throw new BadInput([{ path: "--site", value: site, message: `a site of the topology: ${Object.keys(topology.sites).join(", ")}` }]);
  }
  const current = latestActivation(topology, await siteFacts(env));
  if (current.activeSite !== site) {
    throw new Refused(
      `${site} is not the active site: ${current.activeSite} is, since epoch ${current.epoch}`,
      "a site that was left stays fenced: changeover reprotect",
    );
  }
  const until = new Date(Date.now() + forMs).toISOString();
  if (
    !(await confirm(
      `Has nobody moved the service away from ${site}? Its guards will take writes there until ${until} without asking the other sites.`,
    ))
  ) {
    throw new Refused("the operator said no", "run the command again and agree, or give --yes");
  }
  const id = newIncidentId();
  const journal = Journal.create(journalFile(workspace.environment, id), id);
  try {
    journal.append({ event: "confirmed", detail: { site, until, reason, epoch: current.epoch, driver: thisDriver() } });
    steps.start("confirm", `Tell ${site}'s guards`);
    await workspace.configure(site, { confirmedUntil: until });
    await workspace.update(site);
    steps.done("confirm");
    journal.append({ event: "finished" });
    return { site, until, journal: journal.file };
  } finally {
    journal.close();
  }
}
