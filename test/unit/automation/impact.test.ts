import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { atRevision, describeImpact, impactMarkdown, impactOf, policiesAt, revisionOf } from "../../../automation/impact";
import type { StackPolicies } from "../../../automation/policies";
import { costClass, standingBy } from "../../../topology/cost";
import type { Topology } from "../../../topology/schema";
import { topology } from "../components/recorder";

const changed = (change: (t: Topology) => void): Topology => {
  const copy = structuredClone(topology);
  change(copy);
  return copy;
};
const says = (...policies: string[]): StackPolicies[] => [
  {
    part: "edge",
    stack: "production-edge",
    violated: policies.map((policy) => ({ policy, level: "mandatory", message: "why" })),
    undecided: [],
    tookMs: 1,
  },
];

describe("what a change does to recovery", () => {
  it("is nothing where nothing changed", () => {
    const impact = impactOf("0".repeat(40), revisionOf(topology, says()), revisionOf(topology, says()));
    expect(impact).toMatchObject({ worse: [], better: [] });
    expect(describeImpact(impact)).toContain("nothing changes for a recovery");
  });

  it("is worse where health checks are slower and a policy is broken, better the other way round", () => {
    const slow = revisionOf(
      changed((t) => (t.traffic.healthFailures = 9)),
      says("tls-buckets"),
    );
    const quick = revisionOf(topology, says());
    const { worse } = impactOf("abc", quick, slow);
    expect(worse).toContainEqual(expect.stringMatching(/^RTO of database-failure: 38m 40s → 39m 40s/));
    expect(worse).toContain("policy violated: tls-buckets (production-edge)");
    const { better, worse: none } = impactOf("abc", slow, quick);
    expect(none).toEqual([]);
    expect(better).toContain("policy kept again: tls-buckets (production-edge)");
    expect(impactMarkdown(impactOf("abc", quick, slow))).toContain("- **worse:** policy violated: tls-buckets (production-edge)");
  });

  it("has no say of policies that one of the two has not", () => {
    expect(impactOf("abc", revisionOf(topology), revisionOf(topology, says("tls-buckets"))).worse).toEqual([]);
  });
});

it("a topology's cost class is that of what stands by", () => {
  expect(costClass(topology)).toBe("warm standby");
  const each = (t: Topology, standby: (active: number) => number): void => {
    for (const { services } of t.tiers) for (const { replicas } of Object.values(services)) replicas.standby = standby(replicas.active);
  };
  expect(
    costClass(
      changed((t) => {
        each(t, () => 0);
      }),
    ),
  ).toBe("pilot light");
  expect(
    costClass(
      changed((t) => {
        each(t, (active) => active);
      }),
    ),
  ).toBe("active everywhere");
  expect(costClass(changed((t) => (t.sites["secondary"]!.standby = "cold")))).toBe("backup and restore");
  expect(standingBy(topology)).toEqual({ pods: 7, databases: 1 });
});

describe("another revision", () => {
  const root = mkdtempSync(join(tmpdir(), "changeover-test-"));
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { cwd: root, encoding: "utf8" }).trim();

  it("is checked out beside this one, and nothing of it stays", async () => {
    git("init", "--quiet");
    mkdirSync(join(root, "node_modules"));
    writeFileSync(join(root, "package-lock.json"), "{}");
    writeFileSync(join(root, "topology.yaml"), "before");
    git("add", "package-lock.json", "topology.yaml");
    git("commit", "--quiet", "-m", "one");
    const first = git("rev-parse", "HEAD");
    writeFileSync(join(root, "topology.yaml"), "after");
    const seen = await atRevision(root, "HEAD", async (tree, commit) => {
      expect(readFileSync(join(tree, "topology.yaml"), "utf8")).toBe("before");
      expect(await policiesAt(root, tree, "production", [])).toBeUndefined();
      return commit;
    });
    expect(seen).toBe(first);
    expect(git("worktree", "list").split("\n")).toHaveLength(1);
    await expect(atRevision(root, "HEAD", () => Promise.reject(new Error("stop")))).rejects.toThrow("stop");
    expect(git("worktree", "list").split("\n")).toHaveLength(1);
  });

  it("that is none is named", async () => {
    await expect(atRevision(root, "no-such-branch", () => Promise.resolve())).rejects.toThrow(/no-such-branch.*a commit, branch or tag/s);
    await expect(atRevision(root, "--all", () => Promise.resolve())).rejects.toThrow(/--all/);
  });
});
