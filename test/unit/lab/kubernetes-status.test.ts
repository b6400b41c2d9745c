import type { V1Pod } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { RestartDelay, startsAgain } from "../../../lab/kubernetes/restart";
import { Slots } from "../../../lab/kubernetes/slots";
import { podStatus, type ContainerView, type WireCondition } from "../../../lab/kubernetes/status";

const running: ContainerView = {
  name: "c",
  image: "i",
  state: { running: { startedAt: "t" } },
  lastState: {},
  ready: true,
  started: true,
  restartCount: 0,
  pid: 7,
};
const over = (exitCode: number): ContainerView => ({ ...running, ready: false, state: { terminated: { exitCode } } });

function status(container: ContainerView, restartPolicy = "Always", before: WireCondition[] = []) {
  const pod = { spec: { restartPolicy } } as unknown as V1Pod;
  return podStatus({ pod, podIP: "127.10.50.1", hostIP: "127.10.0.6", startTime: "t0", containers: [container], before, now: "t2" });
}

describe("podStatus", () => {
  it("has the phase that the containers and the restart policy make", () => {
    expect(status(running).phase).toBe("Running");
    expect(status({ ...running, state: { waiting: { reason: "ContainerCreating" } } }).phase).toBe("Pending");
    expect(status({ ...running, restartCount: 2, state: { waiting: { reason: "CrashLoopBackOff" } } }).phase).toBe("Running");
    expect(status(over(0), "OnFailure").phase).toBe("Succeeded");
    expect(status(over(1), "Never").phase).toBe("Failed");
    expect(status({ ...over(1), restartCount: 1 }).phase).toBe("Running");
  });

  it("keeps the time of a condition that has not turned", () => {
    const before: WireCondition[] = [
      { type: "Ready", status: "True", lastTransitionTime: "t1" },
      { type: "ContainersReady", status: "False", lastTransitionTime: "t1" },
    ];
    const conditions = status(running, "Always", before).conditions ?? [];
    expect(conditions.find(({ type }) => type === "Ready")).toMatchObject({ status: "True", lastTransitionTime: "t1" });
    expect(conditions.find(({ type }) => type === "ContainersReady")).toMatchObject({ status: "True", lastTransitionTime: "t2" });
  });
});

it("starts again what its policy says", () => {
  expect([
    startsAgain(undefined, 0),
    startsAgain("Always", 0),
    startsAgain("OnFailure", 0),
    startsAgain("OnFailure", 1),
    startsAgain("Never", 1),
  ]).toEqual([true, true, false, true, false]);
});

it("waits longer before each restart, and forgets failures after a long run", () => {
  const delay = new RestartDelay();
  expect([delay.next(10), delay.next(10), delay.next(10), delay.next(10)]).toEqual([0, 500, 1_000, 2_000]);
  for (let i = 0; i < 10; i++) delay.next(10);
  expect(delay.next(10)).toBe(10_000);
  expect(delay.next(61_000)).toBe(0);
});

it("lets so many in at a time, in their order", async () => {
  const slots = new Slots(1);
  const first = await slots.take();
  const order: string[] = [];
  const second = slots.take().then((free) => {
    order.push("second");
    free();
  });
  await Promise.resolve();
  expect(order).toEqual([]);
  first();
  first();
  await second;
  const third = await slots.take();
  let fourth = false;
  void slots.take().then(() => (fourth = true));
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(fourth).toBe(false);
  third();
});
