import { expect, test } from "vitest";
import { Database, type DatabaseArgs, type LiveDatabase } from "../../../components/database";
import { names, record, valueOf, type Recorded } from "./recorder";
import * as pulumi from "@pulumi/pulumi";

const INSTANCE = "aws:rds/instance:Instance";
const secondary = names.site("secondary");

const base: DatabaseArgs = {
  names: secondary,
  live: { generation: 1 },
  engineVersion: "15.8",
  leaseMs: 10_000,
  instanceClass: "db.r6g.large",
  backupRetentionDays: 7,
  subnetIds: ["subnet-a", "subnet-b"],
  securityGroupId: "sg",
  keyArn: "arn:own-key",
};

async function instance(live: Partial<LiveDatabase>, generation = 1): Promise<Recorded> {
  const recording = await record(() => new Database("database", { ...base, live: { generation, ...live } }));
  return recording.get(INSTANCE, `database-instance-${generation}`);
}

test("a promotion takes replicateSourceDb away and changes nothing else", async () => {
  const replicaOf = names.site("primary").databaseArn(1);
  const standby = await instance({ replicaOf });
  const active = await instance({});
  expect(standby.urn).toBe(active.urn);
  expect(standby.inputs.replicateSourceDb).toBe("arn:aws:rds:eu-north-1:123456789012:db:samia-tarot-production-primary-1");
  expect({ ...active.inputs, replicateSourceDb: replicaOf }).toEqual(standby.inputs);
});

test("a database that began as a replica is given nothing that it has from its source", async () => {
  for (const args of [{}, { replicaOf: "arn:source" }]) {
    const { inputs } = await instance(args);
    for (const inherited of ["engine", "engineVersion", "username", "password", "dbName", "allocatedStorage"]) {
      expect(inputs, inherited).not.toHaveProperty(inherited);
    }
  }
});

test("the first database is created empty, with its password a secret", async () => {
  const { inputs, secrets } = await instance({ origin });
  expect(inputs).toMatchObject({
    engine: "postgres",
    engineVersion: "15.8",
    dbName: "service",
    allocatedStorage: 100,
    username: "changeover",
  });
  expect(inputs).not.toHaveProperty("replicateSourceDb");
  expect(secrets).toEqual(["password"]);
});

test("either role is protected: two zones, own key, backups, no deletion, a final snapshot", async () => {
  for (const args of [{}, { replicaOf: "arn:source" }]) {
    expect((await instance(args)).inputs).toMatchObject({
      identifier: "samia-tarot-production-secondary-1",
      multiAz: true,
      storageEncrypted: true,
      kmsKeyId: "arn:own-key",
      backupRetentionPeriod: 7,
      deletionProtection: true,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: "samia-tarot-production-secondary-1-final",
      applyImmediately: true,
    });
  }
});

test("a new generation is a new resource, the old name is left alone", async () => {
  const second = await instance({ replicaOf: "arn:source" }, 2);
  expect(second.name).toBe("database-instance-2");
  expect(second.inputs.identifier).toBe("samia-tarot-production-secondary-2");
});

const SNAPSHOT = "aws:rds/snapshot:Snapshot";
/** As an instance stays that is not worked with any more: what was a replica is not promoted for that. */
const kept = (one: Recorded): Recorded => ({ ...one, ignoreChanges: ["replicateSourceDb"] });
const origin = { databaseName: "service", storageGb: 100, password: pulumi.secret("master") };

test("losing the role active changes no argument of the instance; a snapshot that outlives it is taken", async () => {
  for (const born of [{}, { origin }]) {
    const active = await record(() => new Database("database", { ...base, live: { generation: 1, ...born } }));
    const { live: _, ...without } = base;
    const fenced = await record(() => new Database("database", { ...without, retained: [{ generation: 1, ...born }] }));
    expect(fenced.all(INSTANCE)).toEqual(active.all(INSTANCE).map(kept));
    expect(fenced.list().filter((r) => !active.list().includes(r))).toEqual([`${SNAPSHOT} database-left-1`]);
    const snapshot = fenced.get(SNAPSHOT, "database-left-1");
    expect(snapshot.inputs).toEqual({
      dbInstanceIdentifier: "samia-tarot-production-secondary-1",
      dbSnapshotIdentifier: "samia-tarot-production-secondary-1-left",
    });
    expect(snapshot.retainOnDelete).toBe(true);
    expect(await valueOf(fenced.result.current!.identifier)).toBe("samia-tarot-production-secondary-1");
  }
});

