import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BundleReport } from "../../automation/bundle/write";
import type { Facts } from "../../automation/bundle/facts";
import type { Published } from "../../automation/bundle/publish";
import type { Reconciled } from "../../automation/bundle/reconcile";
import { readJournal } from "../../automation/journal";
import type { Status } from "../../automation/status";
import { callsTo } from "../../lab/control";
import { labFiles, labFolder } from "../../lab/folder";
import { ROOT, changeover, clean, labUp, run, type Ended } from "./command";

const STACKS = ["lab-primary", "lab-secondary", "lab-cold", "lab-edge", "lab-data"];
const FAILOVER = ["failover", "--to", "secondary", "--unreachable", "primary", "--yes", "--json"];

let env: Record<string, string>;
let bundle: string;
let facts: Facts;

/** The command as somebody types it who has the bundle and nothing else. */
function fromBundle(args: string[]): Promise<Ended> {
  return run(process.execPath, [join(bundle, "bin/changeover.mjs"), ...args], env, bundle);
}

async function object(site: string, key: string): Promise<string> {
  const { region, controlBucket } = facts.sites.find((one) => one.site === site)!;
  const { stdout, stderr } = await run("aws", ["s3", "cp", "--region", region, `s3://${controlBucket}/${key}`, "-"], env);
  return stdout || stderr;
}

async function made(args: string[]): Promise<{ bundle: BundleReport | null; published: Published[] | null }> {
  const ended = await changeover(["bundle", ...args, "--json"], env);
  expect(ended.code, ended.stderr).toBe(0);
  return JSON.parse(ended.stdout) as { bundle: BundleReport | null; published: Published[] | null };
}

beforeAll(async () => {
  await changeover(["lab", "down"]);
  env = await labUp();
  bundle = join(mkdtempSync(join(tmpdir(), "bundle-")), "lab");
});

afterAll(async () => {
  await changeover(["lab", "down"]);
  rmSync(join(bundle, ".."), { recursive: true, force: true });
});

