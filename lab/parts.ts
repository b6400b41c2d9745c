import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Part, Tools } from "../setup";
import { changeoverHome } from "../setup/home.mjs";
import { allParts } from "../setup/parts";
import { PROVIDERS, providers, providersIn } from "../setup/pulumi";
import { ROOT } from "./folder";
import { installStandIns } from "./providers/install";

/** Stand-ins are built from this checkout's source; another checkout with the same cache has its own. */
const pulumiHome = join(changeoverHome(), "stand-ins", createHash("sha256").update(ROOT).digest("hex").slice(0, 12));

/** What the lab needs: everything, and where the official provider plugins cannot be had, the lab's stand-ins. */
export const labParts: readonly Part[] = allParts.map((part) =>
  part === providers
    ? {
        ...providers,
        current: ({ way, tools }) => way !== "lab stand-ins" || Object.values(tools).every((path) => path.startsWith(pulumiHome)),
        ways: [
          ...providers.ways,
          {
            name: "lab stand-ins" as const,
            async make() {
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
