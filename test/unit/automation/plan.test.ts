import { describe, expect, it } from "vitest";
import { changesOf, type PlanKind } from "../../../automation/plan/changes";
import { describePlan, planMarkdown } from "../../../automation/plan/describe";
import { draw, graphOf } from "../../../automation/plan/graph";
import { objectionsTo, planeOf, type PlannedOperation } from "../../../automation/plan/operations";
import type { Plan } from "../../../automation/plan/plan";
import { standingsOf } from "../../../automation/plan/standings";
import type { Environment, SiteFacts } from "../../../automation/facts";
import { names, topology } from "../components/recorder";

const env = { topology, names } as Environment;
const home = { activeSite: "primary", epoch: 1 };
const facts: SiteFacts[] = [
  { site: "primary", activation: { ...home, generation: 1, retained: [] } },
  { site: "secondary", activation: { ...home, generation: 1, retained: [], sourceGeneration: 1 } },
  { site: "cold", activation: { ...home, generation: 1, retained: [] } },
];
const away = { activeSite: "secondary", epoch: 2 };
const failedOver: SiteFacts[] = [
  { site: "primary", activation: { ...home, generation: 1, retained: [] } },
  { site: "secondary", activation: { ...away, generation: 1, retained: [] } },
  { site: "cold", activation: { ...home, generation: 1, retained: [] } },
];

describe("what a changeover does to the stacks", () => {
  it("of a failover: the target and the data stack; nothing at the site that is lost", async () => {
    const { stacks } = await changesOf(env, facts, { kind: "failover", to: "secondary", unreachable: ["primary"] });
    expect(stacks.map(([part]) => part)).toEqual(["secondary", "data"]);
    expect(stacks[0]?.[1]).toMatchObject({ activeSite: "secondary", epoch: "2" });
  });

  it("of a switchover: also the site that is left, last", async () => {
    const { stacks } = await changesOf(env, facts, { kind: "switchover", to: "secondary", unreachable: [] });
    expect(stacks.map(([part]) => part)).toEqual(["secondary", "data", "primary"]);
    expect(stacks[2]?.[1]).toMatchObject({ activeSite: "secondary", epoch: "2", retained: "1" });
  });

  it("of a failback: home, without being told", async () => {
    const found = await changesOf(env, failedOver, { kind: "failback", unreachable: [] });
    expect(found).toMatchObject({ from: "secondary", to: "primary", next: { activeSite: "primary", epoch: 3 } });
  });

  it("of a re-protection: a new database, in the epoch that is", async () => {
    const { stacks, next } = await changesOf(env, failedOver, { kind: "reprotect", to: "primary", unreachable: [] });
    expect(next).toMatchObject(away);
    expect(stacks[0]).toEqual([
      "primary",
      expect.objectContaining({ activeSite: "secondary", epoch: "2", generation: "2", retained: "1", sourceGeneration: "1" }),
    ]);
    expect(stacks[1]).toEqual(["secondary", { protectedBy: "primary", confirmedUntil: undefined }]);
  });

  it.each([
    [{ kind: "failover", to: "primary" }, /primary is the active site already, since epoch 1/],
    [{ kind: "failover", to: "secondary", from: "cold" }, /cold is not the active site; primary is, since epoch 1/],
    [{ kind: "restore", to: "secondary" }, /secondary is not the active site; primary is/],
    [{ kind: "failover", to: "mars" }, /--to.*mars.*primary, secondary, cold/s],
    [{ kind: "switchover" }, /--to/],
  ] as const)("is refused where there is none: %o", async (request, says) => {
    await expect(changesOf(env, facts, { unreachable: [], ...request })).rejects.toThrow(says);
  });
});

describe("the plane of an operation", () => {
  const plane = (part: string, type: string, ...lost: string[]) => planeOf({ part, type }, topology, lost);
  it("is the control plane of the stack's region", () => {
    expect(plane("secondary", "aws:rds/instance:Instance", "primary")).toBe("surviving");
    expect(plane("primary", "aws:rds/instance:Instance", "primary")).toBe("lost");
    expect(plane("primary", "kubernetes:apps/v1:Deployment", "primary")).toBe("lost");
  });
  it("is that of us-east-1 for what has one for all regions", () => {
    expect(plane("secondary", "aws:iam/role:Role", "cold")).toBe("lost");
    expect(plane("edge", "aws:route53/record:Record", "cold")).toBe("lost");
    expect(plane("edge", "aws:route53/record:Record", "primary")).toBe("surviving");
  });
  it("is the data plane for objects and for what is inside a database", () => {
    expect(plane("secondary", "aws:s3/bucketObjectv2:BucketObjectv2")).toBe("data");
    expect(plane("data", "postgresql:index/role:Role", "primary")).toBe("data");
  });
});

