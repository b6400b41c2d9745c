import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadTopology } from "../../../stacks/topology-file";
import { namesFor, parseStackName } from "../../../topology/names";
import { bornAsCopy, laterSites, replicasOf, roleOf, takeoverSwitchOn, type Standing } from "../../../topology/roles";

const topology = loadTopology(join(__dirname, "../../../topology.yaml"));

describe("roles", () => {
  const home = { activeSite: "primary", epoch: 1 };
  const away = { activeSite: "secondary", epoch: 2 };

  it("follow from the active site", () => {
    expect(["primary", "secondary", "cold"].map((site) => roleOf(topology, site, home))).toEqual(["active", "standby", "dormant"]);
    expect(["primary", "secondary", "cold"].map((site) => roleOf(topology, site, away))).toEqual(["standby", "active", "dormant"]);
  });

  it("a site that believes itself active under an older epoch is fenced", () => {
    expect(roleOf(topology, "primary", home, away)).toBe("fenced");
    expect(roleOf(topology, "secondary", away, away)).toBe("active");
    expect(roleOf(topology, "secondary", home, away)).toBe("standby");
  });

  it("a site that only keeps what it left is fenced, until it has a new database", () => {
    const role = (own: Partial<Standing>, site = "primary") => roleOf(topology, site, { ...away, ...own });
    expect(role({ generation: 1, retained: [1] })).toBe("fenced");
    expect(role({ retained: [1] })).toBe("fenced");
    expect(role({ generation: 2, retained: [1] })).toBe("standby");
    expect(role({ generation: 2, retained: [1, 2] })).toBe("fenced");
    expect(role({ generation: 1, retained: [1] }, "secondary")).toBe("active");
    expect(role({ generation: 1, retained: [1] }, "cold")).toBe("fenced");
    expect(role({ generation: 2, retained: [1] }, "cold")).toBe("dormant");
  });

  it("exactly one site is active, whichever it is", () => {
    for (const activeSite of Object.keys(topology.sites)) {
      const roles = Object.keys(topology.sites).map((site) => roleOf(topology, site, { activeSite, epoch: 3 }));
      expect(roles.filter((role) => role === "active")).toHaveLength(1);
    }
  });

  it("an unknown site is an error", () => {
    expect(() => roleOf(topology, "mars", home)).toThrow(/mars/);
  });

  it("the switch is on at the active site, also at home", () => {
    const roles = ["active", "standby", "dormant", "fenced"] as const;
    expect(roles.filter(takeoverSwitchOn)).toEqual(["active"]);
  });

  it("later sites in the chain can take over", () => {
    expect(laterSites(topology, "primary")).toEqual(["secondary", "cold"]);
    expect(laterSites(topology, "cold")).toEqual([]);
  });

  it("only the first database at home is not a copy at first", () => {
    expect(bornAsCopy(topology, "primary", 1)).toBe(false);
    expect(bornAsCopy(topology, "primary", 2)).toBe(true);
    expect(bornAsCopy(topology, "secondary", 1)).toBe(true);
  });

  it("pods follow the role", () => {
    const workload = { replicas: { active: 3, standby: 1 } };
    expect((["active", "standby", "dormant", "fenced"] as const).map((role) => replicasOf(workload, role))).toEqual([3, 1, 0, 0]);
  });
});

describe("names", () => {
  const names = namesFor(topology, "lab");

  it("are derived, so that a site that is gone need not be asked", () => {
    const site = names.site("secondary");
    expect(site.databaseArn(1)).toBe("arn:aws:rds:eu-west-1:123456789012:db:samia-tarot-lab-secondary-1");
    expect(site.switchHost).toBe("samia-tarot-lab-123456789012-secondary-switch.s3.eu-west-1.amazonaws.com");
    expect(site.keyAliasArn).toBe("arn:aws:kms:eu-west-1:123456789012:alias/samia-tarot-lab-secondary");
  });

  it("differ between environments, sites and generations", () => {
    const all = ["lab", "production"].flatMap((environment) =>
      ["primary", "secondary"].flatMap((site) =>
        [1, 2].map((generation) => namesFor(topology, environment).site(site).database(generation)),
      ),
    );
    expect(new Set(all).size).toBe(8);
  });

  it("keep to the services' limits", () => {
    for (const name of Object.keys(topology.sites)) {
      const site = namesFor(topology, "production").site(name);
      expect(site.prefix.length).toBeLessThanOrEqual(32);
      expect(site.database(99).length).toBeLessThanOrEqual(63);
      for (const name of [site.vault, site.backupPlan]) expect(name.length).toBeLessThanOrEqual(50);
      expect(site.backupRole.length).toBeLessThanOrEqual(64);
      for (const bucket of [site.bucket("documents"), site.switchBucket, site.controlBucket]) expect(bucket.length).toBeLessThanOrEqual(63);
    }
  });

  it("the chain has a level for each pair", () => {
    expect(names.levels).toEqual(["app.samia-tarot.com", "standby.samia-tarot.com"]);
  });

  it.each([
    ["lab-secondary", { environment: "lab", part: "secondary" }],
    ["production-us-west", { environment: "production", part: "us-west" }],
    ["secondary", undefined],
    ["-x", undefined],
  ])("stack %s", (name, parsed) => {
    expect(parseStackName(name)).toEqual(parsed);
  });
});
