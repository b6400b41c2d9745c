import { describe, expect, it } from "vitest";
import { decide, overtakenIn, type Sight, type Switch } from "../../../guard/decide";
import type { Mark } from "../../../guard/writes";

const NOW = Date.parse("2026-01-31T12:00:00Z");
const mark = (of: Partial<Mark> = {}): Mark => ({
  site: "primary",
  epoch: 2,
  state: "open",
  by: "guard of primary",
  reason: "",
  at: new Date(NOW),
  ...of,
});
const off: Switch = { state: "off" };
const unreadable: Switch = { state: "unreadable", reason: "timed out" };
const on = (activeSite: string, epoch: number): Switch => ({ state: "on", activeSite, epoch });

/** The active site of epoch 2, in the middle of its life. */
const active: Sight = {
  site: "primary",
  epoch: 2,
  role: "active",
  recovering: false,
  mark: mark(),
  leaseLeftMs: 8_000,
  switches: { secondary: off, cold: off },
  others: ["secondary"],
  now: NOW,
};
const without = (key: keyof Sight, over: Partial<Sight> = {}): Sight => {
  const { [key]: _, ...rest } = active;
  return { ...rest, ...over } as Sight;
};
const see = (over: Partial<Sight>): Sight => ({ ...active, ...over });
const switches = (secondary: Switch, cold: Switch = off): Sight["switches"] => ({ secondary, cold });

/** What is seen, what is done about it, and a word of the reason. */
const RULES: [string, Sight, string, RegExp][] = [
  ["a replica", see({ recovering: true }), "idle", /streams/],
  ["a replica, whatever the switches say", see({ recovering: true, switches: switches(on("secondary", 9)) }), "idle", /streams/],
  ["a standby whose database streams no more", see({ role: "standby" }), "idle", /standby/],
  ["a dormant site", see({ role: "dormant" }), "idle", /dormant/],
  [
    "a standby that was promoted and overtaken",
    see({ role: "standby", switches: switches(on("secondary", 3)) }),
    "fence 3",
    /secondary is/,
  ],
  [
    "a standby that a later epoch opened",
    see({ role: "standby", mark: mark({ epoch: 4 }), switches: switches(on("secondary", 3)) }),
    "idle",
    /standby/,
  ],
  [
    "a standby that was promoted and not opened",
    see({ role: "standby", mark: mark({ epoch: 1, site: "secondary" }) }),
    "fence 1",
    /nobody opened/,
  ],
  [
    "a standby that was promoted while writes were paused",
    see({ role: "standby", mark: mark({ epoch: 1, site: "secondary", state: "paused" }) }),
    "idle",
    /standby/,
  ],

  ["a site that was left", see({ role: "fenced" }), "fence 2", /left by epoch 2/],
  ["a site that was left, fenced by a later epoch", see({ role: "fenced", mark: mark({ epoch: 3, state: "fenced" }) }), "fence 3", /left/],
  ["a site that was left before anybody marked it", without("mark", { role: "fenced" }), "fence 2", /left/],

  ["another site of a later epoch", see({ switches: switches(on("secondary", 3)) }), "fence 3", /secondary is active since epoch 3/],
  ["a cold site of a later epoch", see({ switches: switches(off, on("cold", 5)) }), "fence 5", /cold is active/],
  ["two of later epochs", see({ switches: switches(on("secondary", 4), on("cold", 3)) }), "fence 4", /secondary/],
  [
    "another site of a later epoch, whatever an operator said",
    see({ switches: switches(on("secondary", 3)), confirmedUntil: NOW + 1 }),
    "fence 3",
    /active/,
  ],
  [
    "a later epoch that fenced it already",
    see({ switches: switches(on("secondary", 3)), mark: mark({ epoch: 3, state: "fenced" }) }),
    "fence 3",
    /active/,
  ],
  ["another site's switch that names this one", see({ switches: switches(on("primary", 3)) }), "renew", /active/],
  ["the switch of a site that was left", see({ switches: switches(on("secondary", 1)) }), "renew", /active in epoch 2/],

  ["a database of a later epoch", see({ mark: mark({ epoch: 3 }) }), "hold", /this guard is of 2/],
  ["a database of a later epoch than any switch's", see({ mark: mark({ epoch: 5 }), switches: switches(on("secondary", 4)) }), "hold", /5/],
  ["a paused database of a later epoch", see({ mark: mark({ epoch: 3, state: "paused" }) }), "hold", /paused/],
  ["a fence of a later epoch", see({ mark: mark({ epoch: 3, state: "fenced" }) }), "fence 3", /fenced in epoch 3/],

  ["a database that nobody marked", without("mark"), "open 2", /nobody/],
  ["the database of the epoch before", see({ mark: mark({ epoch: 1, site: "secondary" }) }), "open 2", /was open in epoch 1/],
  [
    "a promoted replica of a paused database",
    see({ mark: mark({ epoch: 1, site: "secondary", state: "paused" }), leaseLeftMs: -1 }),
    "open 2",
    /paused/,
  ],
  [
    "a promoted replica of a fenced database of this epoch",
    see({ mark: mark({ site: "secondary", state: "fenced" }), leaseLeftMs: -1, switches: switches(unreadable) }),
    "open 2",
    /came with the replication/,
  ],
  ["a database that another site opened in this epoch", see({ mark: mark({ site: "secondary" }) }), "hold", /two sites/],

  ["paused", see({ mark: mark({ state: "paused" }) }), "renew", /paused/],
  ["paused, and the lease has run out", see({ mark: mark({ state: "paused" }), leaseLeftMs: -1 }), "renew", /paused/],
  ["open", active, "renew", /active in epoch 2/],
  ["open, and no lease yet", without("leaseLeftMs"), "renew", /active/],
  ["open, and no other site answers", see({ switches: switches(unreadable, unreadable) }), "renew", /active/],
  ["another site in the same epoch", see({ switches: switches(on("secondary", 2)) }), "fence 2", /as well/],
  [
    "another site in the same epoch, and an operator's word",
    see({ switches: switches(on("secondary", 2)), confirmedUntil: NOW + 1 }),
    "renew",
    /operator/,
  ],

  ["the lease has run out", see({ leaseLeftMs: 0 }), "open 2", /without a lease/],
  ["the lease has run out, a warm site does not answer", see({ leaseLeftMs: 0, switches: switches(unreadable) }), "fence 2", /timed out/],
  ["the lease has run out, a warm site was not asked", see({ leaseLeftMs: 0, switches: { cold: off } }), "fence 2", /not asked/],
  [
    "the lease has run out, the cold site alone does not answer",
    see({ leaseLeftMs: 0, switches: switches(off, unreadable) }),
    "open 2",
    /no other/,
  ],
  [
    "the lease has run out, the warm site was left before",
    see({ leaseLeftMs: 0, switches: switches(on("secondary", 1)) }),
    "open 2",
    /no other site is active/,
  ],
  ["the lease has run out, no other warm site", see({ leaseLeftMs: 0, others: [], switches: {} }), "open 2", /no other/],
  [
    "the lease has run out, another site in the same epoch",
    see({ leaseLeftMs: 0, switches: switches(on("secondary", 2)) }),
    "fence 2",
    /as well/,
  ],
  [
    "the lease has run out, nobody answers, an operator's word",
    see({ leaseLeftMs: 0, switches: switches(unreadable), confirmedUntil: NOW + 1 }),
    "open 2",
    /operator/,
  ],
  [
    "the lease has run out, nobody answers, an operator's word of yesterday",
    see({ leaseLeftMs: 0, switches: switches(unreadable), confirmedUntil: NOW }),
    "fence 2",
    /could not be read/,
  ],
  [
    "fenced in its own epoch, and all answer again",
    see({ mark: mark({ state: "fenced" }), leaseLeftMs: -1 }),
    "open 2",
    /fenced by guard of primary/,
  ],
  [
    "fenced in its own epoch, and somebody gave the role a lease",
    see({ mark: mark({ state: "fenced" }), switches: switches(unreadable) }),
    "fence 2",
    /could not be read/,
  ],
  [
    "fenced in its own epoch, and an operator's word",
    see({ mark: mark({ state: "fenced" }), switches: switches(unreadable), confirmedUntil: NOW + 1 }),
    "open 2",
    /operator/,
  ],
];

