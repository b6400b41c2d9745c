import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installedLock, isLiving, productionPackages, sourcesOf } from "../../../automation/bundle/contents";
import { differences, epochOf, plainOutputs, type Exported } from "../../../automation/bundle/deployment";
import type { Facts } from "../../../automation/bundle/facts";
import { digests, judge, readManifest, verifyBundle } from "../../../automation/bundle/manifest";
import { runbookPage } from "../../../automation/bundle/page";
import { placePackages } from "../../../automation/bundle/place";
import { decide } from "../../../automation/bundle/reconcile";
import { betrays, pathsIn } from "../../../automation/bundle/secrets";
import { versionNotes, type Versions } from "../../../automation/bundle/versions";
import { stalePackages } from "../../../setup/node-packages.mjs";
import { loadTopology } from "../../../stacks/topology-file";

const ROOT = join(__dirname, "../../..");
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const secret = (ciphertext: string) => ({ [SIGNATURE]: "1b47061264138c4ac30d75fd1eb44270", ciphertext });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bundle-test-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function file(path: string, text = path): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function state(part: string, epoch: number, more: Record<string, unknown> = {}, extra: Partial<Exported["deployment"]> = {}): Exported {
  return {
    version: 3,
    deployment: {
      manifest: { time: `${epoch}` },
      resources: [
        {
          urn: `urn:pulumi:x-${part}::changeover::pulumi:pulumi:Stack::changeover-x-${part}`,
          type: "pulumi:pulumi:Stack",
          outputs: { activeSite: "primary", epoch, password: secret("v1:abc"), ...more },
        },
      ],
      ...extra,
    },
  };
}

describe("states", () => {
  it("outputs without their secrets, at any depth", () => {
    const outputs = plainOutputs(state("primary", 2, { deep: { list: [secret("x"), 1], object: { key: secret("y"), other: true } } }));
    expect(outputs).toEqual({ activeSite: "primary", epoch: 2, deep: { list: [1], object: { other: true } } });
  });

  it("differ by their resources, not by when they were saved or in which order keys stand", () => {
    const a = state("primary", 1);
    const b = JSON.parse(JSON.stringify(a)) as Exported;
    b.deployment.manifest = { time: "later" };
    b.deployment.resources = (b.deployment.resources ?? []).map(({ outputs = {}, type, urn }) => ({ outputs, type, urn }));
    expect(differences(a, b)).toEqual([]);
    expect(differences(a, state("primary", 1, { writes: "paused" }))).toHaveLength(1);
    expect(differences(a, { version: 3, deployment: {} })).toHaveLength(1);
  });

  it("do not differ by secrets that were encrypted anew", () => {
    expect(differences(state("primary", 1), state("primary", 1, { password: secret("v1:other") }))).toEqual([]);
  });

  it("an epoch is the stack's own", () => {
    expect([epochOf(state("data", 7)), epochOf({ version: 3, deployment: {} })]).toEqual([7, 0]);
  });
});

describe("what is reconciled", () => {
  const before = {
    part: "secondary",
    made: state("secondary", 1),
    mine: state("secondary", 1),
    theirs: state("secondary", 1),
    newSecrets: [],
  };
  const moved = { ...before, mine: state("secondary", 2) };
  const name = (part: string): string => `x-${part}`;

  it("is what the bundle moved and nothing else", () => {
    const untouched = { ...before, part: "edge", theirs: state("secondary", 1, { added: true }) };
    const { moved: list, unmoved, alreadyThere, epoch } = decide([moved, untouched], name);
    expect([list, alreadyThere, unmoved, epoch]).toEqual([[moved], [], [untouched], 2]);
  });

  it("is done once", () => {
    const done = { ...moved, theirs: state("secondary", 2, { password: secret("v1:encrypted anew") }) };
    expect(decide([done], name)).toMatchObject({ moved: [], alreadyThere: [done] });
  });

  const refusals: [string, Parameters<typeof decide>[0], RegExp][] = [
    ["a backend in a higher epoch", [{ ...moved, theirs: state("secondary", 3) }], /x-secondary has reached epoch 3.*epoch 2/],
    [
      "a backend in a higher epoch in another stack",
      [moved, { ...before, part: "primary", theirs: state("primary", 3) }],
      /x-primary has reached epoch 3/,
    ],
    [
      "a stack changed in the backend",
      [{ ...moved, theirs: state("secondary", 1, { added: true }) }],
      /changed in the backend.*x-secondary/,
    ],
    [
      "a secret set anew in the checkout",
      [{ ...moved, newSecrets: ["changeover:appPassword"] }],
      /changed in the backend.*changeover:appPassword/,
    ],
    [
      "a changeover that is not at its end",
      [{ ...moved, mine: state("secondary", 2, {}, { pending_operations: [{}] }) }],
      /pending.*\n.*to go on: .*resume/,
    ],
  ];
  it.each(refusals)("not over %s", (_, parts, message) => {
    expect(() => decide(parts, name)).toThrow(message);
  });
});

