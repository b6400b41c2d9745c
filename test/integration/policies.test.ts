import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configFiles } from "../../automation/bundle/contents";
import type { ControlReport } from "../../automation/compliance";
import type { Impact } from "../../automation/impact";
import type { Plan } from "../../automation/plan/plan";
import type { StackPolicies } from "../../automation/policies";
import { rules } from "../../policies/all";
import { ROOT, changeover, labUp, run, type Ended } from "./command";

const STACKS = ["lab-edge", "lab-primary", "lab-secondary", "lab-cold", "lab-data"];

let env: Record<string, string>;
let scratch: string;

beforeAll(async () => {
  await changeover(["lab", "down"]);
  env = await labUp();
  scratch = mkdtempSync(join(tmpdir(), "changeover-policies-"));
});

afterAll(async () => {
  await changeover(["lab", "down"]);
  rmSync(scratch, { recursive: true, force: true });
});

const previewed = (stack: string, ...args: string[]): Promise<Ended> =>
  run("pulumi", ["preview", "-s", stack, "--policy-pack", "policies", "--non-interactive", "--color", "never", ...args], env, ROOT);

/** The checkout once more, to be changed. */
async function checkout(name: string): Promise<{ folder: string; change: (file: string, from: string, to: string) => void }> {
  const folder = join(scratch, name);
  await run("git", ["clone", "--quiet", ROOT, folder], env);
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  for (const file of configFiles(ROOT, "lab")) copyFileSync(join(ROOT, file), join(folder, file));
  const change = (file: string, from: string, to: string): void => {
    const text = readFileSync(join(folder, file), "utf8");
    expect(text).toContain(from);
    writeFileSync(join(folder, file), text.replace(from, to));
  };
  return { folder, change };
}

