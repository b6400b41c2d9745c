import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import manifest from "../package.json";
import { mustAnswer } from "./download";
import { goBuild } from "./go";
import type { Tools } from "./index";
import { NotThisWay, type Part, type Site, type Way } from "./part";
import { isExecutable, onPath, run } from "./run";
import sources from "./sources.json";

/** The CLI and the SDK go together: toolchain pins are the packages' own. */
const VERSION = manifest.dependencies["@pulumi/pulumi"];

/** The provider plugins, with the versions of their packages. */
export const PROVIDERS = {
  aws: manifest.dependencies["@pulumi/aws"],
  kubernetes: manifest.dependencies["@pulumi/kubernetes"],
  postgresql: manifest.dependencies["@pulumi/postgresql"],
} as const;

export const pulumi: Part = {
  name: "pulumi",
  version: VERSION,
  neededFor: "every verb",
  tools: ["pulumi"],
  ways: [
    {
      name: "already there",
      async make(at) {
        for (const path of onPath("pulumi")) {
          // The Automation API is given the folder above `bin`.
          if (basename(dirname(path)) !== "bin") continue;
          const version = await run(path, ["version"], { env: quiet(at.home) });
          // A build of one's own may go without the v.
          if (version.trim().replace(/^v/, "") === at.version) return { tools: { pulumi: path } };
        }
        throw new NotThisWay(`no pulumi ${at.version} in a bin folder on PATH`);
      },
    },
    {
      name: "official download",
      async make(at) {
        await mustAnswer(sources.download.pulumi.installer);
        // The SDK installs the CLI of its own version. Loaded here only: it takes longer than all the rest when nothing is to do.
        const { PulumiCommand } = await import("@pulumi/pulumi/automation/index.js");
        await within(quiet(at.home), () => PulumiCommand.install({ root: at.folder }));
        return { tools: { pulumi: join(at.folder, "bin", "pulumi") } };
      },
    },
    goBuild("pulumi"),
  ],
  advice: `install Pulumi ${VERSION} on PATH, or Go (the version of setup/go/pulumi/go.mod or later) and a way to its module proxy`,
};

const buildLanguageHost = goBuild("pulumi-language-nodejs");

const WHOLE = `install Pulumi ${VERSION} whole, with the executables beside it`;

export const languageHost: Part = {
  name: "pulumi-language-nodejs",
  version: VERSION,
  neededFor: "every verb",
  tools: ["pulumi-language-nodejs"],
  ways: [
    besideCli("pulumi-language-nodejs"),
    {
      name: "Go build",
      async make(at) {
        const made = await buildLanguageHost.make(at);
        putBesideCli(at, "pulumi-language-nodejs", made.tools["pulumi-language-nodejs"] ?? "");
        return made;
      },
    },
  ],
  advice: WHOLE,
};

const SCRIPT = "script of our own";

/** What the CLI starts a policy pack with; in its distribution it is a script, which the CLI alone does not have. */
const RUN_PACK = `#!/usr/bin/env node
// A policy pack brings the SDK that runs it: this finds it from the pack's folder, in which the CLI starts it.
const { createRequire } = require("node:module");
const { join } = require("node:path");
const pack = createRequire(join(process.cwd(), "package.json"));
// Changeover's own pack is served once for many stacks: then it only has a port to name, and needs no SDK for that.
if (process.env.CHANGEOVER_POLICIES_AT) pack("./index.js");
else require(pack.resolve("@pulumi/pulumi/cmd/run-policy-pack"));
`;

export const policyAnalyzer: Part = {
  name: "pulumi-analyzer-policy",
  version: VERSION,
  neededFor: "every verb",
  tools: ["pulumi-analyzer-policy"],
  current: ({ way, tools }) => way !== SCRIPT || readFileSync(tools["pulumi-analyzer-policy"] ?? "", "utf8") === RUN_PACK,
  ways: [
    besideCli("pulumi-analyzer-policy"),
    {
      name: SCRIPT,
      make(at) {
        const path = join(at.folder, "pulumi-analyzer-policy");
        writeFileSync(path, RUN_PACK, { mode: 0o755 });
        putBesideCli(at, "pulumi-analyzer-policy", path);
        return Promise.resolve({ tools: { "pulumi-analyzer-policy": path } });
      },
    },
  ],
  advice: WHOLE,
};

function besideCli(tool: string): Way {
  return {
    name: "already there",
    make(at) {
      const path = join(dirname(at.tool("pulumi")), tool);
      if (!isExecutable(path)) throw new NotThisWay("not beside the Pulumi CLI, as its distribution has it");
      return Promise.resolve({ tools: { [tool]: path } });
    },
  };
}

/** The CLI looks for it in its own folder. One that is not ours is left as it is: there PATH has to have it. */
function putBesideCli(at: Site, tool: string, path: string): void {
  const beside = join(dirname(at.tool("pulumi")), tool);
  if (resolve(beside).startsWith(`${at.home}/`) && !existsSync(beside)) symlinkSync(path, beside);
}

/** The plugins' home when they are the official ones: the `PULUMI_HOME` to run the CLI with. */
export function officialPlugins(home: string): string {
  return join(home, "pulumi");
}

export const officialProviders: Way = {
  name: "official download",
  async make(at) {
    const pulumiHome = officialPlugins(at.home);
    if (!Object.entries(PROVIDERS).every(([name, version]) => existsSync(pluginFile(pulumiHome, name, version)))) {
      await mustAnswer(sources.download.pulumi.plugins);
    }
    for (const [name, version] of Object.entries(PROVIDERS)) {
      at.note(name);
      await run(at.tool("pulumi"), ["plugin", "install", "resource", name, `v${version}`], { env: quiet(at.home) });
    }
    return providersIn(pulumiHome);
  },
};

/** The `PULUMI_HOME` that has the provider plugins: official or stand-ins. */
export function pulumiHomeOf(tools: Tools): string {
  return resolve(tools.tool("pulumi-resource-aws"), "../../..");
}

/** The provider plugins' executables in a `PULUMI_HOME`, named as tools. */
export function providersIn(pulumiHome: string): { tools: Record<string, string> } {
  const tools = Object.entries(PROVIDERS).map(
    ([name, version]) => [`pulumi-resource-${name}`, pluginFile(pulumiHome, name, version)] as const,
  );
  return { tools: Object.fromEntries(tools) };
}

function pluginFile(pulumiHome: string, name: string, version: string): string {
  return join(pulumiHome, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
}

export const providers: Part = {
  name: "providers",
  version: Object.values(PROVIDERS).join("+"),
  neededFor: "every verb",
  tools: Object.keys(PROVIDERS).map((name) => `pulumi-resource-${name}`),
  ways: [officialProviders],
  advice: "let the machine reach the Pulumi plugin downloads, or put the plugins into the cache with `pulumi plugin install --file`",
};

/** Keeps the CLI out of `~/.pulumi` and from asking for a newer self. */
function quiet(home: string): Record<string, string> {
  return { PULUMI_HOME: officialPlugins(home), PULUMI_SKIP_UPDATE_CHECK: "true" };
}

/** `PulumiCommand` starts its children with this process's environment. */
async function within<T>(variables: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
}