describe("a manifest", () => {
  const made = { "stacks/site.ts": "a", "Pulumi.x-primary.yaml": "b", "state/.pulumi/stacks/x.json": "c", "made/edge.json": "d" };

  it("is kept where nothing changed", () => {
    expect(judge(made, { ...made, "manifest.json": "whatever" })).toMatchObject({ ok: true, used: [], files: 4 });
  });

  const harms: [string, Record<string, string>, string, string][] = [
    ["a program changed", { ...made, "stacks/site.ts": "x" }, "changed", "stacks/site.ts"],
    ["what was made changed", { ...made, "made/edge.json": "x" }, "changed", "made/edge.json"],
    ["a file added", { ...made, "stacks/more.ts": "x" }, "added", "stacks/more.ts"],
    ["state changed, and no journal says why", { ...made, "state/.pulumi/stacks/x.json": "x" }, "changed", "state/.pulumi/stacks/x.json"],
  ];
  it.each(harms)("is not: %s", (_, now, how, path) => {
    expect(judge(made, now)).toMatchObject({ ok: false, [how]: [path] });
  });

  it("is not: a file missing", () => {
    const { "stacks/site.ts": _, ...rest } = made;
    expect(judge(made, rest)).toMatchObject({ ok: false, missing: ["stacks/site.ts"] });
  });

  it("knows use from harm by the journal", () => {
    const used = { ...made, "state/.pulumi/stacks/x.json": "x", "Pulumi.x-primary.yaml": "y", "journals/DR-1.jsonl": "z" };
    expect(judge(made, used)).toMatchObject({
      ok: true,
      used: ["Pulumi.x-primary.yaml", "journals/DR-1.jsonl", "state/.pulumi/stacks/x.json"],
    });
    expect(judge(made, { ...used, "stacks/site.ts": "x" })).toMatchObject({ ok: false, changed: ["stacks/site.ts"] });
  });

  it("holds for files and links on disk", async () => {
    file("a/one.txt");
    symlinkSync("one.txt", join(folder, "a/two"));
    file("manifest.json", JSON.stringify({ version: 1, packages: true, files: await digests(folder) }));
    expect(await verifyBundle(folder)).toMatchObject({ ok: true, files: 2 });
    file("a/one.txt", "another");
    expect(await verifyBundle(folder)).toMatchObject({ ok: false, changed: ["a/one.txt"] });
    // As somebody types it who stands in it.
    expect(await verifyBundle(`${relative(process.cwd(), folder)}/./`)).toMatchObject({ ok: false, changed: ["a/one.txt"], missing: [] });
  });

  it("is kept by a light one that has set its packages up", async () => {
    file("node_modules/pg/index.js");
    file("manifest.json", JSON.stringify({ version: 1, packages: false, files: {} }));
    expect(await verifyBundle(folder)).toMatchObject({ ok: true });
    file("manifest.json", JSON.stringify({ version: 1, packages: true, files: {} }));
    expect(await verifyBundle(folder)).toMatchObject({ ok: false, added: ["node_modules/pg/index.js"] });
  });

  it("is there, or the folder is no bundle", async () => {
    await expect(readManifest(folder)).rejects.toThrow(/DIR is .*changeover bundle --out/);
    file("manifest.json", "{}");
    await expect(readManifest(folder)).rejects.toThrow(/DIR is/);
  });
});

