import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NotThisWay, type Part, type Site } from "./part";
import { needOnPath, run } from "./run";

const VERSION = "5.2.1";
const PACKAGE = `moto[server]==${VERSION}`;

export const moto: Part = {
  name: "moto",
  version: VERSION,
  neededFor: "the lab",
  tools: ["moto_server"],
  ways: [
    {
      name: "already there",
      async make(at) {
        const ask =
          "import flask, flask_cors, moto, os, sysconfig; print(moto.__version__); print(os.path.join(sysconfig.get_path('scripts'), 'moto_server'))";
        const [version, server = ""] = (await run(needOnPath("python3"), ["-c", ask])).trim().split("\n");
        if (version !== at.version) throw new NotThisWay(`python3 has moto ${version ?? "of no version"}`);
        await serves(server);
        return { tools: { moto_server: server } };
      },
    },
    {
      name: "Python packages",
      async make(at) {
        const python = needOnPath("python3");
        return { tools: { moto_server: (await inEnvironment(python, at).catch(() => undefined)) ?? (await inFolder(python, at)) } };
      },
    },
  ],
  advice: `install Python 3.9 or later with pip (and python3-venv where that is a package of its own), and let pip reach a package index; or \`pip install '${PACKAGE}'\` for the python3 on PATH`,
};

async function inEnvironment(python: string, at: Site): Promise<string> {
  const folder = join(at.folder, "venv");
  await run(python, ["-m", "venv", folder]);
  at.note("pip install");
  await run(join(folder, "bin", "python"), ["-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--quiet", PACKAGE]);
  const server = join(folder, "bin", "moto_server");
  await serves(server);
  return server;
}

/** Debian's python3 makes no environments unless a package of its own is installed; pip can fill a folder all the same. */
async function inFolder(python: string, at: Site): Promise<string> {
  const folder = join(at.folder, "packages");
  at.note("pip install");
  await run(python, ["-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--quiet", "--target", folder, PACKAGE]);
  const server = join(at.folder, "bin", "moto_server");
  mkdirSync(join(at.folder, "bin"), { recursive: true });
  writeFileSync(server, `#!/bin/sh\nPYTHONPATH='${folder}' exec '${python}' '${join(folder, "bin", "moto_server")}' "$@"\n`);
  chmodSync(server, 0o755);
  await serves(server);
  return server;
}

/** A package can be there and lack what it needs: see it run. */
async function serves(server: string): Promise<void> {
  await run(server, ["--help"], { env: { PYTHONDONTWRITEBYTECODE: "1" } });
}
