import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkSum, download, fill } from "./download";
import { goBuild } from "./go";
import { NotThisWay, type Part, type Site } from "./part";
import { isExecutable, onPath, run } from "./run";
import sources from "./sources.json";

const SERVERS = ["kube-apiserver", "kube-controller-manager"] as const;

export const kubernetes: Part = {
  name: "kubernetes",
  version: "1.37.2",
  neededFor: "the lab",
  tools: SERVERS,
  ways: [
    {
      name: "already there",
      async make(at) {
        for (const folder of onPath("kube-apiserver").map(dirname)) {
          const paths = SERVERS.map((name) => join(folder, name));
          if (!paths.every(isExecutable)) continue;
          const versions = await Promise.all(paths.map((path) => run(path, ["--version"])));
          if (versions.every((text) => text.trim() === `Kubernetes v${at.version}`)) {
            return { tools: Object.fromEntries(SERVERS.map((name) => [name, join(folder, name)])) };
          }
        }
        throw new NotThisWay(`no ${SERVERS.join(" and ")} ${at.version} on PATH`);
      },
    },
    {
      name: "official download",
      async make(at) {
        const tools: Record<string, string> = {};
        for (const tool of SERVERS) {
          const values = { version: at.version, tool };
          const content = await download(fill(sources.download.kubernetes.file, values));
          checkSum(content, (await download(fill(sources.download.kubernetes.sums, values))).toString(), tool);
          tools[tool] = place(at, tool, content);
        }
        return { tools };
      },
    },
    goBuild(...SERVERS),
  ],
  advice: `put ${SERVERS.join(" and ")} 1.37.2 on PATH, or install Go (the version of setup/go/kubernetes/go.mod or later) and a way to its module proxy`,
};

export const etcd: Part = {
  name: "etcd",
  version: "3.6.6",
  neededFor: "the lab",
  tools: ["etcd"],
  ways: [
    {
      name: "already there",
      async make(at) {
        const line = at.version.split(".").slice(0, 2).join(".");
        for (const path of onPath("etcd")) {
          const version = /^etcd Version: (\S+)/.exec(await run(path, ["--version"]))?.[1];
          if (version?.startsWith(`${line}.`)) return { version, tools: { etcd: path } };
        }
        throw new NotThisWay(`no etcd ${line} on PATH`);
      },
    },
    {
      name: "official download",
      async make(at) {
        const url = fill(sources.download.etcd.file, { version: at.version });
        const archive = url.slice(url.lastIndexOf("/") + 1);
        const content = await download(url);
        checkSum(content, (await download(fill(sources.download.etcd.sums, { version: at.version }))).toString(), archive);
        return { tools: { etcd: await unpack(at, content, "etcd") } };
      },
    },
    goBuild("etcd"),
  ],
  advice: "put etcd 3.6 on PATH, or install Go (the version of setup/go/etcd/go.mod or later) and a way to its module proxy",
};

function place(at: Site, tool: string, content: Buffer): string {
  const path = join(at.folder, "bin", tool);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, 0o755);
  return path;
}

/** One executable out of a .tar.gz with one folder on top. */
async function unpack(at: Site, archive: Buffer, tool: string): Promise<string> {
  const folder = mkdtempSync(join(at.folder, "unpack-"));
  const file = join(folder, "archive.tar.gz");
  writeFileSync(file, archive);
  await run("tar", ["-xzf", file, "-C", folder, "--strip-components=1", "--no-same-owner"]);
  const path = join(at.folder, "bin", tool);
  mkdirSync(dirname(path), { recursive: true });
  renameSync(join(folder, tool), path);
  rmSync(folder, { recursive: true });
  return path;
}
