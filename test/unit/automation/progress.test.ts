import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { TargetProgress } from "../../../automation/changeover/progress";
import type { ResourceEvent } from "../../../automation/workspace";
import { topology } from "../components/recorder";

const DATABASE = "aws:rds/instance:Instance";
const DEPLOYMENT = "kubernetes:apps/v1:Deployment";

describe("what the update of a target has come to", () => {
  let now: number;
  let progress: TargetProgress;
  const tell = (phase: ResourceEvent["phase"], type: string, name: string): void => {
    progress.take({ phase, type, name, urn: `urn::${name}`, op: "update" });
  };

  beforeEach(() => {
    now = 0;
    progress = new TargetProgress(topology.tiers, () => (now += 1), "database-instance-2");
  });

  it("its database's promotion begins and ends; one that is kept does not count", () => {
    tell("start", DATABASE, "database-instance-1");
    tell("end", DATABASE, "database-instance-1");
    expect([progress.promoting.at, progress.promoted.at]).toEqual([undefined, undefined]);
    tell("start", DATABASE, "database-instance-2");
    expect([progress.promoting.at, progress.promoted.at]).toEqual([expect.any(Number), undefined]);
    tell("end", DATABASE, "database-instance-2");
    expect(progress.promoted.at).toBeGreaterThan(progress.promoting.at ?? Number.POSITIVE_INFINITY);
  });

  it("it serves when the first service is ready; the guard is none, and one that begins is not", () => {
    tell("end", DEPLOYMENT, "guard-deployment");
    tell("start", DEPLOYMENT, "workloads-tier-0-emergency-call-deployment");
    expect(progress.serving.at).toBeUndefined();
    tell("end", DEPLOYMENT, "workloads-tier-0-emergency-call-deployment");
    expect(progress.serving.at).toBeDefined();
    expect(progress.ready.map(({ at }) => at !== undefined)).toEqual([true, false, false, false]);
  });
});

it("it is quiet when nothing was told for so long", async () => {
  const progress = new TargetProgress(topology.tiers, () => performance.now(), "database-instance-1");
  let quiet = false;
  const waiting = progress.quiet(150).then(() => (quiet = true));
  for (let i = 0; i < 4; i++) {
    await sleep(60);
    progress.take({ phase: "end", type: "aws:ec2/vpc:Vpc", name: "network-vpc", urn: "urn::network-vpc", op: "same" });
    expect(quiet).toBe(false);
  }
  const last = performance.now();
  await waiting;
  expect(performance.now() - last).toBeGreaterThan(140);
});
