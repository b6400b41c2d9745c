import { DescribeKeyCommand, DisableKeyCommand, EnableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { BackupReport } from "../../automation/backups/verify";
import type { MoveReport, ReprotectReport } from "../../automation/changeover/report";
import type { Plan } from "../../automation/plan/plan";
import { Objects } from "../../automation/objects";
import { namesFor } from "../../topology/names";
import { callsTo } from "../../lab/control";
import { changeover } from "./command";
import { Circle, type Roles } from "./circle";

const BOTH = ["--unreachable", "primary,secondary"];
const ACCEPTED = ["--accept-unfenced", "the test took both away"];
const TO_COLD = ["failover", "--to", "cold"];

/** S3 archives nothing smaller. */
const LARGE = "the first\n".repeat(20_000);

describe("an activation of the cold site", () => {
  let circle: Circle;
  let roles: Roles;

  beforeAll(async () => {
    ({ circle, roles } = await Circle.ready(undefined, ["--storage-day", "30s"]));
    for (const bucket of circle.topology.storage.buckets) await put("primary", bucket, "first.txt", LARGE);
    const since = new Date().toISOString();
    await vi.waitFor(
      async () => {
        const { stdout } = await changeover(["backups", "verify", "--latest", "--all-tiers", "--json"], circle.env);
        const { copies } = JSON.parse(stdout) as BackupReport;
        const atCold = (kept: string) => copies.filter(({ site, storage }) => site === "cold" && storage === kept);
        for (const { at, problems } of atCold("snapshot")) expect([at! > since, problems]).toEqual([true, []]);
        for (const { problems } of atCold("archive")) expect(problems).toEqual([]);
        expect([atCold("snapshot").length, atCold("archive").length]).toEqual([1, circle.topology.storage.buckets.length]);
      },
      { timeout: 240_000, interval: 2_000 },
    );
  });

  afterAll(async () => {
    await circle.clients.stop();
    await changeover(["lab", "down"]);
  });

  it.each([
    ["while a warm site may live", ["--unreachable", "primary", ...ACCEPTED], 3, /secondary may live, and loses less[^]*--to secondary/],
    ["without a word on who may still write", BOTH, 3, /nobody knows whether it still takes writes[^]*--accept-unfenced/],
    ["an epoch that is over", [...BOTH, ...ACCEPTED, "--epoch", "1"], 3, /epoch 1 is stale/],
    ["a copy that is none", [...BOTH, ...ACCEPTED, "--snapshot", "nothing"], 2, /--snapshot is "nothing"; it may be awsbackup:/],
    ["a site that is none", ["--unreachable", "primary,mars", ...ACCEPTED], 2, /--unreachable is "mars"/],
  ])("is refused: %s", async (_, args, code, message) => {
    expect((await circle.fails([...TO_COLD, ...args], code)).stderr).toMatch(message);
  });

  it("is refused from a copy older than the RPO, unless that is accepted by name", async () => {
    const later = new Date(Date.now() + 2 * 3_600_000).toISOString();
    const { stderr } = await circle.fails([...TO_COLD, ...BOTH, ...ACCEPTED, "--outage-since", later], 3);
    expect(stderr).toMatch(/old, beyond the RPO of 1h; what was written since would be lost[^]*--accept-loss/);
  });

  it("is refused from a copy whose key is gone", async () => {
    const { keyAlias } = namesFor(circle.topology, "lab").site("cold");
    const kms = new KMSClient({ region: circle.topology.sites["cold"]!.region });
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: keyAlias }));
    await kms.send(new DisableKeyCommand({ KeyId: KeyMetadata!.KeyId! }));
    try {
      const { stderr } = await circle.fails([...TO_COLD, ...BOTH, ...ACCEPTED], 3);
      expect(stderr).toMatch(/nobody can decrypt .*: its key is Disabled/);
    } finally {
      await kms.send(new EnableKeyCommand({ KeyId: KeyMetadata!.KeyId! }));
      kms.destroy();
    }
  });

  it("is planned: what it would begin with, and when the archive can be read", async () => {
    await vi.waitFor(
      async () => {
        const { code, stdout, stderr } = await changeover(["plan", "--to", "cold", "--json"], circle.env);
        expect([code, stderr]).toEqual([0, ""]);
        const { cold } = JSON.parse(stdout) as Plan;
        expect(cold?.snapshot).toMatch(/^awsbackup:/);
        // They were archived since.
        const found = cold?.objects.map(({ objects, archived, tier }) => [objects, archived, tier]);
        expect(found).toEqual(circle.topology.storage.buckets.map(() => [1, 1, "Expedited"]));
        for (const { toMs } of cold?.objects ?? []) expect(toMs).toBe(300_000);
      },
      { timeout: 120_000, interval: 1_000 },
    );
  });

  it("serves from what lies in its own region: one writer, not a call to what is lost, the archive's objects last", async () => {
    for (const site of [roles.active, roles.standby]) await circle.lose(site);
    const report = await circle.done<MoveReport>([...TO_COLD, ...BOTH, ...ACCEPTED]);
    expect(report).toMatchObject({ kind: "activation", from: "primary", to: "cold", epoch: 2, fenced: { known: false } });
    expect(report.objects?.objects).toBe(circle.topology.storage.buckets.length);
    // Tiers 0 and 1 serve, and a write was read back.
    expect(report.recoveredMs).toBeLessThanOrEqual(120_000);
    for (const site of [roles.active, roles.standby]) expect(await callsTo(circle.topology.sites[site]!.region)).toBe(0);
    const { sites, activeSite, epoch } = await circle.status([roles.active, roles.standby]);
    expect([activeSite, epoch]).toEqual(["cold", 2]);
    expect(sites.find(({ name }) => name === "cold")).toMatchObject({ role: "active", database: "primary", writes: "open", traffic: true });
    const objects = new Objects(circle.topology.sites["cold"]!.region);
    const bucket = namesFor(circle.topology, "lab").site("cold").bucket("media");
    expect(await objects.get(bucket, "first.txt")).toBe(LARGE);
    objects.close();
  });

  it("stays the only writer when the others come back", async () => {
    for (const site of [roles.active, roles.standby]) await circle.heal(site);
    const { takes, silent } = await circle.writers(await circle.doors(["cold", roles.active]), 20_000);
    expect({ takes, silent }).toEqual({ takes: ["cold"], silent: [] });
  });

  it("is protected by one of them, which gets the objects that were written meanwhile", async () => {
    await put("cold", "media", "meanwhile.txt", "written at the cold site");
    const report = await circle.done<ReprotectReport>(["reprotect", "--site", roles.active]);
    expect(report).toMatchObject({ site: roles.active, active: "cold", epoch: 2 });
    const objects = new Objects(circle.topology.sites[roles.active]!.region);
    const bucket = namesFor(circle.topology, "lab").site(roles.active).bucket("media");
    expect(await objects.get(bucket, "meanwhile.txt")).toBe("written at the cold site");
    objects.close();
  });

  async function put(site: string, bucket: string, key: string, body: string): Promise<void> {
    const objects = new Objects(circle.topology.sites[site]!.region);
    await objects.put(namesFor(circle.topology, "lab").site(site).bucket(bucket), key, body);
    objects.close();
  }
});
