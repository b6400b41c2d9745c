import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MoveReport } from "../../automation/changeover/report";
import type { EstimateReport } from "../../automation/estimate";
import { readJournal } from "../../automation/journal";
import type { Plan } from "../../automation/plan/plan";
import type { Status } from "../../automation/status";
import { askLab, callsTo, runningLab } from "../../lab/control";
import { labFolder } from "../../lab/folder";
import type { DrillResult } from "../../lab/drill/result";
import type { LabStatus } from "../../lab/status";
import { ROOT, changeover, clean, labUp, run } from "./command";

const STACKS = ["lab-primary", "lab-secondary", "lab-cold", "lab-edge", "lab-data"];
const APP = "https://app.samia-tarot.com";
/** The old site is gone, and the operator says so. */
const LOST = ["failover", "--to", "secondary", "--unreachable", "primary", "--accept-unfenced", "the test took it away"];
let env: Record<string, string>;

/** A write through the public name by curl, as a user of the service would send it. */
async function put(key: string): Promise<number> {
  return http("PUT", `/payments/writes/${key}`);
}

async function http(method: string, path: string): Promise<number> {
  const { stdout: address } = await run(
    process.execPath,
    [
      "-e",
      `const r=new (require("dns").Resolver)();r.setServers([process.env.CHANGEOVER_RESOLVER]);r.resolve4("app.samia-tarot.com",(e,a)=>process.stdout.write(a[0]))`,
    ],
    env,
  );
  const port = env["CHANGEOVER_PORT"] ?? "443";
  const { stdout } = await run("curl", [
    "--silent",
    "--max-time",
    "3",
    "--output",
    "/dev/null",
    "--write-out",
    "%{http_code}",
    "--cacert",
    env["NODE_EXTRA_CA_CERTS"] ?? "",
    "--resolve",
    `app.samia-tarot.com:${port}:${address}`,
    "--request",
    method,
    ...(method === "PUT" ? ["--data", "{}"] : []),
    `${APP}:${port}${path}`,
  ]);
  return Number(stdout);
}

afterAll(async () => {
  await changeover(["lab", "down"]);
});

