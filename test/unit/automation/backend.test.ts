import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backendObjections, type BackendCheck, type BackendFacts } from "../../../automation/backend";
import { standingOf } from "../../../automation/bundle/standing";
import { writeStamp } from "../../../automation/bundle/stamp";

const ROOT = join(__dirname, "../../..");
const now = new Date("2026-03-02T00:00:00Z");

/** Nothing to object to; each test spoils one thing. */
const fit: BackendFacts = {
  backendUrl: "s3://state?region=us-east-1",
  secretsProviders: { "production-primary": "passphrase", "production-edge": undefined },
  activeSite: "primary",
  epoch: 3,
  regions: { primary: "eu-north-1", secondary: "eu-west-1", cold: "us-east-1" },
  journals: "/home/op/.changeover/journals/production",
  bundle: { madeAt: "2026-03-01T00:00:00Z", epoch: 3, folder: "/mnt/stick", published: ["secondary", "cold"] },
  now,
};

function check(name: BackendCheck["name"], spoiled: Partial<BackendFacts> = {}): BackendCheck {
  const found = backendObjections({ ...fit, ...spoiled }).find((one) => one.name === name);
  if (!found) throw new Error(`no check ${name}`);
  return found;
}

describe("what outlives the active region", () => {
  it("finds nothing where everything is elsewhere, and names a source each time", () => {
    const checks = backendObjections(fit);
    expect(checks.map(({ name, level }) => [name, level])).toEqual([
      ["state", "fine"],
      ["key", "fine"],
      ["journal", "fine"],
      ["facts", "fine"],
    ]);
    for (const { source } of checks) expect(source).toMatch(/documentation|AWS/);
  });

  it("says what would satisfy, whenever it is not fine", () => {
    const spoiled: Partial<BackendFacts>[] = [
      { backendUrl: undefined },
      { backendUrl: "file:///var/state" },
      { backendUrl: "s3://state?region=eu-north-1" },
      { backendUrl: "s3://state" },
      { secretsProviders: { a: "awskms://alias/state?region=eu-north-1" } },
      { bundle: undefined },
      { regions: { primary: "eu-north-1" } },
    ];
    for (const facts of spoiled) {
      const objections = backendObjections({ ...fit, ...facts }).filter(({ level }) => level !== "fine");
      expect(objections.length, JSON.stringify(facts)).toBeGreaterThan(0);
      for (const { satisfy } of objections) expect(satisfy, JSON.stringify(facts)).toMatch(/\S/);
    }
  });

  const states: [string, Partial<BackendFacts>, BackendCheck["level"], RegExp][] = [
    ["no backend", { backendUrl: undefined }, "refused", /no backend is chosen/],
    ["a folder", { backendUrl: "file:///var/state" }, "warning", /one machine/],
    ["the home folder", { backendUrl: "file://~" }, "warning", /one machine/],
    ["Pulumi Cloud", { backendUrl: "https://api.pulumi.com" }, "fine", /Pulumi Cloud \(api\.pulumi\.com\)/],
    ["another cloud", { backendUrl: "gs://state" }, "fine", /outside AWS/],
    ["a bucket in the active region", { backendUrl: "s3://state?region=eu-north-1" }, "refused", /bucket state in eu-north-1.*primary/],
    [
      "the same bucket below a folder",
      { backendUrl: "s3://state/team?awssdk=v2&region=eu-north-1" },
      "refused",
      /bucket state in eu-north-1/,
    ],
    ["a bucket elsewhere once the service has moved there", { activeSite: "cold" }, "refused", /us-east-1/],
    ["a bucket whose region only the client knows", { backendUrl: "s3://state", clientRegion: "eu-north-1" }, "refused", /in eu-north-1/],
    ["a bucket whose region nobody knows", { backendUrl: "s3://state" }, "refused", /nothing says in which region/],
    [
      "a store that is not Amazon's",
      { backendUrl: "s3://state?endpoint=minio.example:9000&region=eu-north-1" },
      "warning",
      /minio\.example/,
    ],
    [
      "a bucket replicated to another region",
      { backendUrl: "s3://state?region=eu-north-1", stateReplica: "s3://copy?region=eu-west-1" },
      "warning",
      /replicated to copy in eu-west-1/,
    ],
    [
      "a replica in the same region",
      { backendUrl: "s3://state?region=eu-north-1", stateReplica: "s3://copy?region=eu-north-1" },
      "refused",
      /names no bucket of another region/,
    ],
    [
      "a replica that is the bucket itself",
      { backendUrl: "s3://state?region=eu-north-1", stateReplica: "s3://state?region=eu-west-1" },
      "refused",
      /names no bucket of another region/,
    ],
  ];
  it.each(states)("state: %s", (_, facts, level, finding) => {
    expect(check("state", facts)).toMatchObject({ level, finding: expect.stringMatching(finding) });
  });

  it("a login in the backend's address is not repeated", () => {
    expect(check("state", { backendUrl: "https://me:hunter2@pulumi.example" }).finding).not.toContain("hunter2");
  });

  const keys: [string, string, BackendCheck["level"], RegExp][] = [
    ["a passphrase", "passphrase", "fine", /keep it where people reach it without eu-north-1/],
    ["a key by alias in the active region", "awskms://alias/state?region=eu-north-1", "refused", /KMS key alias\/state in eu-north-1/],
    ["a key by id", "awskms://1234abcd-12ab-34cd-56ef-1234567890ab?region=eu-north-1", "refused", /1234abcd/],
    ["a key by ARN, which has the region", "awskms:///arn:aws:kms:eu-north-1:123456789012:key/1234abcd", "refused", /eu-north-1/],
    ["a key elsewhere", "awskms://alias/state?region=us-east-1", "fine", /in us-east-1/],
    ["a key whose region nobody knows", "awskms://alias/state", "refused", /nothing says in which region/],
    ["a multi-Region key by id", "awskms://mrk-1234abcd?region=eu-north-1", "warning", /multi-Region key mrk-1234abcd/],
    [
      "a multi-Region key by ARN",
      "awskms:///arn:aws:kms:eu-north-1:123456789012:key/mrk-1234abcd?region=eu-north-1",
      "warning",
      /multi-Region key/,
    ],
    ["an alias that only mentions one", "awskms://alias/not-mrk-at-all?region=eu-north-1", "refused", /not-mrk-at-all/],
    ["a key of another cloud", "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k", "fine", /outside AWS KMS/],
  ];
  it.each(keys)("key: %s", (_, provider, level, finding) => {
    expect(check("key", { secretsProviders: { "production-primary": provider } })).toMatchObject({
      level,
      finding: expect.stringMatching(finding),
    });
  });

  it("judges each key once, and names the stacks that share it", () => {
    const shared = "awskms://alias/state?region=eu-north-1";
    const checks = backendObjections({ ...fit, secretsProviders: { a: shared, b: shared, c: "passphrase" } }).filter(
      ({ name }) => name === "key",
    );
    expect(checks.map(({ level, finding }) => [level, /of (a, b|c)\b/.exec(finding)?.[1]])).toEqual([
      ["refused", "a, b"],
      ["fine", "c"],
    ]);
  });

  it("journal: refused where every site is in one region", () => {
    expect(check("journal", { regions: { primary: "eu-north-1", secondary: "eu-north-1" } }).level).toBe("refused");
    expect(check("journal").finding).toMatch(/secondary, cold/);
  });

  const facts: [string, BackendFacts["bundle"], BackendCheck["level"], RegExp][] = [
    ["none", undefined, "warning", /no bundle/],
    ["published to the active site alone", { madeAt: "2026-03-01T00:00:00Z", epoch: 3, published: ["primary"] }, "refused", /primary only/],
    ["published elsewhere", { madeAt: "2026-03-01T00:00:00Z", epoch: 3, published: ["cold"] }, "fine", /cold's control bucket/],
    ["of an older epoch", { madeAt: "2026-03-01T00:00:00Z", epoch: 2, folder: "/b", published: [] }, "warning", /epoch 2.*epoch 3/],
    ["a month old", { madeAt: "2026-02-01T00:00:00Z", epoch: 3, folder: "/b", published: [] }, "warning", /29 days old/],
  ];
  it.each(facts)("facts: %s", (_, bundle, level, finding) => {
    expect(check("facts", { bundle })).toMatchObject({ level, finding: expect.stringMatching(finding) });
  });
});

describe("how an environment stands, told by its files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "standing-"));
    copyFileSync(join(ROOT, "topology.yaml"), join(folder, "topology.yaml"));
    vi.stubEnv("CHANGEOVER_HOME", join(folder, "home"));
    vi.stubEnv("PULUMI_HOME", join(folder, "pulumi"));
    for (const name of ["PULUMI_BACKEND_URL", "PULUMI_CREDENTIALS_PATH", "AWS_REGION", "AWS_DEFAULT_REGION"]) vi.stubEnv(name, undefined);
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", undefined);
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE_FILE", undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const stack = (part: string, text: string): void => {
    writeFileSync(join(folder, `Pulumi.x-${part}.yaml`), text);
  };
  const levels = (): Record<string, string> =>
    Object.fromEntries(standingOf(folder, "x", "/j", now).checks.map(({ name, level }) => [name, level]));

  it("the site of the highest epoch is active", () => {
    stack("primary", 'config:\n  changeover:activeSite: primary\n  changeover:epoch: "1"\n');
    stack("secondary", 'config:\n  changeover:activeSite: secondary\n  changeover:epoch: "2"\n');
    expect(standingOf(folder, "x", "/j", now)).toMatchObject({ activeSite: "secondary", epoch: 2 });
  });

  it("reads backend, keys, replica and the last bundle", () => {
    stack("primary", 'encryptionsalt: v1:abc\nconfig:\n  changeover:activeSite: primary\n  changeover:epoch: "1"\n');
    stack("secondary", "secretsprovider: awskms://alias/k?region=eu-north-1\n");
    expect(levels()).toEqual({ state: "refused", key: "refused", journal: "fine", facts: "warning" });

    writeFileSync(join(folder, "Pulumi.yaml"), "name: x\nbackend:\n  url: s3://state?region=eu-north-1\n");
    expect(levels()["state"]).toBe("refused");
    stack("edge", 'config:\n  changeover:stateReplica: "s3://copy?region=us-east-1"\n');
    expect(levels()["state"]).toBe("warning");
    vi.stubEnv("PULUMI_BACKEND_URL", "https://api.pulumi.com");
    expect(levels()["state"]).toBe("fine");
    writeStamp("x", { madeAt: now.toISOString(), epoch: 1, published: ["secondary"] });
    expect(levels()["facts"]).toBe("fine");
  });

  it("works without stacks, topology or readable files", () => {
    expect(standingOf(folder, "y", "/j", now).checks).toEqual([expect.objectContaining({ name: "environment", level: "warning" })]);
    stack("primary", "config: [");
    expect(levels()).toEqual({ environment: "warning" });
    rmSync(join(folder, "topology.yaml"));
    stack("primary", "config: {}\n");
    expect(levels()).toEqual({ environment: "warning" });
  });
});
