import { chmodSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { NotThisWay, type Part, type Site, type Way } from "./part";
import { isExecutable, needOnPath, onPath, run } from "./run";

/** The oldest version whose replicas follow a promotion as the lab needs it. */
const OLDEST = 14;
const TOOLS = ["postgres", "initdb", "pg_ctl", "pg_basebackup", "pg_verifybackup", "pg_rewind", "psql"] as const;

/** Where packages put versions that are not on PATH. */
const KEPT_IN = ["/usr/lib/postgresql", "/usr", "/usr/local", "/opt/homebrew/opt", "/usr/local/opt"];

export const postgresql: Part = {
  name: "postgresql",
  version: `${OLDEST}-or-later`,
  neededFor: "the lab",
  tools: TOOLS,
  ways: [
    {
      name: "already there",
      async make() {
        for (const folder of candidates()) {
          if (!TOOLS.every((name) => isExecutable(join(folder, name)))) continue;
          const version = await versionOf(join(folder, "postgres"));
          if (Number.parseInt(version) >= OLDEST)
            return { version, tools: Object.fromEntries(TOOLS.map((name) => [name, join(folder, name)])) };
        }
        throw new NotThisWay(`no PostgreSQL ${OLDEST} or later with ${TOOLS.join(", ")} in one folder`);
      },
    },
    debianPackages(),
  ],
  advice: `install PostgreSQL ${OLDEST} or later with its server (package postgresql, postgresql-server or alike)`,
};

/** Folders that may have the executables: PATH first, then the newest. Links are followed, because the real folder has them all. */
export function candidates(): string[] {
  const path = onPath("postgres").map((file) => dirname(realpathSync(file)));
  const kept = KEPT_IN.flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => /^(\d+|pgsql-\d+|postgresql@\d+)$/.test(name))
          .map((name) => ({ release: Number(/\d+$/.exec(name)?.[0]), bin: join(folder, name, "bin") }))
      : [],
  );
  kept.sort((a, b) => b.release - a.release);
  return [...new Set([...path, ...kept.map(({ bin }) => bin).filter((bin) => existsSync(join(bin, "postgres")))])];
}

async function versionOf(postgres: string): Promise<string> {
  const said = await run(postgres, ["--version"]);
  return /PostgreSQL\) (\S+)/.exec(said)?.[1] ?? "0";
}

/**
 * Packages of the distribution, downloaded and unpacked into the cache: nothing is installed, no root is needed. PostgreSQL finds its own files
 * relative to its executables; its libraries it finds through the wrappers in `bin`.
 *
 * @param options more arguments for apt-get, for tests
 */
export function debianPackages(options: string[] = []): Way {
  return {
    name: "Debian packages",
    async make(at) {
      const apt = needOnPath("apt-get");
      needOnPath("dpkg-deb");
      const tree = join(at.folder, "tree");
      const found = await fetchPackages(apt, options, at).catch(() => fetchPackages(apt, [...options, ...ownLists(at)], at, true));
      for (const file of found) await run("dpkg-deb", ["-x", file, tree]);
      for (const folder of ["packages", "apt"]) rmSync(join(at.folder, folder), { recursive: true, force: true });

      const servers = join(tree, "usr", "lib", "postgresql");
      const release = readdirSync(servers)[0] ?? "";
      const bin = join(servers, release, "bin");
      // Without it PostgreSQL goes on without compiling queries; with it, it wants a compiler library of 100 MB.
      rmSync(join(servers, release, "lib", "llvmjit.so"), { force: true });
      const tools = wrap(at, bin, libraryFolders(tree));
      const version = await versionOf(tools["postgres"] ?? "");
      if (Number.parseInt(version) < OLDEST) throw new NotThisWay(`the distribution has PostgreSQL ${version}`);
      return { version, tools };
    },
  };
}

/** Lists of packages of our own, for a machine whose lists are missing or out of date; `apt-get update` there needs no root. */
function ownLists(at: Site): string[] {
  const apt = join(at.folder, "apt");
  mkdirSync(join(apt, "lists", "partial"), { recursive: true });
  mkdirSync(join(apt, "cache", "archives", "partial"), { recursive: true });
  return ["-o", `Dir::State::lists=${apt}/lists`, "-o", `Dir::Cache=${apt}/cache`];
}

async function fetchPackages(apt: string, options: string[], at: Site, update = false): Promise<string[]> {
  if (update) {
    at.note("lists of packages");
    await run(apt, [...options, "-o", "APT::Sandbox::User=", "update"]);
  }
  // A dry run says which packages are missing, in versions that fit what the machine has.
  const plan = await run(apt, [...options, "--simulate", "--no-install-recommends", "install", "postgresql"], { env: { LC_ALL: "C" } });
  const packages = packagesOf(plan);
  if (packages.length === 0) throw new NotThisWay("apt-get would install no PostgreSQL");
  const folder = join(at.folder, "packages");
  mkdirSync(folder, { recursive: true });
  at.note(`${packages.length} packages`);
  await run(apt, [...options, "-o", "APT::Sandbox::User=", "download", ...packages], { cwd: folder });
  return readdirSync(folder).map((name) => join(folder, name));
}

/** The server, the client and the libraries that the machine lacks, out of what `apt-get --simulate install postgresql` says. */
export function packagesOf(plan: string): string[] {
  return [...plan.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)]
    .filter(([, name = ""]) => /^postgresql-(client-)?\d+$|^lib(?!llvm).*(?<!-perl)$/.test(name))
    .map(([, name = "", version = ""]) => `${name}=${version}`);
}

function libraryFolders(tree: string): string[] {
  const usr = ["usr/lib", "lib"].map((folder) => join(tree, folder)).filter((folder) => existsSync(folder));
  return usr.flatMap((folder) => [
    folder,
    ...readdirSync(folder)
      .filter((name) => name.includes("-linux-gnu"))
      .map((name) => join(folder, name)),
  ]);
}

function wrap(at: Site, bin: string, libraries: string[]): Record<string, string> {
  const folder = join(at.folder, "bin");
  mkdirSync(folder);
  return Object.fromEntries(
    TOOLS.map((name) => {
      const wrapper = join(folder, name);
      const path = `${libraries.join(":")}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}`;
      writeFileSync(wrapper, `#!/bin/sh\nexport LD_LIBRARY_PATH="${path}"\nexec "${join(bin, name)}" "$@"\n`);
      chmodSync(wrapper, 0o755);
      return [name, wrapper];
    }),
  );
}
