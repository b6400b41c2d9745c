import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Outages } from "../../../lab/postgres/outages";
import { Transfers } from "../../../lab/postgres/transfers";
import { ProcessTable, type LabProcess, type ProcessSpec } from "../../../lab/processes";

const REGIONS = ["eu-north-1", "eu-west-1"];
let folder: string;
let outages: Outages;
let processes: ProcessTable;
let transfers: Transfers;
/** Whether the next process is to copy nothing and to take long. */
let hangNext: boolean;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "transfers-"));
  outages = new Outages();
  processes = new ProcessTable(folder);
  hangNext = false;
  const spawn = (spec: ProcessSpec): LabProcess => {
    const child = processes.spawn(hangNext ? { ...spec, command: "sleep", args: ["60"] } : spec);
    hangNext = false;
    return child;
  };
  const table = Object.assign(Object.create(processes) as ProcessTable, { spawn });
  transfers = new Transfers({ processes: table }, outages);
  mkdirSync(join(folder, "from"));
  writeFileSync(join(folder, "from", "file"), "content");
});

afterEach(async () => {
  await transfers.close();
  rmSync(folder, { recursive: true, force: true });
});

const copy = (): Promise<void> => transfers.folder(REGIONS, join(folder, "from"), join(folder, "to"));

it("waits until both regions are there", async () => {
  for (const region of REGIONS) outages.begin(region, "stop");
  const done = copy();
  outages.end("eu-north-1");
  await sleep(100);
  expect(existsSync(join(folder, "to"))).toBe(false);
  outages.end("eu-west-1");
  await done;
  expect(readFileSync(join(folder, "to", "file"), "utf8")).toBe("content");
});

it("begins anew after an outage that broke it off, with nothing left of the first attempt", async () => {
  hangNext = true;
  const done = copy();
  await sleep(0);
  expect(processes.list()).toHaveLength(1);
  outages.begin("eu-west-1", "blackhole");
  transfers.interrupt("eu-west-1");
  writeFileSync(join(folder, "from", "later"), "");
  await sleep(50);
  mkdirSync(join(folder, "to"), { recursive: true });
  writeFileSync(join(folder, "to", "half"), "");
  outages.end("eu-west-1");
  await done;
  expect(["file", "later", "half"].map((name) => existsSync(join(folder, "to", name)))).toEqual([true, true, false]);
});

it("says what cannot be copied, and gives up when the lab ends", async () => {
  await expect(transfers.files(REGIONS, [join(folder, "nothing")], folder)).rejects.toThrow(
    /cp ended with 1: see logs\/postgres-copy-0.log/,
  );
  outages.begin("eu-west-1", "stop");
  const never = copy();
  const refused = expect(never).rejects.toThrow("the lab ends");
  await transfers.close();
  await refused;
});
