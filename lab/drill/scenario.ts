import { readFileSync } from "node:fs";
import { Stopped } from "../../automation/errors";
import { addressesOf } from "../../automation/probes/resolver";
import { DATABASE_APP } from "../../topology/names";
import { sitesThatAre } from "../../topology/roles";
import type { Topology } from "../../topology/schema";
import { askLab } from "../control";
import { databaseOf } from "./clients";
import { DirectWrites } from "./direct-writes";
import type { Stage } from "./stage";

export interface Scenario {
  name: string;
  /** In one line. */
  description: string;
  play(stage: Stage): Promise<void>;
}

/** How long the old site is tried after it has first answered, before it is rebuilt. */
const WATCH_MS = 10_000;
/** How long it may take until it first answers. */
const RETURN_MS = 60_000;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "regional-outage",
    description: "eu-north-1 is lost, eu-west-1 takes over; it comes back, is protected anew and takes the service home",
    async play(stage) {
      const { home } = stage.topology;
      const standby = standbyOf(stage.topology);
      await stage.warmUp();
      const targets = await directTargets(stage, home);
      await stage.failover(home, standby);

      const direct = new DirectWrites(targets);
      try {
        await stage.step("heal", `${home} comes back; clients write straight to it`, () => comeBack(stage, home, direct));
        await stage.reprotect(home);
      } finally {
        stage.oldSite = await direct.stop();
      }
      await stage.move("failback", home);
      await stage.reprotect(standby);
    },
  },
  {
    name: "database-corruption",
    description: "rows are damaged under load; the database is restored to the moment before, what was written since is put in again",
    async play(stage) {
      const { home } = stage.topology;
      await stage.warmUp();
      await stage.restore(home);
      await stage.reprotect(standbyOf(stage.topology));
    },
  },
  {
    name: "multi-region-outage",
    description:
      "both warm regions are lost, the cold site is activated from its copies; they come back, are protected anew, the service goes home",
    async play(stage) {
      const { home } = stage.topology;
      const standby = standbyOf(stage.topology);
      const cold = stage.topology.disasters["multi-region-outage"].recovery.site ?? "";
      const lost = sitesThatAre("warm", stage.topology);
      await stage.warmUp();
      await stage.copied(cold);
      const targets = await directTargets(stage, home);
      await stage.activate(lost, cold);

      const direct = new DirectWrites(targets);
      try {
        await stage.step("heal", `${lost.join(" and ")} come back; clients write straight to ${home}`, async () => {
          for (const site of lost.filter((one) => one !== home)) await askLab("POST", "/heal", { region: site }, RETURN_MS);
          await comeBack(stage, home, direct);
        });
        await stage.reprotect(home);
      } finally {
        stage.oldSite = await direct.stop();
      }
      await stage.move("failback", home);
      await stage.reprotect(standby);
      await stage.putToSleep(cold);
    },
  },
  {
    name: "switchover",
    description: "there and home, planned",
    async play(stage) {
      const { home } = stage.topology;
      const standby = standbyOf(stage.topology);
      await stage.warmUp();
      await stage.move("switchover", standby);
      await stage.reprotect(home);
      await stage.move("failback", home);
      await stage.reprotect(standby);
    },
  },
];

/** The site that takes over when the region of the home is lost. */
function standbyOf({ disasters }: Topology): string {
  const { site } = disasters["regional-outage"].recovery;
  if (site === undefined) throw new Error("the topology names no site for the recovery of a regional outage");
  return site;
}

/** Asked while the site is well: afterwards nobody could say. */
async function directTargets(stage: Stage, site: string): Promise<ConstructorParameters<typeof DirectWrites>[0]> {
  const { topology, environment, workspace } = stage;
  const [[address], { database, appPassword, ca }] = await Promise.all([
    addressesOf(`${site}.${topology.domain}`),
    databaseOf(workspace, site),
  ]);
  if (address === undefined) throw new Stopped(`the load balancer of ${site} has no address`, "changeover status");
  return {
    site,
    balancer: {
      address,
      port: Number(environment["CHANGEOVER_PORT"]),
      name: `app.${topology.domain}`,
      ca: readFileSync(environment["NODE_EXTRA_CA_CERTS"] ?? "", "utf8"),
      paths: topology.tiers.flatMap(({ services }) => Object.values(services).map(({ path }) => path)),
    },
    database: { ...database, user: DATABASE_APP, password: appPassword, ssl: { ca } },
  };
}

async function comeBack(stage: Stage, site: string, direct: DirectWrites): Promise<void> {
  await stage.wait(500);
  await askLab("POST", "/heal", { region: site }, RETURN_MS);
  for (let waited = 0; !direct.answered; waited += 100) {
    if (waited > RETURN_MS) throw new Stopped(`${site} did not answer in ${RETURN_MS} ms after its return`, "changeover lab status");
    await stage.wait(100);
  }
  await stage.wait(WATCH_MS);
}