describe("the policy pack", () => {
  it("is kept by every stack of the lab, and nothing of them is left undecided", async () => {
    const { code, stdout, stderr } = await changeover(["policies", "--json"], env);
    expect(code, stderr).toBe(0);
    const { kept, stacks } = JSON.parse(stdout) as { kept: boolean; stacks: StackPolicies[] };
    expect(kept).toBe(true);
    expect(stacks.map(({ stack }) => stack)).toEqual(STACKS);
    expect(stacks.flatMap(({ violated, undecided }) => [...violated, ...undecided])).toEqual([]);
  });

  it("is run by the CLI, and configured as its users expect", async () => {
    expect(await previewed("lab-edge")).toMatchObject({ code: 0, stdout: expect.stringContaining("changeover@v0.1.0") as string });
    const strict = join(scratch, "strict.json");
    // An option that the stack does not keep, as a remark and in earnest.
    writeFileSync(strict, JSON.stringify({ "backups-3-2-1": { enforcementLevel: "advisory", coldDays: 90 } }));
    const remarked = await previewed("lab-primary", "--policy-pack-config", strict);
    expect(remarked).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /advisory.*backups-3-2-1[^]*copyActions is 35; it may be a copy in cold's vault that is kept 90 days/,
      ) as string,
    });
    writeFileSync(strict, JSON.stringify({ "backups-3-2-1": { coldDays: 90 } }));
    const refused = await previewed("lab-primary", "--policy-pack-config", strict);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toMatch(/mandatory.*backups-3-2-1/);
    writeFileSync(strict, JSON.stringify({ all: "disabled" }));
    expect(await previewed("lab-primary", "--policy-pack-config", strict)).toMatchObject({ code: 0 });
  });

  it("leaves to the update what a preview cannot know, and the update decides it", async () => {
    const { folder, change } = await checkout("unknown");
    // Known once the topic is.
    change(
      "components/alarms.ts",
      "alarmActions: [topic.arn],",
      'alarmActions: [topic.arn], actionsEnabled: topic.arn.apply((arn) => arn !== ""),',
    );
    const { stdout: exported } = await run("pulumi", ["stack", "export", "-s", "lab-cold"], env, ROOT);
    const { deployment } = JSON.parse(exported) as { deployment: { resources: { urn: string; type: string }[] } };
    const topic = deployment.resources.find(({ type }) => type === "aws:sns/topic:Topic")?.urn ?? "";
    // As if it had yet to be made.
    const forget = ["state", "delete", topic, "-s", "lab-cold", "--yes", "--force", "--target-dependents"];
    expect(await run("pulumi", forget, env, ROOT)).toMatchObject({ code: 0 });
    const pack = ["-s", "lab-cold", "--policy-pack", "policies", "--non-interactive", "--color", "never"];
    const before = await run("pulumi", ["preview", ...pack], env, folder);
    expect(before).toMatchObject({ code: 0, stdout: expect.stringMatching(/same-alarms[^]*undecided until the update/) as string });
    const { code, stdout } = await run("pulumi", ["up", ...pack, "--yes", "--skip-preview"], env, folder);
    expect(code, stdout).toBe(0);
    expect(stdout).toContain("changeover@v0.1.0");
    expect(stdout).not.toContain("undecided");
  });

  it("stops a change of the program that breaks it, and says what the change does to recovery", async () => {
    const { folder: clone, change } = await checkout("spoiled");
    change("components/database.ts", "multiAz: true", "multiAz: false");
    change("topology.yaml", "healthFailures: 3", "healthFailures: 9");
    const there = (...args: string[]) => run(process.execPath, [join(clone, "bin/changeover.mjs"), ...args], env, clone);
    const judged = await there("policies", "--json");
    expect(judged.code, judged.stderr).toBe(5);
    const { stacks } = JSON.parse(judged.stdout) as { stacks: StackPolicies[] };
    const violated = stacks.flatMap(({ stack, violated: found }) => found.map(({ policy, message }) => ({ stack, policy, message })));
    expect(violated.filter(({ policy }) => policy === "several-zones").map(({ stack }) => stack)).toEqual(["lab-primary", "lab-secondary"]);
    expect(violated[0]?.message).toMatch(/multiAz is false; it may be true\. A zone that fails/);
    const compared = await there("impact-of", "HEAD", "--json");
    expect(compared.code, compared.stderr).toBe(5);
    const { worse, before } = JSON.parse(compared.stdout) as Impact;
    expect(before.violated).toEqual([]);
    expect(worse).toEqual(
      expect.arrayContaining([expect.stringMatching(/^RTO of database-failure: /), "policy violated: several-zones (lab-primary)"]),
    );
  });

  it("speaks for the controls of the standards", async () => {
    const { code, stdout, stderr } = await changeover(["compliance", "--standards", "gdpr,pci_dss", "--json"], env);
    expect(code, stderr).toBe(0);
    const reports = JSON.parse(stdout) as ControlReport[];
    expect(reports.find(({ control }) => control === "gdpr 44")).toMatchObject({ verdict: "met" });
    expect(reports.every(({ people }) => people.length > 0)).toBe(true);
  });
});

describe("a plan", () => {
  it.each([
    ["switchover", "secondary"],
    ["reprotect", "secondary"],
    ["restore", "primary"],
  ])("of a %s touches nothing that it must not, and is drawn", async (kind, to) => {
    const picture = join(scratch, `${kind}.svg`);
    const { code, stdout, stderr } = await changeover(["plan", "--kind", kind, "--to", to, "--json", "--graph", picture], env);
    expect(code, stderr).toBe(0);
    const plan = JSON.parse(stdout) as Plan;
    expect(plan.objections).toEqual([]);
    expect(plan.operations.length).toBeGreaterThan(0);
    expect(readFileSync(picture, "utf8")).toMatch(/<svg/);
  });

  it("of a failback is refused while the service is at home", async () => {
    expect(await changeover(["plan", "--kind", "failback"], env)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/primary is the active site already/) as string,
    });
  });

  it("has the same hash for the same, and another for another config", async () => {
    const hash = async (...args: string[]) =>
      (JSON.parse((await changeover(["plan", "--to", "secondary", "--json", ...args], env)).stdout) as Plan).hash;
    const [one, two] = [await hash(), await hash()];
    expect(two).toBe(one);
    expect(await hash("--kind", "switchover")).not.toBe(one);
  });
});

it("the pack has no policy that is not in its list", () => {
  expect(readFileSync(join(ROOT, "docs", "policies.md"), "utf8").match(/^\| `/gm)?.length).toBe(rules.length);
});
