import { BadInput } from "../../topology/errors";
import { sitesThatAre } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import { Refused } from "../errors";
import { factsOf, latestActivation, siteFacts, type Environment } from "../facts";
import type { StepList } from "../steps";
import { newestSound, verdicts, type Copy, type Verdict } from "./copies";
import { databaseCopies } from "./database-copies";
import { objectCopies } from "./object-copies";
import { restoreTest, type RestoreTest } from "./restore-test";

export interface VerifyRequest {
  /** Whether the newest snapshot is restored and compared as well. */
  restoreTest: boolean;
  /** Site whose snapshot that is. @default the cold one */
  site?: SiteName | undefined;
  /** How long RDS may take to restore it, in milliseconds. */
  restoreTimeoutMs: number;
}

export interface BackupReport {
  environment: string;
  /** ISO 8601. */
  at: string;
  copies: Copy[];
  verdicts: Verdict[];
  tested: RestoreTest | { failed: string; alternative: string } | null;
  /** Everything is as it should be. */
  sound: boolean;
}

/**
 * Reads every copy of the service's data and says of each whether it could be relied on. Changes nothing, but for a database that is
 * made and removed by a restore test.
 * @throws BadInput, Refused; what a site that does not answer says
 */
export async function verifyBackups(env: Environment, request: VerifyRequest, signal: AbortSignal, steps: StepList): Promise<BackupReport> {
  const { topology } = env;
  const cold = sitesThatAre("cold", topology);
  if (request.site !== undefined && !topology.sites[request.site]) {
    throw new BadInput([
      { path: "--site", value: request.site, message: `a site of the topology: ${Object.keys(topology.sites).join(", ")}` },
    ]);
  }
  const facts = await siteFacts(env);
  steps.start("read", "Read every copy");
  const [{ copies, newest }, objects] = await Promise.all([databaseCopies(env, facts), objectCopies(env, facts)]);
  const all = [...copies, ...objects];
  steps.done("read", `${all.length} copies`);
  const active = factsOf(facts, latestActivation(topology, facts).activeSite);
  let tested: BackupReport["tested"] = null;
  if (request.restoreTest) {
    const site = request.site ?? cold.find((one) => newest.has(one)) ?? active.site;
    const point = newest.get(site);
    if (!point) throw new Refused(`${site} has no snapshot of the database`, `--site ${[...newest.keys()].join(" or ") || "later"}`);
    steps.start("restore", `Restore ${site}'s newest snapshot, compare it, remove it`);
    try {
      tested = await restoreTest(env, active, site, point, {
        timeoutMs: request.restoreTimeoutMs,
        signal,
        onNote: (note) => {
          steps.note("restore", note);
        },
      });
      steps.done("restore", tested.comparison.equal ? "every row of then is in it" : "it is not what the database was");
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Refused) throw error;
      steps.failed("restore");
      const others = all.filter(({ id }) => id !== point.snapshot);
      const { id, at, site: where } = newestSound(others, "database") ?? {};
      const alternative =
        id === undefined ? "there is no other copy that looks sound" : `the newest other copy: ${id} at ${where ?? ""}, up to ${at ?? ""}`;
      tested = { failed: `${point.snapshot} at ${site}: ${(error as Error).message}`, alternative };
    }
  }
  const held = verdicts(all, cold);
  const passed = tested === null || ("comparison" in tested && tested.comparison.equal);
  return {
    environment: env.workspace.environment,
    at: new Date().toISOString(),
    copies: all,
    verdicts: held,
    tested,
    sound: passed && held.every(({ met }) => met) && all.every(({ problems }) => problems.length === 0),
  };
}
