import { join } from "node:path";
import type { Part, Tools } from "../setup";
import { changeoverHome } from "../setup/home.mjs";
import { allParts } from "../setup/parts";
import { PROVIDERS, providers, providersIn } from "../setup/pulumi";
import { installStandIns } from "./providers/install";

/** What the lab needs: everything, and where the official provider plugins cannot be had, the lab's stand-ins. */
export const labParts: readonly Part[] = allParts.map((part) =>
  part === providers
    ? {
        ...providers,
        ways: [
          ...providers.ways,
          {
            name: "lab stand-ins" as const,
            async make() {
              const pulumiHome = join(changeoverHome(), "stand-ins");
              await installStandIns(pulumiHome);
              return providersIn(pulumiHome);
            },
          },
        ],
      }
    : part,
);

export function pluginOrigins(tools: Tools): Record<string, "official" | "stand-in"> {
  const origin = tools.part(providers.name).way === "lab stand-ins" ? "stand-in" : "official";
  return Object.fromEntries(Object.keys(PROVIDERS).map((name) => [name, origin]));
}