/** Every step stands on the one before. */
describe("a failover with the backend unreachable", () => {
  it("doctor knows that the state is one machine's, and what to do about it", async () => {
    const { code, stdout } = await changeover(["doctor", "-e", "lab", "--json"], env);
    expect(code, stdout).toBe(0);
    const { standing } = JSON.parse(stdout) as {
      standing: { activeSite: string; checks: { name: string; level: string; satisfy?: string }[] };
    };
    expect(standing.activeSite).toBe("primary");
    const state = standing.checks.find(({ name }) => name === "state");
    expect([state?.level, state?.satisfy]).toEqual(["warning", expect.stringMatching(/changeover bundle --out/)]);
  });

  it("doctor refuses a backend in the active region", async () => {
    const { code, stdout } = await changeover(["doctor", "-e", "lab"], { ...env, PULUMI_BACKEND_URL: "s3://state?region=eu-north-1" });
    expect([code, stdout]).toEqual([3, expect.stringMatching(/refused +state .*eu-north-1.*\n +to go on: move the state/)]);
  });

  it("a bundle is made, with the facts at every site", async () => {
    const { bundle: report, published } = await made(["--out", bundle, "--publish"]);
    expect(report).toMatchObject({ environment: "lab", activeSite: "primary", epoch: 1 });
    expect(report?.stacks.sort()).toEqual([...STACKS].sort());
    expect(published?.map(({ site, failure }) => [site, failure])).toEqual([
      ["primary", undefined],
      ["secondary", undefined],
      ["cold", undefined],
    ]);
    facts = JSON.parse(readFileSync(join(bundle, "facts.json"), "utf8")) as Facts;
    for (const site of ["primary", "secondary", "cold"]) {
      expect(JSON.parse(await object(site, "facts/latest.json")), site).toEqual(facts);
      expect(JSON.parse(await object(site, `facts/${facts.madeAt}.json`)), site).toEqual(facts);
    }
    expect(facts.sites.find(({ site }) => site === "secondary")?.database?.address).toMatch(/^127\.20\./);
  });

  it("nothing secret is in it in plain text, nor a path of the machine but the certificate's", async () => {
    const config = await run("pulumi", ["config", "--stack", "lab-secondary", "--show-secrets", "--json"], env);
    const secrets = Object.values(JSON.parse(config.stdout) as Record<string, { value: string; secret: boolean }>).flatMap((one) =>
      one.secret ? [one.value] : [],
    );
    secrets.push(readFileSync(env["PULUMI_CONFIG_PASSPHRASE_FILE"] ?? "", "utf8").trim());
    expect(secrets.length).toBeGreaterThanOrEqual(4);
    const naming = new Set<string>();
    for (const entry of readdirSync(bundle, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || path.includes("/node_modules/")) continue;
      const text = readFileSync(path, "utf8");
      for (const secret of secrets) expect(text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)), path).toBe(false);
      for (const [found] of text.matchAll(new RegExp(`${ROOT}[\\w./-]*`, "g"))) naming.add(found);
    }
    expect([...naming]).toEqual([expect.stringMatching(/certificates\/ca\.pem$/)]);
    expect(readFileSync(join(bundle, "RUNBOOK.md"), "utf8")).toContain([...naming][0]);
  });

  it("it is as it was made, and a flipped bit would be seen", async () => {
    expect((await fromBundle(["bundle", "verify", "."])).code).toBe(0);
    const file = join(bundle, "stacks/site.ts");
    const before = readFileSync(file);
    writeFileSync(file, `${before.toString()} `);
    const spoiled = await changeover(["bundle", "verify", bundle], env);
    expect([spoiled.code, spoiled.stdout]).toEqual([3, expect.stringMatching(/changed.* stacks\/site\.ts/)]);
    writeFileSync(file, before);
  });

  it("facts go to the sites that answer; the lost one is named and skipped", async () => {
    expect((await changeover(["lab", "outage", "primary"])).code).toBe(0);
    const { published } = await made(["--publish"]);
    expect(published?.map(({ site, failure }) => [site, failure === undefined])).toEqual([
      ["primary", false],
      ["secondary", true],
      ["cold", true],
    ]);
    const told = await changeover(["bundle", "--publish", "--skip", "primary"], env);
    expect(told.stdout).toMatch(/primary .*skipped: not asked/);
  });

  it("the backend is gone: the checkout can do nothing", async () => {
    const { state } = labFiles(labFolder());
    renameSync(state, `${state}.away`);
    writeFileSync(state, "no folder: every access fails\n");
    expect((await changeover(["status", "--skip", "primary"], env)).code).not.toBe(0);
  });

  it("the failover runs from the bundle, to a verified write", async () => {
    const before = await callsTo("eu-north-1");
    const { stdout: help } = await fromBundle(["failover", "--help"]);
    const ended = await fromBundle([
      ...FAILOVER,
      ...(help.includes("--accept-unfenced") ? ["--accept-unfenced", "the region is lost"] : []),
    ]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain(`state in ${join(bundle, "state")}`);
    const report = JSON.parse(ended.stdout) as {
      from: string;
      to: string;
      epoch: number;
      journal: string;
      verified: { key: string; address: string };
    };
    expect(report).toMatchObject({ from: "primary", to: "secondary", epoch: 2 });
    expect(report.journal.startsWith(join(bundle, "journals"))).toBe(true);
    expect(await callsTo("eu-north-1")).toBe(before);
    const { key, address } = report.verified;
    const port = env["CHANGEOVER_PORT"] ?? "443";
    const host = `app.samia-tarot.com:${port}`;
    const read = [
      "--cacert",
      env["NODE_EXTRA_CA_CERTS"] ?? "",
      "--resolve",
      `${host}:${address}`,
      `https://${host}/emergency-call/writes/${key}`,
    ];
    const row = await run("curl", ["--silent", "--max-time", "3", ...read], env);
    // A pod that was already there may have taken it before it rolled: the site is what matters.
    expect(JSON.parse(row.stdout)).toMatchObject({ key, site: "secondary" });
    expect(readFileSync(labFiles(labFolder()).state, "utf8")).toMatch(/no folder/);
  });

  it("the bundle knows that it was used, and is not written over", async () => {
    const verified = await fromBundle(["bundle", "verify", ".", "--json"]);
    const { ok, used } = JSON.parse(verified.stdout) as { ok: boolean; used: string[] };
    expect([ok, used]).toEqual([true, expect.arrayContaining(["Pulumi.lab-secondary.yaml", "Pulumi.lab-data.yaml"])]);
  });

  it("reconciling waits for the backend", async () => {
    expect((await changeover(["bundle", "reconcile", bundle], env)).code).not.toBe(0);
    const { state } = labFiles(labFolder());
    rmSync(state);
    renameSync(`${state}.away`, state);
    const again = await changeover(["bundle", "--out", bundle], env);
    expect([again.code, again.stderr]).toEqual([3, expect.stringMatching(/was used.*\n.*changeover bundle reconcile/)]);
  });

  it("reconciling refuses a backend that has moved on, and changes nothing", async () => {
    const original = join(bundle, "..", "original.json");
    const touched = join(bundle, "..", "touched.json");
    await run("pulumi", ["stack", "export", "-s", "lab-secondary", "--file", original], env);
    const spoil = async (change: (outputs: Record<string, unknown>) => void): Promise<Ended> => {
      const state = JSON.parse(readFileSync(original, "utf8")) as {
        deployment: { resources: { type: string; outputs: Record<string, unknown> }[] };
      };
      change(state.deployment.resources.find(({ type }) => type === "pulumi:pulumi:Stack")!.outputs);
      writeFileSync(touched, JSON.stringify(state));
      expect((await run("pulumi", ["stack", "import", "-s", "lab-secondary", "--file", touched], env)).code).toBe(0);
      return changeover(["bundle", "reconcile", bundle], env);
    };
    const ahead = await spoil((outputs) => (outputs["epoch"] = 7));
    expect([ahead.code, ahead.stderr]).toEqual([3, expect.stringMatching(/lab-secondary has reached epoch 7/)]);
    const changed = await spoil((outputs) => (outputs["more"] = true));
    expect([changed.code, changed.stderr]).toEqual([
      3,
      expect.stringMatching(/lab-secondary was changed in the backend.*\n.*pulumi refresh/),
    ]);
    expect(readFileSync(join(ROOT, "Pulumi.lab-secondary.yaml"), "utf8")).toMatch(/changeover:activeSite'?: primary/);
    expect((await run("pulumi", ["stack", "import", "-s", "lab-secondary", "--file", original], env)).code).toBe(0);
  });

  it("reconciled, the backend knows what was done: previews are clean and the journal is here", async () => {
    const ended = await changeover(["bundle", "reconcile", bundle, "--json"], env);
    expect(ended.code, ended.stderr).toBe(0);
    const report = JSON.parse(ended.stdout) as Reconciled;
    expect(report).toMatchObject({ epoch: 2, alreadyThere: [] });
    expect(report.imported.sort()).toEqual(["lab-data", "lab-secondary"]);
    expect(report.unmoved.sort()).toEqual(["lab-cold", "lab-edge", "lab-primary"]);
    expect(report.config["lab-secondary"]).toMatchObject({ activeSite: "secondary", epoch: "2" });
    expect(report.journals.length).toBeGreaterThan(0);
    for (const name of report.journals) expect(readJournal(join(labFiles(labFolder()).journals, name)).length).toBeGreaterThan(3);

    const { stdout } = await changeover(["status", "--json", "--skip", "primary"], env);
    expect(JSON.parse(stdout) as Status).toMatchObject({ activeSite: "secondary", epoch: 2 });
    for (const stack of ["lab-secondary", "lab-data", "lab-cold", "lab-edge"]) expect(await clean(stack, env), stack).toBe("clean");
    expect((await changeover(["lab", "heal", "primary"])).code).toBe(0);
    expect(await clean("lab-primary", env)).toBe("clean");
  });

  it("a second time there is nothing to do", async () => {
    const ended = await changeover(["bundle", "reconcile", bundle, "--json"], env);
    expect(ended.code, ended.stderr).toBe(0);
    const report = JSON.parse(ended.stdout) as Reconciled;
    expect(report).toMatchObject({ imported: [], config: {}, journals: [] });
    expect(report.alreadyThere.sort()).toEqual(["lab-data", "lab-secondary"]);
    expect(existsSync(join(bundle, "replaced/secondary.json"))).toBe(true);
  });
});
