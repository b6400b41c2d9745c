import { beforeEach, describe, expect, it } from "vitest";
import { isResponse, type AwsRequest, type AwsResponse } from "../../../lab/gateway/mend";
import { rdsMend } from "../../../lab/gateway/rds";
import type { InstanceState, RdsPlane } from "../../../lab/postgres/plane";
import type { SnapshotState } from "../../../lab/postgres/snapshots";

interface Known {
  state: InstanceState;
  source: string | null;
  replicas?: string[];
}

const HOME = "arn:aws:rds:eu-north-1:123456789012:db:home";
let known: Record<string, Known>;
let record: Record<string, unknown> | undefined;
const snapshots: Record<string, SnapshotState> = { left: "creating", kept: "available" };

const plane = {
  identifiersOf: (region: string) => Object.keys(known).flatMap((k) => (k.startsWith(`${region}/`) ? [k.slice(region.length + 1)] : [])),
  endpointOf: (region: string, id: string) => (known[`${region}/${id}`] ? { host: "127.20.1.1", port: 5432 } : undefined),
  stateOf: (region: string, id: string) => known[`${region}/${id}`]?.state,
  replicaSourceOf: (region: string, id: string) => known[`${region}/${id}`]?.source,
  replicasOf: (region: string, id: string) => known[`${region}/${id}`]?.replicas ?? [],
  snapshotStateOf: (_: string, id: string) => snapshots[id],
  resourceIdOf: (region: string, id: string) => `db-${region}-${id}`,
  recordOf: (_: string, id: string) => Promise.resolve(id === "home" ? record : undefined),
} as unknown as RdsPlane;
const mend = rdsMend(plane);

function request(action: string, parameters: Record<string, string>, region = "eu-west-1"): AwsRequest {
  return {
    region,
    service: "rds",
    action,
    protocol: "query",
    parameters: { Action: action, ...parameters },
    method: "POST",
    path: "/",
    headers: {},
    body: Buffer.alloc(0),
    signed: true,
    sourceAddress: "127.0.0.1",
  };
}

/** An answer as moto writes it. */
function moto(instance: string): AwsResponse {
  const xml = `<R xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><DBInstances><DBInstance>${instance}</DBInstance></DBInstances></R>`;
  return { status: 200, headers: {}, body: Buffer.from(xml) };
}

const STANDBY =
  "<DBInstanceIdentifier>standby</DBInstanceIdentifier><Engine>postgres</Engine><DBInstanceStatus>available</DBInstanceStatus>" +
  "<Endpoint><Address>standby.aaaa.rds.amazonaws.com</Address><Port>5432</Port></Endpoint>" +
  `<ReadReplicaSourceDBInstanceIdentifier>${HOME}</ReadReplicaSourceDBInstanceIdentifier><ReadReplicaDBInstanceIdentifiers/>` +
  "<DbiResourceId>db-M5ENSHXFPU6XHZ4G4ZEI5QIO2U</DbiResourceId>";

async function answered(action: string, instance = STANDBY, region?: string): Promise<string> {
  const response = await mend.response?.(request(action, {}, region), moto(instance));
  return response?.body.toString() ?? "";
}

async function asked(
  action: string,
  parameters: Record<string, string>,
): Promise<AwsRequest | { status: number; code: string } | undefined> {
  const result = await mend.request?.(request(action, parameters));
  if (!result || !isResponse(result)) return result;
  return { status: result.status, code: /<Code>(.*?)<\/Code>/.exec(result.body.toString())?.[1] ?? "" };
}

beforeEach(() => {
  known = {
    "eu-north-1/home": { state: "available", source: null, replicas: ["arn:aws:rds:eu-west-1:123456789012:db:standby"] },
    "eu-west-1/standby": { state: "available", source: HOME },
  };
  record = { BackupRetentionPeriod: 7, StorageEncrypted: true, AvailabilityZone: "eu-north-1a" };
});

