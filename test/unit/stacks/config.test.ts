import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { readDataConfig, readSiteConfig } from "../../../stacks/config";
import { BadInput } from "../../../topology/errors";
import { record, topology, valueOf } from "../components/recorder";
import { settings } from "./settings";
import * as pulumi from "@pulumi/pulumi";

const site = async (name: string, change: Record<string, string | undefined> = {}) =>
  (await record(() => readSiteConfig(topology, name), settings(`production-${name}`, change))).result;

const problems = async (name: string, change: Record<string, string | undefined>): Promise<string> => {
  const error: unknown = await site(name, change).then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof BadInput)) throw new Error(`refused with ${String(error)}, not with BadInput`);
  return error.message;
};

test("what may be left out has its default", async () => {
  const config = await site("secondary");
  expect(config).toMatchObject({ activation: { activeSite: "primary", epoch: 1 }, role: "standby" });
  expect(config.databases).toEqual({ generation: 1, retained: [], discard: false });
  expect(config.running).toMatchObject({ sourceGeneration: 1, capacity: "role", writes: "open" });
  expect(config.running).not.toHaveProperty("confirmedUntil");
  expect(config.running).not.toHaveProperty("protectedBy");
  expect(config.running).not.toHaveProperty("databaseCa");
});

test("the role follows the active site", async () => {
  expect((await site("secondary", { activeSite: "secondary", epoch: "2" })).role).toBe("active");
  expect((await site("primary", { activeSite: "secondary", epoch: "2", generation: "2" })).role).toBe("standby");
  expect((await site("cold")).role).toBe("dormant");
});

test("a site that keeps its newest database and has no other is fenced, also at home in generation 1", async () => {
  const left = await site("primary", { activeSite: "secondary", epoch: "2", retained: "1" });
  expect(left.role).toBe("fenced");
  expect(left.databases).toMatchObject({ generation: 1, retained: [1] });
  const back = await site("primary", { activeSite: "secondary", epoch: "4", generation: "3", retained: " 2, 1", discard: "true" });
  expect(back.role).toBe("standby");
  expect(back.databases).toMatchObject({ generation: 3, retained: [1, 2], discard: true });
  const again = await site("secondary", {
    activeSite: "primary",
    epoch: "5",
    generation: "2",
    retained: "1,2",
    discard: "true",
    capacity: "active",
  });
  expect(again.role).toBe("fenced");
});

test("what was set for a planned move, and what was confirmed", async () => {
  const { running } = await site("secondary", { capacity: "active", confirmedUntil: "2026-01-31T12:00:00Z" });
  expect(running).toMatchObject({ capacity: "active", confirmedUntil: "2026-01-31T12:00:00Z" });
});

test("a key that is set to nothing is as good as left out", async () => {
  const nothing = { protectedBy: "", retained: "", discard: "", capacity: "", confirmedUntil: "", writes: "" };
  expect(await site("secondary", nothing)).toMatchObject({
    role: "standby",
    databases: { retained: [], discard: false },
    running: { capacity: "role" },
  });
});

const NO_SECRETS = { databasePassword: undefined, appPassword: undefined, kubeconfig: undefined };

test("a dormant site needs neither passwords nor a cluster, and may keep the databases that it left", async () => {
  expect(await site("cold", NO_SECRETS)).not.toHaveProperty("running");
  const kept = await site("cold", { ...NO_SECRETS, generation: "2", retained: "1" });
  expect(kept).toMatchObject({ role: "dormant", databases: { generation: 2, retained: [1] } });
  expect(kept).not.toHaveProperty("running");
});

test("a cold site that was activated runs like any other, with a restored database, until it is left and dormant again", async () => {
  const active = await site("cold", { activeSite: "cold", epoch: "2", adopt: "db-ABC123" });
  expect(active).toMatchObject({ role: "active", databases: { generation: 1 }, running: { adopt: "db-ABC123" } });
  expect((await site("cold", { epoch: "3", retained: "1" })).role).toBe("fenced");
  expect(await problems("cold", { activeSite: "cold", epoch: "2", ...NO_SECRETS })).toMatch(/changeover:kubeconfig is missing/);
});

test("secrets are secret as soon as they are read", async () => {
  const { running } = await site("primary");
  for (const key of ["databasePassword", "appPassword", "kubeconfig"] as const) {
    expect(await pulumi.isSecret(running![key]), key).toBe(true);
  }
  expect(await valueOf(running?.appPassword ?? "")).toBe("app-password");
});

