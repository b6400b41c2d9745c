import { DisableKeyCommand, DescribeKeyCommand, EnableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { IntegrityRecord } from "../../automation/backups/integrity";
import type { BackupReport } from "../../automation/backups/verify";
import { Objects } from "../../automation/objects";
import { namesFor } from "../../topology/names";
import { changeover, type Ended } from "./command";
import { Circle } from "./circle";

describe("the copies of the data", () => {
  let circle: Circle;

  beforeAll(async () => {
    ({ circle } = await Circle.ready(undefined));
    for (const bucket of circle.topology.storage.buckets) await put("primary", bucket, "first.txt", "the first");
  });
  afterAll(async () => {
    await circle.clients.stop();
    await changeover(["lab", "down"]);
  });

  it("are all there, each with its age, once the first snapshot has reached the cold site", async () => {
    await vi.waitFor(
      async () => {
        expect((await verified()).verdicts.filter(({ met }) => !met)).toEqual([]);
      },
      { timeout: 180_000, interval: 2_000 },
    );
    const { copies, sound } = await verified();
    expect(sound).toBe(true);
    expect(copies.filter(({ data }) => data === "database").map(({ site, storage, live }) => [site, storage, live])).toEqual([
      ["primary", "instance", true],
      ["secondary", "instance", false],
      ["primary", "log", false],
      ["primary", "snapshot", false],
      ["cold", "snapshot", false],
    ]);
    expect(copies.filter(({ data }) => data === "objects media").map(({ site, storage }) => [site, storage])).toEqual([
      ["primary", "bucket"],
      ["secondary", "bucket"],
      ["cold", "archive"],
    ]);
    for (const { ageMs, rpo } of copies) if (rpo) expect(ageMs).toBeLessThanOrEqual(rpo.ms);
  });

  it("can be restored: every row that was there is in the newest one, though the service goes on; nothing of it is left", async () => {
    // One that has what the clients wrote.
    const since = new Date().toISOString();
    await vi.waitFor(
      async () => {
        const { copies } = await verified();
        expect(copies.find(({ site, storage }) => site === "cold" && storage === "snapshot")!.at! > since).toBe(true);
      },
      { timeout: 120_000, interval: 2_000 },
    );
    const { tested } = await verified("--restore-test");
    expect(tested).toMatchObject({ site: "cold", comparison: { equal: true, schema: [] } });
    const tables = (tested as { comparison: { tables: { table: string; rows: number }[] } }).comparison.tables;
    expect(tables.find(({ table }) => table === "public.writes")?.rows).toBeGreaterThan(0);
    const rds = new RDSClient({ region: circle.topology.sites["cold"]!.region });
    expect((await rds.send(new DescribeDBInstancesCommand({}))).DBInstances).toEqual([]);
    rds.destroy();
  });

  it("are looked at for status and for the alarm", async () => {
    const { code, stdout } = await changeover(["watch", "--once", "--json"], circle.env);
    const record = JSON.parse(stdout) as IntegrityRecord;
    expect([code, record.problems]).toEqual([0, []]);
    expect(record.testedAt).toBe(record.at);
    const { integrity } = await circle.status();
    expect(integrity).toEqual({ ...record, late: false });
  });

  it("are not sound where a key is gone; what works instead is named", async () => {
    const { keyAlias } = namesFor(circle.topology, "lab").site("cold");
    const kms = new KMSClient({ region: circle.topology.sites["cold"]!.region });
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: keyAlias }));
    const KeyId = KeyMetadata!.KeyId!;
    await kms.send(new DisableKeyCommand({ KeyId }));
    try {
      const shown = await run([]);
      expect(shown.code).toBe(5);
      expect(shown.stdout).toMatch(/database at cold.*nobody can decrypt it: its key is Disabled; the newest that works: .* at secondary/);
      expect(shown.stdout).toMatch(/3-2-1 of database: .*missed/);
      const failed = await verified("--restore-test");
      expect(failed.tested).toMatchObject({ failed: expect.stringMatching(/KMS key/), alternative: expect.stringMatching(/at secondary/) });
    } finally {
      await kms.send(new EnableKeyCommand({ KeyId }));
      kms.destroy();
    }
  });

  it("are not sound where an object is another one than the service has", async () => {
    await put("primary", "media", "spoiled.txt", "sound");
    await vi.waitFor(
      async () => {
        expect((await verified()).sound).toBe(true);
      },
      { timeout: 60_000, interval: 1_000 },
    );
    await put("secondary", "media", "spoiled.txt", "wrong");
    const { copies, sound } = await verified();
    expect(sound).toBe(false);
    expect(copies.flatMap(({ site, problems }) => problems.map((problem) => [site, problem]))).toEqual([
      ["secondary", expect.stringMatching(/spoiled\.txt is not what .*primary-media has/)],
      // Whatever is written at a warm site goes there.
      ["cold", expect.stringMatching(/spoiled\.txt is not what .*primary-media has/)],
    ]);
  });

  async function put(site: string, bucket: string, key: string, body: string): Promise<void> {
    const objects = new Objects(circle.topology.sites[site]!.region);
    await objects.put(namesFor(circle.topology, "lab").site(site).bucket(bucket), key, body);
    objects.close();
  }

  function run(args: string[]): Promise<Ended> {
    return changeover(["backups", "verify", "--latest", "--all-tiers", ...args], circle.env);
  }

  async function verified(...args: string[]): Promise<BackupReport> {
    const { stdout, stderr } = await run([...args, "--json"]);
    expect(stderr).toBe("");
    return JSON.parse(stdout) as BackupReport;
  }
});