describe("answers about instances", () => {
  it("show the address that answers, the state and an id of the instance's own", async () => {
    const xml = await answered("DescribeDBInstances");
    expect(xml).toContain("<Endpoint><Address>127.20.1.1</Address><Port>5432</Port></Endpoint>");
    expect(xml).not.toContain("amazonaws.com</Address>");
    expect(xml).toContain("<DBInstanceStatus>available</DBInstanceStatus>");
    expect(xml).toContain("<DbiResourceId>db-eu-west-1-standby</DbiResourceId>");
  });

  it("show no endpoint while PostgreSQL is being made, nor before the lab has heard of the instance", async () => {
    for (const each of [{ state: "creating" as const, source: HOME }, undefined]) {
      if (each) known["eu-west-1/standby"] = each;
      else delete known["eu-west-1/standby"];
      const xml = await answered("DescribeDBInstances");
      expect(xml).toContain("<DBInstanceStatus>creating</DBInstanceStatus>");
      expect(xml).not.toContain("<Endpoint>");
    }
  });

  it("end the replica link on both sides once promoted", async () => {
    known["eu-west-1/standby"] = { state: "available", source: null };
    expect(await answered("DescribeDBInstances")).not.toContain("ReadReplicaSourceDBInstanceIdentifier");
    const home = STANDBY.replace(">standby<", ">home<").replace(
      "<ReadReplicaDBInstanceIdentifiers/>",
      "<ReadReplicaDBInstanceIdentifiers><ReadReplicaDBInstanceIdentifier>x</ReadReplicaDBInstanceIdentifier></ReadReplicaDBInstanceIdentifiers>",
    );
    expect(await answered("DescribeDBInstances", home, "eu-north-1")).toContain("db:standby</ReadReplicaDBInstanceIdentifier>");
    known["eu-north-1/home"] = { state: "available", source: null };
    expect(await answered("DescribeDBInstances", home, "eu-north-1")).not.toContain("<ReadReplicaDBInstanceIdentifier>");
  });

  it("announce a promotion as under way", async () => {
    const xml = await answered("PromoteReadReplica");
    expect(xml).toContain("<DBInstanceStatus>modifying</DBInstanceStatus>");
    expect(xml).toContain(`<ReadReplicaSourceDBInstanceIdentifier>${HOME}<`);
  });

  it("leave other engines and cluster members alone", async () => {
    const mysql = STANDBY.replace("<Engine>postgres<", "<Engine>mysql<");
    expect(await answered("DescribeDBInstances", mysql)).toContain("standby.aaaa.rds.amazonaws.com");
    const member = STANDBY.replace("<Engine>", "<DBClusterIdentifier>c</DBClusterIdentifier><Engine>");
    expect(await answered("DescribeDBInstances", member)).toContain("standby.aaaa.rds.amazonaws.com");
  });
});

describe("PromoteReadReplica", () => {
  const promote = (id: string): ReturnType<typeof asked> => asked("PromoteReadReplica", { DBInstanceIdentifier: id });

  it("goes on to moto for a replica that is available", async () => {
    expect(await promote("Standby")).toBeUndefined();
  });

  it("is refused for an instance that is none, is unknown, or is busy", async () => {
    expect(await promote("nobody")).toEqual({ status: 404, code: "DBInstanceNotFound" });
    known["eu-west-1/standby"] = { state: "modifying", source: HOME };
    expect(await promote("standby")).toEqual({ status: 400, code: "InvalidDBInstanceState" });
    known["eu-west-1/standby"] = { state: "available", source: null };
    expect(await promote("standby")).toEqual({ status: 400, code: "InvalidDBInstanceState" });
  });
});

