import { join } from "node:path";
import { Refused, Stopped } from "../../automation/errors";
import type { MoveReport } from "../../automation/changeover/report";
import { verifyPath } from "../../automation/changeover/sites";
import { labShell } from "../../lab/up";
import type { BenchLab, Roles } from "./lab";
import { runProgram } from "./run";

/** By the command; by the runbook's commands in its order; by the same, as much of it at once as can be. */
export type Way = "changeover" | "script" | "atOnce";

const SCRIPTS = { script: "by-hand.sh", atOnce: "by-hand-at-once.sh" };
const NAMES: Record<Way, string> = { changeover: "changeover", script: "hand", atOnce: "hand, all at once" };

/**
 * Who fails over first in a round. The sites are not alike (DNS asks home first), and each failover goes the other way than
 * the one before, so the order turns round from one round to the next: each way goes in each direction as often.
 */
export function orderOf(round: number): Way[] {
  return round % 2 === 0 ? ["changeover", "script"] : ["script", "changeover"];
}

/** What the scripts call, beside bash. */
const TOOLS = ["aws", "curl", "dig", "kubectl", "psql"];

/** @throws Refused where a failover by hand would end midway for want of a program */
export async function checkTools(lab: BenchLab): Promise<void> {
  const { stdout } = await runProgram(
    "bash",
    ["-c", 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done', "tools", ...TOOLS],
    lab.options(),
  );
  const missing = stdout.split("\n").filter(Boolean);
  if (missing.length > 0)
    throw new Refused(
      `the failover by hand needs ${missing.join(", ")}, which this machine does not have`,
      "install it; dig is in dnsutils on Debian",
    );
}

/**
 * Takes the active site's region away, fails over, and protects the service again, in the other direction.
 * @returns from the start of the command or script to the write through the public name that was read back, in milliseconds
 */
export async function failover(lab: BenchLab, way: Way): Promise<number> {
  const roles = await lab.roles();
  const { active, standby } = roles;
  const ms = await lab.step(
    `Failover ${active} → ${standby} by ${NAMES[way]}`,
    async () => (await (way === "changeover" ? byChangeover(lab, roles) : byHand(lab, roles, SCRIPTS[way])))(),
    (took) => `${Math.round(took)} ms`,
  );
  await lab.step(`Protect ${standby} by ${active} again`, async () => {
    if (way !== "changeover") await adopt(lab, roles);
    await lab.protectAgain(active);
  });
  return ms;
}

/** The command that goes on without a word to or from the site that is lost. */
function failoverCommand({ active, standby, epoch }: Roles): string[] {
  const lost = ["--unreachable", active, "--accept-unfenced", "bench: its region was taken away"];
  return ["failover", "--to", standby, ...lost, "--epoch", String(epoch + 1), "--yes"];
}

async function byChangeover(lab: BenchLab, roles: Roles): Promise<() => Promise<number>> {
  await lab.lose(roles.active);
  return async () => {
    const { report, startedAt } = await lab.changeover<MoveReport>(failoverCommand(roles));
    return report.startedAt + report.recoveredMs - startedAt;
  };
}

/** What the runbook has written down is read before the clock starts. */
async function byHand(lab: BenchLab, { active, standby, epoch }: Roles, script: string): Promise<() => Promise<number>> {
  const { env, folder, topology } = lab;
  const { database } = await lab.factsOf(standby);
  if (!database) throw new Error(`${standby} has no database`);
  // The addresses in the files that psql and kubectl are pointed at.
  await labShell(folder);
  const facts = {
    SITE: standby,
    REGION: lab.regionOf(standby),
    EPOCH: String(epoch + 1),
    DATABASE_ID: database.identifier,
    DATABASE_NAME: database.name,
    SWITCH_BUCKET: env.names.site(standby).switchBucket,
    TIERS: topology.tiers.map(({ services }) => Object.entries(services).map(podsOf).join(" ")).join("\n"),
    APP: env.names.app,
    VERIFY_PATH: verifyPath(env),
  };
  await lab.lose(active);
  return async () => {
    const options = lab.options();
    const ran = await runProgram("bash", [join(__dirname, script)], { ...options, env: { ...options.env, ...facts } });
    lab.signal.throwIfAborted();
    if (ran.code !== 0) throw new Stopped(`${script} ended with ${ran.code}: ${ran.stderr.trim()}`, "run the bench again");
    return (JSON.parse(ran.stdout) as { verifiedAt: number }).verifiedAt - ran.startedAt;
  };
}

function podsOf([service, { replicas }]: [string, { replicas: { active: number } }]): string {
  return `${service}=${replicas.active}`;
}

/**
 * Brings the state in line with what was done by hand: the config says so, and the same changeover goes on from there.
 * What `kubectl patch` left as the owner of fields would refuse every later change of them.
 */
async function adopt(lab: BenchLab, roles: Roles): Promise<void> {
  const { standby, epoch } = roles;
  for (const name of ["service", "guard"]) await disown(lab, standby, name);
  await lab.env.workspace.configure(standby, { activeSite: standby, epoch: String(epoch + 1) });
  await lab.changeover<MoveReport>(failoverCommand(roles));
}

interface Owned {
  metadata: { managedFields?: { manager: string }[] };
}

async function disown(lab: BenchLab, site: string, name: string): Promise<void> {
  const kubectl = async (...args: string[]): Promise<string> => {
    const ran = await runProgram("kubectl", ["--context", site, ...args], lab.options());
    if (ran.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${ran.stderr.trim()}`);
    return ran.stdout;
  };
  const { metadata } = JSON.parse(await kubectl("get", "configmap", name, "--show-managed-fields", "--output", "json")) as Owned;
  const value = (metadata.managedFields ?? []).filter(({ manager }) => manager !== "kubectl-patch");
  await kubectl(
    "patch",
    "configmap",
    name,
    "--type",
    "json",
    "--patch",
    JSON.stringify([{ op: "replace", path: "/metadata/managedFields", value }]),
  );
}
