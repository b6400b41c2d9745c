import * as aws from "@pulumi/aws";
import { expect, test } from "vitest";
import { inBatches } from "../../../components/batches";
import { record } from "./recorder";

/** How many had been made, and how many were there, at each step. */
async function made(count: number): Promise<{ atOnce: number; seen: number[]; all: number }> {
  let total = 0;
  let there = 0;
  const seen: number[] = [];
  let atOnce = 0;
  const { resources } = await record(async () => {
    const complete = inBatches(
      Array.from({ length: count }, (_, i) => i),
      (item) => {
        total += 1;
        if (item % 50 === 0) seen.push(there);
        const topic = new aws.sns.Topic(`topic-${item}`);
        topic.urn.apply(() => (there += 1));
        return [topic];
      },
    );
    atOnce = total;
    await complete;
  });
  return { atOnce, seen, all: resources.filter(({ type }) => type === "aws:sns/topic:Topic").length };
}

test("up to fifty are made at once", async () => {
  expect(await made(50)).toEqual({ atOnce: 50, seen: [0], all: 50 });
});

test("of more, the next fifty are made when the fifty before are there", async () => {
  expect(await made(120)).toEqual({ atOnce: 50, seen: [0, 50, 100], all: 120 });
});

test("none are made of none", async () => {
  expect(await made(0)).toEqual({ atOnce: 0, seen: [], all: 0 });
});