describe("CreateDBInstanceReadReplica", () => {
  const create = (parameters: Record<string, string> = {}): ReturnType<typeof asked> =>
    asked("CreateDBInstanceReadReplica", { DBInstanceIdentifier: "new", SourceDBInstanceIdentifier: HOME, KmsKeyId: "key", ...parameters });

  it("gives a replica the settings of its own region, and keeps what the caller set", async () => {
    const sent = (await create({ MultiAZ: "true" })) as AwsRequest;
    const expected = {
      AvailabilityZone: "eu-west-1a",
      DeletionProtection: "false",
      MultiAZ: "true",
      DBParameterGroupName: "default.postgres15",
    };
    expect(sent.parameters).toMatchObject(expected);
    expect(Object.fromEntries(new URLSearchParams(sent.body.toString()))).toEqual(sent.parameters);
  });

  it("is refused without a source, backups of the source, or a key of the region", async () => {
    expect(await create({ SourceDBInstanceIdentifier: HOME.replace("db:home", "db:x") })).toEqual({
      status: 404,
      code: "DBInstanceNotFound",
    });
    record = { BackupRetentionPeriod: 0 };
    expect(await create()).toEqual({ status: 400, code: "InvalidDBInstanceState" });
    record = { BackupRetentionPeriod: 7, StorageEncrypted: true };
    const { KmsKeyId: _, ...withoutKey } = request("CreateDBInstanceReadReplica", {
      SourceDBInstanceIdentifier: HOME,
      DBInstanceIdentifier: "new",
    }).parameters;
    expect(await asked("CreateDBInstanceReadReplica", withoutKey)).toEqual({ status: 400, code: "InvalidParameterCombination" });
  });
});

describe("DescribeDBInstances by dbi-resource-id", () => {
  it("asks moto for the identifier instead", async () => {
    const filter = { "Filters.Filter.1.Name": "dbi-resource-id", "Filters.Filter.1.Values.Value.1": "db-eu-west-1-standby" };
    const sent = (await asked("DescribeDBInstances", filter)) as AwsRequest;
    expect(sent.parameters).toMatchObject({ "Filters.Filter.1.Name": "db-instance-id", "Filters.Filter.1.Values.Value.1": "standby" });
    expect(await asked("DescribeDBInstances", { DBInstanceIdentifier: "standby" })).toBeUndefined();
  });
});

describe("snapshots", () => {
  const shown = async (action: string, id: string, engine = "postgres"): Promise<string> => {
    const block = `<DBSnapshot><DBSnapshotIdentifier>${id}</DBSnapshotIdentifier><DBInstanceIdentifier>standby</DBInstanceIdentifier><Engine>${engine}</Engine><Status>available</Status></DBSnapshot>`;
    const answer: AwsResponse = { status: 200, headers: {}, body: Buffer.from(`<R>${block}</R>`) };
    return (await mend.response?.(request(action, {}), answer))?.body.toString() ?? "";
  };

  it("are available when the copy of the data is whole, and not before", async () => {
    expect(await shown("CreateDBSnapshot", "kept")).toContain("<Status>creating</Status><PercentProgress>0</PercentProgress>");
    expect(await shown("DescribeDBSnapshots", "left")).toContain("<Status>creating</Status>");
    const whole = await shown("DescribeDBSnapshots", "kept");
    expect(whole).toContain("<Status>available</Status><PercentProgress>100</PercentProgress>");
    expect(whole).toContain("<DbiResourceId>db-eu-west-1-standby</DbiResourceId></DBSnapshot>");
    expect(await shown("DescribeDBSnapshots", "left", "mysql")).toContain("<Status>available</Status>");
  });

  it("are taken of what is available, and not taken away while they are made", async () => {
    const create = { DBInstanceIdentifier: "standby", DBSnapshotIdentifier: "new" };
    expect(await asked("CreateDBSnapshot", create)).toBeUndefined();
    known["eu-west-1/standby"]!.state = "modifying";
    expect(await asked("CreateDBSnapshot", create)).toEqual({ status: 400, code: "InvalidDBInstanceState" });
    expect(await asked("CreateDBSnapshot", { ...create, DBInstanceIdentifier: "nobody" })).toEqual({
      status: 404,
      code: "DBInstanceNotFound",
    });
    expect(await asked("DeleteDBSnapshot", { DBSnapshotIdentifier: "left" })).toEqual({ status: 400, code: "InvalidDBSnapshotState" });
    expect(await asked("DeleteDBSnapshot", { DBSnapshotIdentifier: "kept" })).toBeUndefined();
  });
});
