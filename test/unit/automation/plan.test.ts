import { describe, expect, it } from "vitest";
import { changesOf } from "../../../automation/plan/changes";
import { planMarkdown } from "../../../automation/plan/describe";
import { draw, graphOf } from "../../../automation/plan/graph";
import { objectionsTo, planeOf, type PlannedOperation } from "../../../automation/plan/operations";
import type { Plan } from "../../../automation/plan/plan";
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
  objections: [],
  predicted: { rtoMs: 600_000, rpoMs: 900_000 },
};

it("is a comment of a pull request", () => {
  const text = planMarkdown(plan);
  expect(text).toContain("### failover: primary → secondary, with primary lost");
  expect(text).toContain("| production-secondary | -    | update    | surviving | Instance | database-instance-1 | replicateSourceDb |");
  expect(planMarkdown({ ...plan, objections: ["it would replace x"] })).toContain("- **must not be:** it would replace x");
});

it("is a picture: who is active, where users and data go, before and after", async () => {
  const graph = graphOf(plan, topology, facts);
  expect(graph).toContain('"before-primary" [label="primary\\neu-north-1\\nlost"');
  expect(graph).toContain('"after-users" -> "after-secondary" [label="   traffic"');
  expect(graph).toContain('"after-secondary" -> "after-cold" [label="   snapshots, objects"');
  expect(graph).not.toContain('"after-secondary" -> "after-primary"');
  expect(await draw(graph)).toMatch(/<svg [^]*secondary[^]*<\/svg>/);
});
