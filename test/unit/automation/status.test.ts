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

const headline = (primary: Partial<SiteStatus>, secondary: Partial<SiteStatus>): string | undefined => {
  const status: Status = {
    environment: "lab",
    service: "samia-tarot",
    activeSite: "primary",
    epoch: 1,
    public: { name: "app.example.com", addresses: ["127.0.0.1"] },
    changeover: null,
    integrity: null,
    sites: [site("primary", { role: "active", database: "primary", lagMs: null, ...primary }), site("secondary", secondary)],
  };
  return describeStatus(status).split("\n")[0];
};

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