describe("what a guard does", () => {
  it.each(RULES)("%s", (_, sight, expected, why) => {
    const decision = decide(sight);
    expect("epoch" in decision ? `${decision.action} ${decision.epoch}` : decision.action).toBe(expected);
    expect(decision.reason).toMatch(why);
  });

  it("never lets a site write under a later epoch that it has seen, whatever else it sees", () => {
    const marks = [
      undefined,
      ...(["open", "paused", "fenced"] as const).flatMap((state) => [1, 2, 3].map((epoch) => mark({ state, epoch }))),
    ];
    for (const seen of marks) {
      for (const leaseLeftMs of [undefined, -1, 5_000]) {
        for (const confirmedUntil of [undefined, NOW + 1]) {
          for (const cold of [off, unreadable, on("cold", 1)]) {
            const { action } = decide({
              ...without("mark"),
              ...(seen && { mark: seen }),
              ...(leaseLeftMs !== undefined && { leaseLeftMs }),
              ...(confirmedUntil !== undefined && { confirmedUntil }),
              switches: switches(on("secondary", 3), cold),
            });
            expect(action).toBe("fence");
          }
        }
      }
    }
  });
});

/** What is seen, and the epoch before whose beginning an own takeover switch must be off. */
const TAKEN: [string, Sight, number | undefined][] = [
  ["another site of a later epoch", see({ switches: switches(on("secondary", 3)) }), 3],
  ["a cold site of a later epoch", see({ switches: switches(off, on("cold", 3)) }), 3],
  [
    "a fence of a later epoch, in a later round",
    see({ switches: switches(on("secondary", 3)), mark: mark({ epoch: 3, state: "fenced" }) }),
    3,
  ],
  [
    "a fence of a later epoch, while the site that set it cannot be asked",
    see({ switches: switches(unreadable), mark: mark({ epoch: 3, state: "fenced" }) }),
    3,
  ],
  ["a fence of a later epoch, and every other switch is off: given up", see({ mark: mark({ epoch: 3, state: "fenced" }) }), undefined],
  ["a site that was left, told so by its stack", see({ role: "fenced", switches: switches(on("secondary", 2)) }), undefined],
  ["another site of the own epoch", see({ switches: switches(on("secondary", 2)) }), undefined],
  ["its own fence, while nobody knows", see({ switches: switches(unreadable), mark: mark({ state: "fenced" }) }), undefined],
  ["no lease, while nobody knows", see({ switches: switches(unreadable), leaseLeftMs: -1 }), undefined],
  ["a later epoch that opened it: held, not fenced", see({ switches: switches(unreadable), mark: mark({ epoch: 3 }) }), undefined],
  ["a replica that was to be promoted", see({ recovering: true, switches: switches(on("secondary", 3)) }), 3],
  ["a replica of the active site", see({ role: "standby", recovering: true, switches: switches(on("secondary", 2)) }), undefined],
  ["a standby that was promoted", see({ role: "standby", switches: switches(on("secondary", 3)) }), 3],
  ["the active site", active, undefined],
];

it.each(TAKEN)("turns the own switch off, or leaves it: %s", (_, sight, expected) => {
  expect(overtakenIn(sight, decide(sight))).toBe(expected);
});
