import { beforeEach, describe, expect, it } from "vitest";
import { TargetProgress } from "../../../automation/changeover/progress";
import type { ResourceEvent } from "../../../automation/pulumi/events";
import { topology } from "../components/recorder";

const DEPLOYMENT = "kubernetes:apps/v1:Deployment";

describe("what the update of a target has come to", () => {
  let now: number;
  let progress: TargetProgress;
  const tell = (phase: ResourceEvent["phase"], type: string, name: string): void => {
    progress.take({ phase, type, name, urn: `urn::${name}`, op: "update" });
  };

  beforeEach(() => {
    now = 0;
    progress = new TargetProgress(topology.tiers, () => (now += 1));
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
