import { join } from "node:path";
import { withSteps } from "../automation/steps";
import { buildGuard } from "../guard/build";
import { ensure, type Tools } from "../setup";
import { buildClients } from "./clients/build";
import { labFiles } from "./folder";
import { labParts, pluginOrigins } from "./parts";
import { installStandIns } from "./providers/install";
import { buildService } from "./service/build";
import { pulumiHomeOf } from "../setup/pulumi";

export interface LabTools {
  /** Absolute paths by name. */
  paths: Record<string, string>;
  plugins: Record<string, "official" | "stand-in">;
  /** `PULUMI_HOME` that has the plugins. */
  pulumiHome: string;
}

/** Sets up what the lab needs and is not there yet. @throws SetUpFailed naming the part and what was tried */
export async function labTools(quiet: boolean): Promise<LabTools> {
  return withSteps(quiet, async (steps) => {
    const tools: Tools = await ensure(labParts, steps);
    const plugins = pluginOrigins(tools);
    const pulumiHome = pulumiHomeOf(tools);
    // Their source is this checkout's, so they are built again when it has changed.
    if (Object.values(plugins).includes("stand-in")) await installStandIns(pulumiHome);
    const names = labParts.flatMap((part) => part.tools);
    return {
      paths: Object.fromEntries(names.map((name) => [name, tools.tool(name)])),
      plugins,
      pulumiHome,
    };
  });
}

/** The programs that run in the lab: the service's, the guard and the clients'. */
export async function buildPrograms(folder: string): Promise<void> {
  const { service, guard } = labFiles(folder).programs;
  await Promise.all([buildService(service), buildGuard(guard), buildClients(join(folder, "clients.cjs"))]);
}