describe("a failover by the command", () => {
  beforeAll(async () => {
    await changeover(["lab", "down"]);
    env = await labUp();
  });

  it("begins with stacks that a preview finds unchanged", async () => {
    for (const stack of STACKS) expect(await clean(stack, env), stack).toBe("clean");
  });

  it("status shows the sites", async () => {
    const { stdout } = await changeover(["status", "--json"], env);
    const status = JSON.parse(stdout) as Status;
    expect(status).toMatchObject({ activeSite: "primary", epoch: 1, standbys: ["secondary"], toRebuild: [] });
    expect(status.sites.map(({ name, role, database, traffic }) => [name, role, database, traffic])).toEqual([
      ["primary", "active", "primary", true],
      ["secondary", "standby", "replica", false],
      ["cold", "dormant", "none", false],
    ]);
    for (const { ready, wanted } of status.sites.slice(0, 2).flatMap(({ tiers }) => tiers)) expect(ready).toBe(wanted);
  });

  it("the lab has every pod running in less than 4 GiB", async () => {
    const { memoryBytes } = await askLab<LabStatus>("GET", "/status");
    expect(memoryBytes).toBeGreaterThan(2 ** 29);
    expect(memoryBytes).toBeLessThan(4 * 2 ** 30);
  });

  it("a second lab is refused", async () => {
    const own = await changeover(["lab", "up"]);
    expect([own.code, own.stderr]).toEqual([3, expect.stringMatching(/up already/)]);
    const other = await changeover(["lab", "up"], { CHANGEOVER_LAB: join(tmpdir(), "another-lab") });
    expect([other.code, other.stderr]).toEqual([3, expect.stringContaining(labFolder())]);
  });

  const refusals: [string, string[], Record<string, string>, number, RegExp][] = [
    ["an unknown site", ["--to", "mars", "--unreachable", "primary", "--yes"], {}, 2, /--to is "mars".*primary, secondary, cold/],
    ["the active site", ["--to", "primary", "--unreachable", "secondary", "--yes"], {}, 3, /primary is the active site already/],
    [
      "a dormant site",
      ["--to", "cold", "--unreachable", "primary", "--yes"],
      {},
      3,
      /secondary may live, and loses less than a cold site\n.*changeover failover --to secondary/,
    ],
    [
      "a lost site that may still write",
      ["--to", "secondary", "--unreachable", "primary", "--yes"],
      {},
      3,
      /primary.*still takes writes.*\n.*--accept-unfenced/,
    ],
    ["an empty reason", ["--to", "secondary", "--unreachable", "primary", "--accept-unfenced", " ", "--yes"], {}, 2, /--accept-unfenced/],
    ["a stale epoch", ["--to", "secondary", "--unreachable", "primary", "--epoch", "1", "--yes"], {}, 3, /epoch 1 is stale.*\n.*2/],
    [
      "an epoch that is no number",
      ["--to", "secondary", "--unreachable", "primary", "--epoch", "two", "--yes"],
      {},
      2,
      /--epoch.*whole number/,
    ],
    ["no one to ask", ["--to", "secondary", "--unreachable", "primary"], {}, 2, /--yes/],
    [
      "a wrong passphrase",
      ["--to", "secondary", "--unreachable", "primary", "--yes"],
      { PULUMI_CONFIG_PASSPHRASE: "wrong" },
      2,
      /PULUMI_CONFIG_PASSPHRASE/,
    ],
    ["an environment without stacks", ["--to", "secondary", "--unreachable", "primary", "--yes", "-e", "staging"], {}, 2, /staging-/],
  ];
  it.each(refusals)("refuses %s, and says what would do", async (_, args, more, code, message) => {
    const ended = await changeover(["failover", ...args], { ...env, ...more });
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
  });

  it("refuses without a passphrase", async () => {
    const { PULUMI_CONFIG_PASSPHRASE_FILE: _, ...bare } = env;
    const ended = await run(process.execPath, [join(ROOT, "bin/changeover.mjs"), "status"], bare);
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringMatching(/PULUMI_CONFIG_PASSPHRASE is missing/)]);
  });

  it("refuses a stack that somebody else holds, by name", async () => {
    const folder = join(labFolder(), "state/.pulumi/locks/organization/changeover/lab-secondary");
    const lock = join(folder, "0b9b6d4e-7f8f-4c1c-9a26-35f5bd7a2f0e.json");
    mkdirSync(folder, { recursive: true });
    writeFileSync(lock, JSON.stringify({ pid: 4242, username: "maria", hostname: "runner-7", timestamp: new Date().toISOString() }));
    try {
      const ended = await changeover([...LOST, "--yes"], env);
      expect(ended.stderr).toMatch(/lab-secondary is locked by maria@runner-7 \(pid 4242\)/);
      expect(ended.stderr).toMatch(/pulumi cancel -s lab-secondary/);
      expect(ended.code).toBe(3);
    } finally {
      rmSync(lock);
    }
  });

  it("after all of that nothing had changed", async () => {
    const { stdout } = await changeover(["status", "--json"], env);
    expect(JSON.parse(stdout)).toMatchObject({ activeSite: "primary", epoch: 1 });
    expect(await clean("lab-secondary", env)).toBe("clean");
  });

  it("plan shows the promotion as an update, and changes nothing", async () => {
    const file = join(ROOT, "Pulumi.lab-secondary.yaml");
    const before = readFileSync(file, "utf8");
    const { stdout } = await changeover(["plan", "--to", "secondary", "--unreachable", "primary", "--json"], env);
    const plan = JSON.parse(stdout) as Plan;
    expect(plan.operations.find(({ type }) => type === "aws:rds/instance:Instance")).toMatchObject({
      op: "update",
      plane: "surviving",
      stack: "lab-secondary",
    });
    expect(plan.operations.filter(({ op }) => /replace|delete/.test(op))).toEqual([]);
    expect(plan.operations.filter(({ plane }) => plane === "lost")).toEqual([]);
    expect(plan.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(readFileSync(file, "utf8")).toBe(before);
  });

  it("loses what was not yet shipped and keeps what was", async () => {
    for (const key of ["kept-1", "kept-2", "kept-3"]) expect(await put(key)).toBe(200);
    await sleep(500);
    await askLab("POST", "/chaos", { fault: "cut-replication", site: "secondary" });
    for (const key of ["lost-1", "lost-2", "lost-3", "lost-4", "lost-5"]) expect(await put(key)).toBe(200);
  });

  it("stops at an AWS endpoint that hangs, and names it", async () => {
    const lost = await changeover(["lab", "outage", "primary"]);
    expect(lost.code).toBe(0);
    // Longer than the plug-in waits: what it asks for is done all the same, and nobody hears of it.
    await askLab("POST", "/chaos", { fault: "latency", site: "secondary", ms: 20_000 });
    const stopped = await changeover([...LOST, "--yes"], env).finally(() => askLab("POST", "/chaos/end", { fault: "latency" }));
    expect(stopped.stderr).toMatch(/eu-west-1/);
    expect(stopped.code).toBe(4);
    await sleep(20_000);
  });

  it("stops midway at a Kubernetes API that hangs, says so in the journal, and goes on when it is back", async () => {
    await askLab("POST", "/chaos", { fault: "hang-kubernetes", site: "secondary" });
    const stopped = await changeover([...LOST, "--yes"], env).finally(() => askLab("POST", "/chaos/end", { fault: "hang-kubernetes" }));
    expect(stopped.stderr).toMatch(/127\.20\.0\.6:6443/);
    expect(stopped.code).toBe(4);
    const journals = readdirSync(join(labFolder(), "journals")).sort();
    const entries = readJournal(join(labFolder(), "journals", journals.at(-1) ?? ""));
    expect(entries.map(({ event }) => event)).toContain("stopped");

    const ended = await changeover([...LOST, "--yes", "--json"], env);
    expect(ended.stderr).toBe("");
    const report = JSON.parse(ended.stdout) as MoveReport;
    expect(report).toMatchObject({ from: "primary", to: "secondary", epoch: 2 });
    expect(readJournal(report.journal).map(({ event }) => event)).toEqual(expect.arrayContaining(["opened", "begin", "end", "finished"]));
  });

  it("not one request went to the lost region", async () => {
    expect(await callsTo("eu-north-1")).toBe(0);
  });

  it("previews straight after show no change", async () => {
    for (const stack of ["lab-secondary", "lab-data", "lab-edge"]) expect(await clean(stack, env), stack).toBe("clean");
  });

  it("the kept writes are there, the unshipped ones are not", async () => {
    for (const key of ["kept-1", "kept-2", "kept-3"]) expect(await http("GET", `/payments/writes/${key}`), key).toBe(200);
    for (const key of ["lost-1", "lost-5"]) expect(await http("GET", `/payments/writes/${key}`), key).toBe(404);
    expect(await put("after")).toBe(200);
  });

  it("status knows the new active site and the fenced old one", async () => {
    const { stdout } = await changeover(["status", "--json", "--skip", "primary"], env);
    const status = JSON.parse(stdout) as Status;
    expect(status).toMatchObject({ activeSite: "secondary", epoch: 2, standbys: [], toRebuild: ["primary"] });
    expect(status.sites.map(({ role }) => role)).toEqual(["fenced", "active", "dormant"]);
    expect(status.sites[1]?.traffic).toBe(true);
  });

  it("a primary that comes back gets no traffic: the switch is on", async () => {
    expect((await changeover(["lab", "heal", "primary"])).code).toBe(0);
    await sleep(6_000);
    const { stdout } = await changeover(["status", "--json"], env);
    const status = JSON.parse(stdout) as Status;
    expect(status.sites.map(({ traffic }) => traffic)).toEqual([false, true, false]);
  });
});

