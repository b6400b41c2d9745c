import { expect, it } from "vitest";
import { describeStatus, type SiteStatus, type Status } from "../../../automation/status";

const site = (name: string, of: Partial<SiteStatus>): SiteStatus => ({
  name,
  role: "standby",
  region: "eu-north-1",
  epoch: 1,
  followsLeft: false,
  database: "replica",
  writes: "open",
  lagMs: 0,
  traffic: false,
  tiers: [],
  ...of,
});

const status = (primary: Partial<SiteStatus>, secondary: Partial<SiteStatus>): Status => ({
  environment: "lab",
  service: "samia-tarot",
  activeSite: "primary",
  epoch: 1,
  public: { name: "app.example.com", addresses: ["127.0.0.1"] },
  changeover: null,
  integrity: null,
  standbys: ["secondary"],
  toRebuild: [],
  sites: [site("primary", { role: "active", database: "primary", lagMs: null, ...primary }), site("secondary", secondary)],
});
const headline = (...sites: Parameters<typeof status>): string | undefined => describeStatus(status(...sites)).split("\n")[0];

it.each([
  ["the active site takes writes", {}, {}, ""],
  ["the active site does not answer", { database: "unreachable", writes: null }, {}, ""],
  ["it is not known whether it does", { writes: null }, {}, ""],
  [
    "a changeover was left before its stack's update ended",
    { writes: "fenced" },
    { database: "primary" },
    " by its stack, but writes are open at secondary",
  ],
  [
    "the lost site is not asked",
    { database: "unreachable", writes: null },
    { database: "primary" },
    " by its stack, but writes are open at secondary",
  ],
  [
    "a lost site is back, and its guard has not looked yet",
    { writes: "lapsed" },
    { database: "primary" },
    " by its stack, but writes are open at secondary",
  ],
  ["the active site's guard is gone", { writes: "lapsed" }, {}, "; the services' lease of its database ran out: nobody can log in"],
  ["two sites do, which must not be", {}, { database: "primary" }, " by its stack, but writes are open at primary and secondary"],
  ["a switchover was left in its pause", { writes: "paused" }, {}, "; no site takes writes"],
  ["it was left after the promotion", { writes: "fenced" }, { database: "primary", writes: "fenced" }, "; no site takes writes"],
] as [string, Partial<SiteStatus>, Partial<SiteStatus>, string][])(
  "the first line says who takes writes: %s",
  (_, primary, secondary, says) => {
    expect(headline(primary, secondary)).toBe(`samia-tarot (lab): primary is active, epoch 1${says}; app.example.com is 127.0.0.1`);
  },
);

it("says who shut the active site's database and why, and what opens it", () => {
  const writesDetail = "fenced in epoch 1 by guard-1: the switch of secondary could not be read";
  const shut = status({ writes: "fenced", writesDetail }, {});
  expect(describeStatus(shut)).toContain(
    `\nprimary: ${writesDetail}; if no other site took over: changeover confirm --site primary --reason "..."`,
  );
  const changeover = { incident: "DR-1", kind: "switchover", state: "open", running: false, partial: false } as const;
  expect(describeStatus({ ...shut, changeover })).toMatch(/could not be read$/);
  expect(describeStatus(status({}, { role: "fenced", writes: "fenced", writesDetail }))).toMatch(/secondary: fenced .* could not be read$/);
});

it("says that nothing stands behind the active site, and what to do, unless a changeover has to be finished first", () => {
  const says = "\nnothing stands behind primary: changeover reprotect --site secondary, once that site answers\n";
  const exposed = { ...status({}, { role: "fenced" }), standbys: [], toRebuild: ["secondary"] };
  expect(describeStatus(exposed)).toContain(says);
  expect(describeStatus(status({}, {}))).not.toContain("nothing stands behind");
  const changeover = { incident: "DR-1", kind: "reprotect", state: "fenced", running: false, partial: false } as const;
  expect(describeStatus({ ...exposed, changeover })).not.toContain("nothing stands behind");
});