test("a replica that is promoted elsewhere keeps its source in the state, and changes by nothing else", async () => {
  const plain = await record(() => new Database("database", { ...base, live: { generation: 1 } }));
  const elsewhere = await record(() => new Database("database", { ...base, live: { generation: 1, promotedElsewhere: true } }));
  const ignored = (recording: typeof plain) => recording.all(INSTANCE).map(({ ignoreChanges }) => ignoreChanges);
  expect([ignored(plain), ignored(elsewhere)]).toEqual([[[]], [["replicateSourceDb"]]]);
  expect(elsewhere.all(INSTANCE).map(({ inputs }) => inputs)).toEqual(plain.all(INSTANCE).map(({ inputs }) => inputs));
});

test("a restored database is taken over by AWS's number of it, but for what RDS does not tell of it", async () => {
  const { inputs, ...adopted } = await instance({ adopted: "db-ABC123" }, 2);
  expect(adopted).toMatchObject({
    importId: "db-ABC123",
    ignoreChanges: ["applyImmediately", "skipFinalSnapshot", "finalSnapshotIdentifier", "tags", "tagsAll"],
  });
  expect(inputs).toEqual((await instance({}, 2)).inputs);
});

test("a site that stands by again streams into a new instance and keeps those that it left as they were", async () => {
  const before = await record(() => new Database("database", { ...base, retained: [{ generation: 1 }], live: { generation: 2 } }));
  const recording = await record(
    () =>
      new Database("database", {
        ...base,
        retained: [{ generation: 1 }, { generation: 2 }],
        live: { generation: 3, replicaOf: "arn:source" },
      }),
  );
  expect(recording.all(INSTANCE).map(({ name, inputs }) => [name, inputs.replicateSourceDb])).toEqual([
    ["database-instance-1", undefined],
    ["database-instance-2", undefined],
    ["database-instance-3", "arn:source"],
  ]);
  expect(recording.all(INSTANCE).slice(0, 2)).toEqual(before.all(INSTANCE).map(kept));
  expect(await valueOf(recording.result.current!.identifier)).toBe("samia-tarot-production-secondary-3");
  expect(await valueOf(pulumi.output(recording.result.retained))).toEqual([
    {
      generation: 1,
      identifier: "samia-tarot-production-secondary-1",
      address: "samia-tarot-production-secondary-1.rds",
      port: 5432,
      discard: false,
    },
    {
      generation: 2,
      identifier: "samia-tarot-production-secondary-2",
      address: "samia-tarot-production-secondary-2.rds",
      port: 5432,
      discard: false,
    },
  ]);
});

test("discarding takes the protection of a retained one away, and of no other", async () => {
  const recording = await record(
    () => new Database("database", { ...base, retained: [{ generation: 1, discard: true }], live: { generation: 2 } }),
  );
  const protection = recording
    .all(INSTANCE)
    .map(({ name, inputs }) => [name, inputs.deletionProtection, inputs.skipFinalSnapshot] as unknown);
  expect(protection).toEqual([
    ["database-instance-1", false, true],
    ["database-instance-2", true, false],
  ]);
});

test("a dormant site has what a database is restored into, and no database", async () => {
  const { live: _, ...without } = base;
  const recording = await record(() => new Database("database", without));
  expect(recording.list()).toEqual([
    "aws:rds/parameterGroup:ParameterGroup database-parameters",
    "aws:rds/subnetGroup:SubnetGroup database-subnets",
    "changeover:site:Database database",
  ]);
  expect(recording.result.current).toBeUndefined();
  expect(await valueOf(recording.result.groups.subnets)).toBe("production-secondary");
});

test("the server takes TLS 1.3 only, and no session idles longer than the guard's word is good for", async () => {
  const recording = await record(() => new Database("database", base));
  const { inputs } = recording.get("aws:rds/parameterGroup:ParameterGroup", "database-parameters");
  expect(inputs.family).toBe("postgres15");
  expect(inputs.parameters).toEqual([
    { name: "rds.force_ssl", value: "1" },
    { name: "ssl_min_protocol_version", value: "TLSv1.3" },
    { name: "idle_session_timeout", value: "10000" },
    { name: "idle_in_transaction_session_timeout", value: "10000" },
    { name: "track_commit_timestamp", value: "1", applyMethod: "pending-reboot" },
  ]);
});

test("children hang on the component", async () => {
  const recording = await record(() => new Database("database", base));
  const component = recording.get("changeover:site:Database", "database");
  expect(recording.list()).toEqual([
    "aws:rds/instance:Instance database-instance-1",
    "aws:rds/parameterGroup:ParameterGroup database-parameters",
    "aws:rds/subnetGroup:SubnetGroup database-subnets",
    "changeover:site:Database database",
  ]);
  for (const child of recording.resources.filter((r) => r !== component)) expect(child.parent).toBe(component.urn);
});
