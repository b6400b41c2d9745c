import { describe, expect, it } from "vitest";
import { activationGuards, type ActivationFacts } from "../../../automation/changeover/activation-guards";
import { objectionTo } from "../../../automation/guards";

const ready: ActivationFacts = {
  to: "cold",
  toRole: "dormant",
  current: { activeSite: "primary", epoch: 1 },
  epoch: 2,
  reached: 1,
  unreachable: ["primary", "secondary"],
  warm: ["primary", "secondary"],
  point: { snapshot: "awsbackup:copyjob-1", ageMs: 1_800_000 },
  key: "Enabled",
  older: ["awsbackup:copyjob-0 of 2026-01-02T02:00:00.000Z"],
  missing: [],
  cluster: undefined,
  rpoMs: 3_600_000,
  acceptLoss: undefined,
  acceptUnfenced: "both regions are gone",
};
const asked = (change: Partial<ActivationFacts>) => objectionTo(activationGuards, { ...ready, ...change });

describe("the guards of an activation", () => {
  it("say yes to a dormant site with a copy, once every warm site is lost", () => {
    expect(asked({})).toBeUndefined();
    expect(asked({ key: undefined })).toBeUndefined();
    expect(asked({ point: { snapshot: "s", ageMs: 9e9 }, acceptLoss: "nothing else is left" })).toBeUndefined();
  });

  it.each<[string, Partial<ActivationFacts>, string, RegExp]>([
    ["a site that is active", { toRole: "active" }, "the site is dormant", /changeover status/],
    [
      "a warm site that may live",
      { unreachable: ["primary"] },
      "no warm site is left",
      /failover --to secondary.*--unreachable primary,secondary/,
    ],
    [
      "nobody who accepts it",
      { acceptUnfenced: undefined },
      "it is accepted that nobody is known to be fenced",
      /--accept-unfenced "reason"/,
    ],
    ["a stale epoch", { epoch: 1 }, "the epoch is ahead", /give 2/],
    ["no secrets", { missing: ["kubeconfig"] }, "the site's config is whole", /config set --secret/],
    ["no copy", { point: undefined }, "there is a copy", /backups verify/],
    ["a key that is gone", { key: "gone" }, "the copy can be decrypted", /--snapshot, one of: awsbackup:copyjob-0 of 2026/],
    [
      "a copy that is too old",
      { point: { snapshot: "s", ageMs: 3_600_001 } },
      "the copy is within the RPO",
      /--outage-since.*--accept-loss/,
    ],
    ["a cluster that does not answer", { cluster: "no answer" }, "the cluster answers", /changeover:kubeconfig/],
  ])("say no to %s, and what would do", (_, change, guard, satisfy) => {
    const objection = asked(change);
    expect(objection?.guard).toBe(guard);
    expect(objection?.satisfy).toMatch(satisfy);
  });
});