describe("what each site is before and after", () => {
  const roles = (move: { kind: PlanKind; from?: string; to: string; unreachable?: string[] }, of = facts) =>
    Object.fromEntries(
      Object.entries(standingsOf(topology, of, { from: "primary", unreachable: [], ...move })).map(([site, { before, after }]) => [
        site,
        before === after ? before : `${before} → ${after}`,
      ]),
    );
  it.each<[Parameters<typeof roles>[0], string, string, string]>([
    [{ kind: "switchover", to: "secondary" }, "active → fenced", "standby → active", "dormant"],
    [{ kind: "failover", to: "secondary", unreachable: ["primary"] }, "lost", "standby → active", "dormant"],
    [{ kind: "failover", to: "cold", unreachable: ["primary", "secondary"] }, "lost", "lost", "dormant → active"],
    [{ kind: "restore", to: "primary" }, "active", "standby → fenced", "dormant"],
  ])("%o", (move, primary, secondary, cold) => {
    expect(roles(move)).toEqual({ primary, secondary, cold });
  });
  it("of a re-protection: the site that was left stands by again", () => {
    const expected = { primary: "fenced → standby", secondary: "active", cold: "dormant" };
    expect(roles({ kind: "reprotect", from: "secondary", to: "primary" }, failedOver)).toEqual(expected);
  });
});

const operation = (change: Partial<PlannedOperation>): PlannedOperation => ({
  part: "secondary",
  stack: "production-secondary",
  urn: "urn:pulumi:production-secondary::changeover::aws:rds/instance:Instance::database-instance-1",
  type: "aws:rds/instance:Instance",
  op: "update",
  plane: "surviving",
  changes: ["replicateSourceDb"],
  ...change,
});

it("objects to what replaces or deletes data, and to calls of a lost region's control plane", () => {
  expect(objectionsTo([operation({})])).toEqual([]);
  expect(objectionsTo([operation({ op: "replace" })])).toEqual(["it would replace database-instance-1, which holds data"]);
  expect(objectionsTo([operation({ op: "delete-replaced" })])).toHaveLength(1);
  expect(objectionsTo([operation({ plane: "lost" })])).toEqual([
    "to update database-instance-1 takes the control plane of a region that is lost",
  ]);
});

const plan: Plan = {
  kind: "failover",
  from: "primary",
  to: "secondary",
  epoch: 2,
  unreachable: ["primary"],
  hash: "0123456789abcdef".repeat(4),
  operations: [operation({})],
  unchanged: 100,
  sites: {
    primary: { before: "lost", after: "lost" },
    secondary: { before: "standby", after: "active" },
    cold: { before: "dormant", after: "dormant" },
  },
  objections: [],
  predicted: { rtoMs: 600_000, rpoMs: 900_000 },
};

it("is a comment of a pull request", () => {
  const text = planMarkdown(plan);
  expect(text).toContain("### failover: primary → secondary, with primary lost");
  expect(text).toContain("| production-secondary | -    | update    | surviving | Instance | database-instance-1 | replicateSourceDb |");
  expect(text).toContain("\nprimary: lost; secondary: standby → active; cold: dormant.\n");
  expect(planMarkdown({ ...plan, objections: ["it would replace x"] })).toContain("- **must not be:** it would replace x");
});

it("says when the archive of a cold site can be read", () => {
  const objects = [
    { bucket: "b", storageClass: "GLACIER", objects: 3, bytes: 30, archived: 2, tier: "Expedited" as const, fromMs: 60_000, toMs: 300_000 },
  ];
  const text = planMarkdown({
    ...plan,
    to: "cold",
    cold: { snapshot: "daily-7", at: "2026-01-02T03:04:05.000Z", ageMs: 7_200_000, objects },
  });
  expect(text).toContain(
    "\nThe database would begin with daily-7, of 2026-01-02T03:04:05.000Z: what was written in the 2h since is not in it.\n",
  );
  expect(text).toMatch(/^\| b +\| GLACIER +\| 3 +\| 30 +\| 2 by Expedited +\| 1m to 5m after it is asked for +\|$/m);
});

it("says that an archive has nothing", () => {
  const cold = { snapshot: "daily-7", at: "2026-01-02T03:04:05.000Z", ageMs: 7_200_000, objects: [] };
  expect(planMarkdown({ ...plan, to: "cold", cold })).toContain("\nNo object lies in its archive buckets.\n");
  expect(describePlan({ ...plan, to: "cold", cold })).toContain("\nNo object lies in its archive buckets\n");
});

it("is a picture: who is active, where users and data go, before and after", async () => {
  const graph = graphOf(plan, topology);
  expect(graph).toContain('"before-primary" [label="primary\\neu-north-1\\nlost"');
  expect(graph).toContain('"after-users" -> "after-secondary" [label="   traffic"');
  expect(graph).toContain('"after-secondary" -> "after-cold" [label="   snapshots, objects"');
  expect(graph).not.toContain('"after-secondary" -> "after-primary"');
  expect(await draw(graph)).toMatch(/<svg [^]*secondary[^]*<\/svg>/);
});
