import { expect, it } from "vitest";
import { latestServer, type DatabaseServer } from "../../../lab/pointers";
import { topology } from "./drill-reports";

const server = (id: string, state = "available", region = "eu-north-1"): DatabaseServer => ({ id, state, region, host: id, port: 5432 });
const of = (...servers: DatabaseServer[]): string | undefined => latestServer(topology, "primary", servers)?.id;
const NAME = "samia-tarot-lab-primary";

it("a site's database is the one of its newest generation", () => {
  expect(of(server(`${NAME}-1`))).toBe(`${NAME}-1`);
  expect(of(server(`${NAME}-9`), server(`${NAME}-10`), server(`${NAME}-2`))).toBe(`${NAME}-10`);
});

it("it is the one before while the newest is being made, unless there is none before", () => {
  expect(of(server(`${NAME}-1`), server(`${NAME}-2`, "creating"))).toBe(`${NAME}-1`);
  expect(of(server(`${NAME}-1`), server(`${NAME}-2`, "modifying"))).toBe(`${NAME}-2`);
  expect(of(server(`${NAME}-1`, "creating"))).toBe(`${NAME}-1`);
});

it("it is no other site's, and none that somebody else made", () => {
  const others = [server(`${NAME}-2`, "available", "eu-west-1"), server("samia-tarot-lab-secondary-2"), server("scratch-7"), server(NAME)];
  expect(of(...others)).toBeUndefined();
  expect(of(...others, server(`${NAME}-1`))).toBe(`${NAME}-1`);
});
