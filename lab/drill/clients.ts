import { rmSync } from "node:fs";
import type { Workspace } from "../../automation/pulumi/workspace";
import { DATABASE_APP } from "../../topology/names";
import type { SiteName, Topology } from "../../topology/schema";
import { accountOfMoves, readRows, type Move } from "../clients/account";
import { readLedger } from "../clients/ledger";
import { clientEnvironment } from "../clients/settings";
import { askLab } from "../control";

/** The service's users during a drill. The lab runs them, so that they outlive any command. */
export class Clients {
  constructor(
    private readonly ledger: string,
    private readonly topology: Topology,
    private readonly environment: Record<string, string>,
  ) {}

  /** A run has a ledger of its own. */
  async start(): Promise<void> {
    rmSync(this.ledger, { force: true });
    await askLab("POST", "/clients", {
      run: true,
      env: clientEnvironment({
        name: `app.${this.topology.domain}`,
        port: Number(this.environment["CHANGEOVER_PORT"]),
        resolver: this.environment["CHANGEOVER_RESOLVER"] ?? "",
        caFile: this.environment["NODE_EXTRA_CA_CERTS"] ?? "",
        services: this.topology.tiers.flatMap(({ tier, services }) =>
          Object.entries(services).map(([service, { path }]) => ({ service, tier, path })),
        ),
        ledgerFile: this.ledger,
        summaryFile: `${this.ledger}.summary.json`,
      }),
    });
  }

  async stop(): Promise<void> {
    await askLab("POST", "/clients", { run: false });
  }

  /** Writes acknowledged so far. */
  acknowledged(): number {
    return readLedger(this.ledger).filter(({ outcome }) => outcome === "acknowledged").length;
  }

  /** Holds what they were told against the database of the site that is active now. */
  async account(workspace: Workspace, active: SiteName, moves: Move[]): Promise<ReturnType<typeof accountOfMoves>> {
    const { database, appPassword, ca } = await databaseOf(workspace, active);
    const rows = await readRows({ ...database, user: DATABASE_APP, password: appPassword, ssl: { ca } });
    return accountOfMoves(readLedger(this.ledger), rows, moves);
  }
}

/** Where a site's database is, and the services' login to it. */
export async function databaseOf(workspace: Workspace, site: SiteName) {
  const [outputs, secrets] = await Promise.all([workspace.outputs(site), workspace.secrets(site)]);
  const { address, port, name } = outputs["database"] as { address: string; port: number; name: string };
  return { database: { host: address, port, database: name }, appPassword: secrets["appPassword"], ca: secrets["databaseCa"] };
}
