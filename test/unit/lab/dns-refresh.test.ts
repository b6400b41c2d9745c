import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Refresh } from "../../../lab/dns/refresh";

const READ_MS = 60;
let reads: number;
let atOnce: number;
let most: number;
let failures: unknown[];
let refresh: Refresh;

beforeEach(() => {
  [reads, atOnce, most, failures] = [0, 0, 0, []];
  const read = async (): Promise<void> => {
    reads += 1;
    atOnce += 1;
    most = Math.max(most, atOnce);
    await sleep(READ_MS);
    atOnce -= 1;
    if (reads === 1) throw new Error("not up yet");
  };
  refresh = new Refresh(read, (error) => failures.push(error), 60_000, 5);
});

afterEach(async () => {
  await refresh.stop();
});

it("reads at the start, and goes on after a failure", async () => {
  await refresh.start();
  expect([reads, failures.length]).toEqual([1, 1]);
  await refresh.now();
  expect([reads, failures.length]).toEqual([2, 1]);
});

it("makes one reading of many requests", async () => {
  for (let i = 0; i < 5; i++) refresh.soon();
  await sleep(5 * READ_MS);
  expect(reads).toBe(1);
});

it("reads once more, and not at the same time, when it is asked while it reads", async () => {
  const first = refresh.now();
  await sleep(READ_MS / 4);
  for (let i = 0; i < 5; i++) refresh.soon();
  const second = refresh.now();
  await Promise.all([first, second]);
  await sleep(3 * READ_MS);
  expect([reads, most]).toEqual([2, 1]);
});

it("does nothing after it was stopped", async () => {
  await refresh.start();
  refresh.soon();
  await refresh.stop();
  refresh.soon();
  await sleep(2 * READ_MS);
  expect(reads).toBe(1);
});