test.each([
  [{ activeSite: "seconary" }, 'changeover:activeSite is "seconary"; it may be a site of the topology: primary, secondary, cold'],
  [{ activeSite: undefined }, "changeover:activeSite is missing; it may be a site of the topology: primary, secondary, cold"],
  [{ epoch: "0" }, 'changeover:epoch is "0"; it may be a whole number from 1 on'],
  [{ epoch: "1.5" }, 'changeover:epoch is "1.5"; it may be a whole number from 1 on'],
  [{ epoch: undefined }, "changeover:epoch is missing; it may be a whole number from 1 on"],
  [{ generation: "two" }, 'changeover:generation is "two"; it may be a whole number from 1 on'],
  [{ sourceGeneration: "-1" }, 'changeover:sourceGeneration is "-1"; it may be a whole number from 1 on'],
  [{ protectedBy: "cold" }, 'changeover:protectedBy is "cold"; it may be a warm site of the topology: primary, secondary'],
  [{ protectedBy: "primary" }, 'changeover:protectedBy is "primary"; it may be a site other than the active one'],
  [{ writes: "closed" }, 'changeover:writes is "closed"; it may be open or paused'],
  [{ retained: "0" }, 'changeover:retained is "0"; it may be whole numbers from 1 on, each once, as in 1 or 1,2'],
  [{ retained: "1,1", generation: "2" }, 'changeover:retained is "1,1"; it may be whole numbers from 1 on, each once, as in 1 or 1,2'],
  [{ retained: "1-2", generation: "3" }, 'changeover:retained is "1-2"; it may be whole numbers from 1 on, each once, as in 1 or 1,2'],
  [{ retained: "2" }, "changeover:generation is 1; it may be 2 or more: changeover:retained has generation 2"],
  [
    { activeSite: "secondary", epoch: "2", retained: "1" },
    'changeover:retained is "1"; it may be generations before 1: that one is the active site\'s database, which nobody has left',
  ],
  [{ discard: "true" }, "changeover:discard is true; it may be left out: changeover:retained has nothing before generation 1 to discard"],
  [
    { discard: "true", retained: "1" },
    "changeover:discard is true; it may be left out: changeover:retained has nothing before generation 1 to discard",
  ],
  [{ discard: "yes" }, 'changeover:discard is "yes"; it may be true or false'],
  [
    { adopt: "db-ABC123" },
    'changeover:adopt is "db-ABC123"; it may be left out: only an active site takes a restored database over, and the first one at home was none',
  ],
  [{ adopt: "true" }, 'changeover:adopt is "true"; it may be AWS\'s number of an RDS instance, as in db-ABCDEFGHIJKL'],
  [{ capacity: "2" }, 'changeover:capacity is "2"; it may be role or active'],
  [
    { confirmedUntil: "tomorrow" },
    'changeover:confirmedUntil is "tomorrow"; it may be a moment with its time zone, as in 2026-01-31T12:00:00Z',
  ],
  [
    { confirmedUntil: "2026-01-31T12:00:00" },
    'changeover:confirmedUntil is "2026-01-31T12:00:00"; it may be a moment with its time zone, as in 2026-01-31T12:00:00Z',
  ],
  [
    { confirmedUntil: "2026-13-31T12:00:00Z" },
    'changeover:confirmedUntil is "2026-13-31T12:00:00Z"; it may be a moment with its time zone, as in 2026-01-31T12:00:00Z',
  ],
  [{ certificateArn: "none" }, 'changeover:certificateArn is "none"; it may be the ARN of an ACM certificate'],
  [
    { kubeconfig: undefined },
    "changeover:kubeconfig is missing; it may be the kubeconfig of secondary's cluster, set with pulumi config set --secret",
  ],
])("refused: %j", async (change, message) => {
  expect(await problems("secondary", change)).toBe(message);
});

test("all that is wrong is told at once", async () => {
  const text = await problems("secondary", { activeSite: "x", epoch: "y", writes: "z", appPassword: undefined });
  expect(text.split("\n").map((line) => line.split(" ")[0])).toEqual([
    "changeover:activeSite",
    "changeover:epoch",
    "changeover:writes",
    "changeover:appPassword",
  ]);
});

test("a site's first database cannot become a replica: that takes a new generation, or the site is fenced", async () => {
  expect(await problems("primary", { activeSite: "secondary", epoch: "2" })).toMatch(
    /^changeover:generation is 1; it may be 2 or more, or stay with changeover:retained 1,/,
  );
});

test.each(["primary", "secondary", "cold", "data"])("the example of production-%s holds together, its secrets set", async (part) => {
  const file = parse(readFileSync(`Pulumi.production-${part}.yaml`, "utf8")) as { config: Record<string, string> };
  const config = Object.fromEntries(Object.entries(file.config).map(([key, value]) => [key.replace("changeover:", ""), value]));
  const { config: own = {}, ...options } = settings(`production-${part}`);
  const secrets = Object.fromEntries(options.secretKeys!.map((key) => [key, own[key]!]));
  const { result } = await record(() => (part === "data" ? readDataConfig(topology) : readSiteConfig(topology, part)), {
    ...options,
    config: { ...config, ...secrets },
  });
  expect(result.activation).toEqual({ activeSite: "primary", epoch: 1 });
});

test("the data stack needs who is active and the two passwords", async () => {
  const read = async (change: Record<string, string | undefined>) =>
    (await record(() => readDataConfig(topology), settings("production-data", change))).result;
  expect((await read({ activeSite: "secondary", epoch: "2" })).activation).toEqual({ activeSite: "secondary", epoch: 2 });
  await expect(read({ databasePassword: undefined })).rejects.toThrow("changeover:databasePassword is missing");
  expect(await read({ databaseCaFile: "/etc/ca.pem" })).toMatchObject({ databaseCaFile: "/etc/ca.pem" });
});
