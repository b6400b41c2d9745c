import { expect, test } from "vitest";
import { Database, type DatabaseArgs } from "../../../components/database";
import { names, record, type Recorded } from "./recorder";
import * as pulumi from "@pulumi/pulumi";

const INSTANCE = "aws:rds/instance:Instance";
const secondary = names.site("secondary");

const base: DatabaseArgs = {
  names: secondary,
  generation: 1,
  engineVersion: "15.8",
  instanceClass: "db.r6g.large",
  backupRetentionDays: 7,
  subnetIds: ["subnet-a", "subnet-b"],
  securityGroupId: "sg",
  keyArn: "arn:own-key",
};

async function instance(args: Partial<DatabaseArgs>, generation = 1): Promise<Recorded> {
  const recording = await record(() => new Database("database", { ...base, generation, ...args }));
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
  const origin = { databaseName: "service", storageGb: 100, password: pulumi.secret("master") };
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

test("the server takes TLS 1.3 only", async () => {
  const recording = await record(() => new Database("database", base));
  const { inputs } = recording.get("aws:rds/parameterGroup:ParameterGroup", "database-parameters");
  expect(inputs.family).toBe("postgres15");
  expect(inputs.parameters).toEqual([
    { name: "rds.force_ssl", value: "1" },
    { name: "ssl_min_protocol_version", value: "TLSv1.3" },
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