describe("a failover by hand", () => {
  beforeAll(async () => {
    // The lab of the other block is killed as it stands; the next one has to clear up after it.
    const running = await runningLab();
    if (running) process.kill(running.pid, "SIGKILL");
    env = await labUp();
  });

  it("is two updates with plain pulumi, and ends in the same state", async () => {
    await changeover(["lab", "outage", "primary", "--mode", "blackhole"]);
    for (const stack of ["lab-secondary", "lab-data"]) {
      const up = await run(
        "pulumi",
        [
          "up",
          "-s",
          stack,
          "-c",
          "changeover:activeSite=secondary",
          "-c",
          "changeover:epoch=2",
          "--yes",
          "--skip-preview",
          "--non-interactive",
        ],
        env,
      );
      expect(up.code, up.stdout + up.stderr).toBe(0);
      expect(up.stdout).not.toMatch(/replaced/);
    }
    for (const stack of ["lab-secondary", "lab-data", "lab-edge"]) expect(await clean(stack, env), stack).toBe("clean");
    expect(await callsTo("eu-north-1")).toBe(0);
    const { stdout } = await changeover(["status", "--json", "--skip", "primary"], env);
    expect(JSON.parse(stdout)).toMatchObject({ activeSite: "secondary", epoch: 2 });
    expect(await put("by-hand")).toBe(200);
  });

  it("no secret is in plain text in state, config or journals", async () => {
    const outputs = await run("pulumi", ["config", "--stack", "lab-secondary", "--show-secrets", "--json"], env);
    const config = JSON.parse(outputs.stdout) as Record<string, { value: string; secret: boolean }>;
    const secrets = Object.values(config)
      .filter(({ secret }) => secret)
      .map(({ value }) => value);
    expect(secrets.length).toBeGreaterThanOrEqual(3);
    const files = readdirSync(join(labFolder(), "state"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(5);
    for (const entry of files) {
      const text = readFileSync(join(entry.parentPath, entry.name), "utf8");
      for (const secret of secrets) expect(text.includes(secret), entry.name).toBe(false);
    }
  });

  it("lab down leaves no process and no file", async () => {
    const { processes } = await askLab<LabStatus>("GET", "/status");
    expect((await changeover(["lab", "down"])).code).toBe(0);
    expect(existsSync(labFolder())).toBe(false);
    expect(readdirSync(ROOT).filter((name) => name.startsWith("Pulumi.lab-"))).toEqual([]);
    expect(processes.filter(({ pid }) => existsSync(`/proc/${pid}`))).toEqual([]);
  });
});

describe("a drill", () => {
  it("measures a regional outage and keeps its objectives", async () => {
    const out = mkdtempSync(join(tmpdir(), "drill-"));
    try {
      const elsewhere = { CHANGEOVER_JOURNALS: join(out, "evidence") };
      const ended = await changeover(["drill", "regional-outage", "--out", out, "--json"], elsewhere);
      const drill = JSON.parse(readFileSync(join(out, "drill.json"), "utf8")) as DrillResult;
      // How long a pause is depends on what else the machine does; the drill's own objective is for a quiet one.
      const missed = drill.objectives.filter(({ met }) => !met).map(({ name }) => name);
      expect(missed.filter((name) => name !== "switchover write pause")).toEqual([]);
      expect(ended.code, ended.stderr).toBe(missed.length > 0 ? 5 : 0);
      const [changeoverOf] = drill.changeovers;
      expect(changeoverOf).toMatchObject({ kind: "failover", from: "primary", to: "secondary", epoch: 2, callsToLostRegion: 0 });
      const sum = Object.values(changeoverOf?.segmentsMs ?? {}).reduce((a, b) => a + b, 0);
      expect(Math.abs(sum - (changeoverOf?.rtoMs ?? 0))).toBeLessThan(50);
      expect(drill.writers.acknowledged).toBeGreaterThan(300);
      expect(drill.writers.duplicated).toBe(0);
      expect(drill.tiers.map(({ met }) => met)).toEqual([true, true, true, true]);
      expect(drill.left).toEqual({ processes: 0, locks: 0, pendingOperations: 0 });
      expect(readJournal(join(out, "journal.jsonl")).at(-1)?.event).toBe("finished");

      // What it measured outlives the lab, for those who ask what the topology predicts.
      const asked = await changeover(["estimate", "--disaster", "regional-outage", "--require-evidence", "--json"], elsewhere);
      expect(asked.code, asked.stderr).toBe(0);
      const [estimate] = (JSON.parse(asked.stdout) as EstimateReport).disasters;
      expect(estimate?.measured).toMatchObject({ kind: "drill", where: "lab", at: drill.startedAt, rtoMs: changeoverOf?.rtoMs });
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
    expect(await runningLab()).toBeUndefined();
  });

  it("knows its scenarios", async () => {
    const ended = await changeover(["drill", "meteor"]);
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringMatching(/scenario is "meteor".*regional-outage/)]);
  });
});
