import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { etcd, kubernetes } from "../../../setup/kubernetes";
import { allParts } from "../../../setup/parts";
import { packagesOf, postgresql } from "../../../setup/postgresql";
import { languageHost, policyAnalyzer, pulumi } from "../../../setup/pulumi";
import type { Made, Part } from "../../../setup/part";
import { executable, scratchHome } from "./scratch";

const home = scratchHome();
const path = process.env["PATH"];
afterEach(() => {
  process.env["PATH"] = path;
});

/** Looks on a PATH that has one folder of ours first. */
async function alreadyThere(part: Part, tools: Record<string, string>, earlier: Record<string, string> = {}): Promise<Made> {
  const bin = join(home.path, "machine", "bin");
  for (const [name, says] of Object.entries(tools)) executable(join(bin, name), `#!/bin/sh\necho '${says}'\n`);
  process.env["PATH"] = `${bin}:/usr/bin:/bin`;
  const way = part.ways.find(({ name }) => name === "already there");
  if (way === undefined) throw new Error("no such way");
  return way.make({
    home: home.path,
    folder: join(home.path, "tools", part.name),
    version: part.version,
    note: () => undefined,
    tool: (name) => earlier[name] ?? "",
  });
}

test.each([
  ["Pulumi of the SDK's version", pulumi, { pulumi: `v${pulumi.version}` }],
  ["Pulumi built by hand", pulumi, { pulumi: pulumi.version }],
  ["etcd of the same line", etcd, { etcd: "etcd Version: 3.6.1\nGit SHA: x" }],
  ["the servers of Kubernetes", kubernetes, { "kube-apiserver": "Kubernetes v1.37.2", "kube-controller-manager": "Kubernetes v1.37.2" }],
])("takes from PATH: %s", async (_, part, tools) => {
  const made = await alreadyThere(part, tools);
  expect(Object.keys(made.tools).sort()).toEqual([...part.tools].sort());
});

test.each([
  ["Pulumi of another version", pulumi, { pulumi: "v3.100.0" }],
  ["etcd of another line", etcd, { etcd: "etcd Version: 3.5.9" }],
  ["one server of Kubernetes alone", kubernetes, { "kube-apiserver": "Kubernetes v1.37.2" }],
  [
    "servers of Kubernetes of two versions",
    kubernetes,
    { "kube-apiserver": "Kubernetes v1.37.2", "kube-controller-manager": "Kubernetes v1.36.0" },
  ],
])("leaves on PATH: %s", async (_, part, tools) => {
  await expect(alreadyThere(part, tools)).rejects.toThrow(/^no /);
});

test("PostgreSQL counts with all its programs, from one folder; a version that is too old does not", async () => {
  const server = Object.fromEntries(postgresql.tools.map((name) => [name, "postgres (PostgreSQL) 17.2 (Debian)"]));
  const made = await alreadyThere(postgresql, server);
  expect(made.version).toBe("17.2");
  expect(made.tools["initdb"]).toBe(join(home.path, "machine", "bin", "initdb"));
  const old = await alreadyThere(postgresql, { ...server, postgres: "postgres (PostgreSQL) 12.9" }).catch(() => undefined);
  expect(old?.tools["initdb"]).not.toBe(join(home.path, "machine", "bin", "initdb"));
});

test("the language host is taken from beside the CLI, never from elsewhere on PATH", async () => {
  const bin = join(home.path, "cli", "bin");
  executable(join(bin, "pulumi"));
  await expect(alreadyThere(languageHost, { "pulumi-language-nodejs": "" }, { pulumi: join(bin, "pulumi") })).rejects.toThrow("not beside");
  const host = executable(join(bin, "pulumi-language-nodejs"));
  expect((await alreadyThere(languageHost, {}, { pulumi: join(bin, "pulumi") })).tools).toEqual({ "pulumi-language-nodejs": host });
});

test("a policy pack is run by the SDK that it brings, where the CLI came without its script", async () => {
  const cli = executable(join(home.path, "cli", "bin", "pulumi"));
  const folder = join(home.path, "tools", policyAnalyzer.name);
  mkdirSync(folder, { recursive: true });
  const way = policyAnalyzer.ways.find(({ name }) => name === "script of our own");
  const made = await way?.make({ home: home.path, folder, version: "1.0.0", note: () => undefined, tool: () => cli });
  expect(made && policyAnalyzer.current?.({ way: "script of our own", tools: made.tools })).toBe(true);
  // As the CLI does: in the pack's folder, from beside itself.
  const pack = join(home.path, "checkout", "policies");
  executable(join(pack, "../node_modules/@pulumi/pulumi/cmd/run-policy-pack/index.js"), "console.log(process.argv.slice(2).join());");
  mkdirSync(pack, { recursive: true });
  const said = execFileSync(join(home.path, "cli", "bin", "pulumi-analyzer-policy"), ["127.0.0.1:1", ".", "-typescript=false"], {
    cwd: pack,
    encoding: "utf8",
  });
  expect(said).toBe("127.0.0.1:1,.,-typescript=false\n");
});

test("of what apt-get would install, only servers, clients and libraries are fetched", () => {
  const plan = `NOTE: This is only a simulation!
Inst libjson-perl (4.10-1 Debian:12.1/oldstable [all])
Inst postgresql-client-common (248 Debian:12.1/oldstable [all])
Inst libpq5 [15.1-0] (15.20-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
Inst postgresql-client-15 (15.20-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
Inst postgresql-common (248 Debian:12.1/oldstable [all])
Inst libllvm14 (1:14.0.6-12 Debian:12.1/oldstable [amd64])
Inst postgresql-15 (15.20-0+deb12u1 Debian-Security:12/oldstable-security [amd64])
Inst postgresql (15+248 Debian:12.1/oldstable [all])
Conf libpq5 (15.20-0+deb12u1 Debian-Security:12/oldstable-security [amd64])`;
  expect(packagesOf(plan)).toEqual(["libpq5=15.20-0+deb12u1", "postgresql-client-15=15.20-0+deb12u1", "postgresql-15=15.20-0+deb12u1"]);
});

test("each part comes after the parts that it is made with, under a name of its own", () => {
  const names = allParts.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.indexOf("pulumi")).toBeLessThan(names.indexOf("pulumi-language-nodejs"));
  expect(names.indexOf("pulumi")).toBeLessThan(names.indexOf("providers"));
});

test.each([
  ["etcd", "go.etcd.io/etcd/server/v3", etcd.version],
  ["pulumi", "github.com/pulumi/pulumi/pkg/v3", pulumi.version],
  ["kubernetes", "k8s.io/kubernetes", kubernetes.version],
])("setup/go/%s builds the version that the part has", (module, dependency, version) => {
  const text = readFileSync(join(__dirname, "../../../setup/go", module, "go.mod"), "utf8");
  expect(text).toContain(`${dependency} v${version}\n`);
});