describe("contents", () => {
  it("are this checkout's programs and one environment's files", () => {
    const sources = sourcesOf(ROOT, "production");
    for (const path of [
      "Pulumi.yaml",
      "package-lock.json",
      "bin/changeover.mjs",
      "stacks/site.ts",
      "setup/sources.json",
      "topology.yaml",
      "Pulumi.production-data.yaml",
    ]) {
      expect(sources).toContain(path);
    }
    expect(sources.filter((path) => /^(lab|test|node_modules)\//.test(path))).toEqual([]);
    expect(sourcesOf(ROOT, "elsewhere").filter((path) => path.startsWith("Pulumi.") && path !== "Pulumi.yaml")).toEqual([]);
  });

  it("living is state, config and journals", () => {
    expect(["state/a", "journals/b", "Pulumi.x-cold.yaml"].map(isLiving)).toEqual([true, true, true]);
    expect(["Pulumi.yaml", "made/Pulumi.x-cold.yaml", "stacks/state.ts", "facts.json"].map(isLiving)).toEqual([false, false, false, false]);
  });

  it("packages: those of production that are there, complete to the starter's eye", async () => {
    const packages = {
      "": {},
      "node_modules/pg": { version: "8.0.0" },
      "node_modules/pg/node_modules/inner": { version: "1.0.0" },
      "node_modules/vitest": { version: "3.0.0", dev: true },
      "node_modules/elsewhere": { version: "1.0.0", optional: true },
    };
    file("from/package.json", JSON.stringify({ dependencies: { pg: "8.0.0" } }));
    file("from/package-lock.json", JSON.stringify({ packages }));
    const { "": _, ...installed } = packages;
    file("from/node_modules/.package-lock.json", JSON.stringify({ packages: installed }));
    for (const path of ["pg/index.js", "pg/lib/deep.js", "pg/node_modules/inner/index.js", "vitest/index.js"])
      file(`from/node_modules/${path}`);
    const from = join(folder, "from");
    const wanted = productionPackages(from);
    expect(wanted).toEqual(["node_modules/pg", "node_modules/pg/node_modules/inner"]);

    file("from/package.json", JSON.stringify({ dependencies: { pg: "8.0.0", vitest: "3.0.0" } }));
    expect(() => productionPackages(from)).toThrow(/package-lock\.json does not have vitest for production/);

    const to = join(folder, "to");
    expect(await placePackages(from, to, wanted)).toEqual({ linked: 3, copied: 0 });
    expect(Object.keys(await digests(join(to, "node_modules")))).toEqual([
      "pg/index.js",
      "pg/lib/deep.js",
      "pg/node_modules/inner/index.js",
    ]);
    expect(statSync(join(to, "node_modules/pg/index.js")).ino).toBe(statSync(join(from, "node_modules/pg/index.js")).ino);

    file("to/package-lock.json", JSON.stringify({ packages }));
    expect(stalePackages(to)).toMatch(/missing/);
    file("to/node_modules/.package-lock.json", installedLock(from, wanted));
    // What the packages were copied before is older than the lock file on some media.
    utimesSync(join(to, "node_modules/.package-lock.json"), new Date(), new Date());
    expect(stalePackages(to)).toBeUndefined();
  });
});

describe("secrets", () => {
  const kubeconfig = "apiVersion: v1\nusers:\n- user:\n    client-key-data: c2VjcmV0a2V5\n";

  it("are found as they are, quoted and encoded", () => {
    expect(betrays('{"a":"hunter2hunter2"}', ["hunter2hunter2"])).toBe(true);
    expect(betrays(JSON.stringify({ a: 'one line\n"another"' }), ['one line\n"another"'])).toBe(true);
    expect(betrays(Buffer.from("hunter2hunter2").toString("base64"), ["hunter2hunter2"])).toBe(true);
    expect(betrays("only the key: c2VjcmV0a2V5", [kubeconfig])).toBe(true);
  });

  it("are not found where they are not", () => {
    expect(betrays("apiVersion: v1\nusers:\n", [kubeconfig])).toBe(false);
    expect(betrays("anything at all", ["", "any"])).toBe(false);
  });
});

it("paths of the machine are found by the folders that they are in", () => {
  expect(pathsIn('ca: /work/main/.lab/ca.pem and "/home/op/x-y/z" and /usr/bin/node', ["/work/main", "/home/op"])).toEqual([
    "/home/op/x-y/z",
    "/work/main/.lab/ca.pem",
  ]);
});

it("versions that differ are told", () => {
  const made: Versions = {
    node: "20.19.0",
    platform: "linux-x64",
    programs: [
      { name: "pulumi", version: "3.1.0", sha256: "a" },
      { name: "aws", version: "7.0.0", sha256: "b" },
      { name: "postgresql", version: "3.0.0", sha256: "c" },
    ],
  };
  expect(versionNotes(made, { ...made, node: "20.20.1" })).toEqual([]);
  const here: Versions = {
    node: "22.1.0",
    platform: "linux-x64",
    programs: [
      { name: "pulumi", version: "3.2.0", sha256: "a" },
      { name: "aws", version: "7.0.0", sha256: "other" },
      { name: "postgresql", version: "3.0.0", sha256: null },
    ],
  };
  expect(versionNotes(made, here)).toEqual([
    expect.stringMatching(/Node\.js is 22\.1\.0/),
    expect.stringMatching(/pulumi is 3\.2\.0 here/),
    expect.stringMatching(/aws 7\.0\.0 is another build/),
    expect.stringMatching(/postgresql 3\.0\.0 is not on this machine/),
  ]);
});

describe("the runbook's page", () => {
  const topology = loadTopology(join(ROOT, "topology.yaml"));
  const site = (name: string, region: string, standby: "warm" | "cold", role: Facts["sites"][number]["role"]): Facts["sites"][number] => ({
    site: name,
    region,
    standby,
    role,
    epoch: 4,
    database: standby === "cold" ? null : { identifier: `db-${name}-1`, address: `${name}.db.example`, port: 5432, name: "service" },
    loadBalancer: `${name}.elb.example`,
    switchBucket: `${name}-switch`,
    takeoverKey: "takeover",
    controlBucket: `${name}-control`,
    outputs: {},
  });
  const facts: Facts = {
    environment: "production",
    service: "samia-tarot",
    madeAt: "2026-03-01T00:00:00Z",
    activeSite: "primary",
    epoch: 4,
    app: "app.samia-tarot.com",
    namespace: "samia-tarot",
    sites: [
      site("primary", "eu-north-1", "warm", "active"),
      site("secondary", "eu-west-1", "warm", "standby"),
      site("cold", "us-east-1", "cold", "dormant"),
    ],
    edge: {},
    data: {},
  };
  const versions: Versions = { node: "20.19.0", platform: "linux-x64", programs: [{ name: "pulumi", version: "3.220.0", sha256: "a" }] };
  const page = runbookPage({ facts, topology, versions, machinePaths: { "Pulumi.x.yaml": ["/srv/ca.pem"] }, packages: true });
  const commands = [...page.matchAll(/```sh\n([^]*?)```/g)].map(([, text = ""]) => text).join("\n");

  it("has every command with this environment's names", () => {
    for (const wanted of [
      "failover --to secondary --unreachable primary --accept-unfenced",
      "pulumi up -s production-secondary -c changeover:activeSite=secondary -c changeover:epoch=5",
      "pulumi up -s production-data",
      "promote-read-replica --region eu-west-1 --db-instance-identifier db-secondary-1",
      "host=secondary.db.example",
      "scale emergency-call 3 12",
      '{"activeSite":"secondary","epoch":5}',
      "--bucket secondary-switch --key takeover",
      "https://app.samia-tarot.com/emergency-call/writes/",
      "bundle reconcile DIR -e production",
    ]) {
      expect(commands).toContain(wanted);
    }
  });

  it("sends not one call to the active region, and says what is not in it", () => {
    expect(commands).not.toMatch(/eu-north-1|primary\.db|primary-switch/);
    expect(page).toMatch(/passphrase .*is \*\*not\*\* in here/);
    expect(page).toContain("`/srv/ca.pem`");
    expect(page.split("\n").length).toBeLessThan(100);
  });

  it("follows the service: once it is at secondary, the way is to primary", () => {
    const moved = runbookPage({ facts: { ...facts, activeSite: "secondary" }, topology, versions, machinePaths: {}, packages: true });
    expect(moved).toContain("failover --to primary --unreachable secondary");
    expect(moved).toContain("db-primary-1");
  });

  it("says so where there is nowhere to go", () => {
    const alone = { ...facts, sites: facts.sites.filter((one) => one.site !== "secondary") };
    expect(runbookPage({ facts: alone, topology, versions, machinePaths: {}, packages: false })).toMatch(/No warm standby exists/);
  });
});
