import { beforeEach, describe, expect, it } from "vitest";
import { isResponse, type AwsRequest, type AwsResponse } from "../../../lab/gateway/mend";
import { rdsMend } from "../../../lab/gateway/rds";
import type { AutomatedBackup } from "../../../lab/postgres/automated-backups";
import type { InstanceState, RdsPlane } from "../../../lab/postgres/plane";
import type { Snapshot } from "../../../lab/postgres/snapshots";
import { awsRequest } from "./aws-request";

interface Known {
  state: InstanceState;
  source: string | null;
  replicas?: string[];
}

const HOME = "arn:aws:rds:eu-north-1:123456789012:db:home";
let known: Record<string, Known>;
let record: Record<string, unknown> | undefined;
const RECORD = {
  DBInstanceClass: "db.m6g.large",
  MasterUsername: "service",
  BackupRetentionPeriod: 7,
  DeletionProtection: true,
  StorageEncrypted: true,
  DBSubnetGroup: { DBSubnetGroupName: "home" },
};
const KEY = "arn:aws:kms:eu-west-1:123456789012:key/own";
const HOME_KEY = "arn:aws:kms:eu-north-1:123456789012:key/own";
const snapshots: Record<string, Partial<Snapshot>> = {
  left: { state: "creating", resourceId: "db-LEFT" },
  kept: { state: "available", resourceId: "db-KEPT", record: RECORD, kmsKeyId: KEY },
  "awsbackup:job-1": { state: "available", resourceId: "db-KEPT", record: RECORD },
  remote: { state: "available", resourceId: "db-HOME", record: RECORD, kmsKeyId: HOME_KEY },
};
let backups: Partial<AutomatedBackup>[];
let keyState: string | undefined;
let lost: string | undefined;
const WINDOW = { earliest: Date.UTC(2026, 0, 2, 3), latest: Date.UTC(2026, 0, 2, 4) };

const plane = {
  identifiersOf: (region: string) => Object.keys(known).flatMap((k) => (k.startsWith(`${region}/`) ? [k.slice(region.length + 1)] : [])),
  endpointOf: (region: string, id: string) => (known[`${region}/${id}`] ? { host: "127.20.1.1", port: 5432 } : undefined),
  stateOf: (region: string, id: string) => known[`${region}/${id}`]?.state,
  replicaSourceOf: (region: string, id: string) => known[`${region}/${id}`]?.source,
  replicasOf: (region: string, id: string) => known[`${region}/${id}`]?.replicas ?? [],
  snapshotOf: (_: string, id: string) => snapshots[id],
  automatedBackupsOf: (region: string) => backups.filter((backup) => backup.region === region),
  replicationsOf: () => ["arn:replica"],
  keyStateOf: () => Promise.resolve(keyState),
  isLost: (region: string) => region === lost,
  eventsOf: () => [
    { instance: { region: "eu-west-1", id: "broken" }, at: new Date(), categories: ["failure"], message: "no <WAL>" },
    { instance: { region: "eu-west-1", id: "old" }, at: new Date(0), categories: ["failure"], message: "long ago" },
  ],
  resourceIdOf: (region: string, id: string) => `db-${region}-${id}`,
  recordOf: (_: string, id: string) => Promise.resolve(id === "home" ? record : undefined),
} as unknown as RdsPlane;
const mend = rdsMend(plane);

function request(action: string, parameters: Record<string, string>, region = "eu-west-1"): AwsRequest {
  return awsRequest({
    region,
    service: "rds",
    action,
    protocol: "query",
    parameters: { Action: action, ...parameters },
  });
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
  const archive = { window: WINDOW } as never;
  const instance = { region: "eu-west-1", id: "standby" };
  backups = [
    {
      arn: "arn:own",
      region: "eu-west-1",
      instance,
      resourceId: "db-eu-west-1-standby",
      archive,
      record: RECORD,
      origin: "own",
      retention: 7,
    },
  ];
  keyState = "Enabled";
  lost = undefined;
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
    expect(whole).toContain("<DbiResourceId>db-KEPT</DbiResourceId></DBSnapshot>");
    expect(await shown("CreateDBSnapshot", "new")).toContain("<DbiResourceId>db-eu-west-1-standby</DbiResourceId></DBSnapshot>");
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

describe("snapshots of AWS Backup", () => {
  it("have names with a colon, which moto does not take", async () => {
    const create = { DBInstanceIdentifier: "standby", DBSnapshotIdentifier: "awsbackup:job-2" };
    const sent = (await asked("CreateDBSnapshot", create)) as AwsRequest;
    expect(sent.parameters).toMatchObject({ DBInstanceIdentifier: "standby", DBSnapshotIdentifier: "awsbackup-colon-job-2" });
    const source = "arn:aws:rds:eu-west-1:123456789012:snapshot:awsbackup:job-1";
    const copied = (await asked("CopyDBSnapshot", {
      SourceDBSnapshotIdentifier: source,
      TargetDBSnapshotIdentifier: "awsbackup:copy-1",
    })) as AwsRequest;
    expect(copied.parameters).toMatchObject({
      SourceDBSnapshotIdentifier: source.replace("awsbackup:", "awsbackup-colon-"),
      TargetDBSnapshotIdentifier: "awsbackup-colon-copy-1",
    });
  });

  it("are listed by their own type, and by their own names", async () => {
    const block = (id: string): string =>
      `<DBSnapshot><DBSnapshotIdentifier>${id}</DBSnapshotIdentifier><Engine>postgres</Engine><SnapshotType>manual</SnapshotType></DBSnapshot>`;
    const body = Buffer.from(`<R>${block("kept")}${block("awsbackup-colon-job-1")}</R>`);
    const ids = async (parameters: Record<string, string>): Promise<(string | undefined)[]> => {
      const answer = await mend.response?.(request("DescribeDBSnapshots", parameters), { status: 200, headers: {}, body });
      return [...(answer?.body.toString() ?? "").matchAll(/<DBSnapshotIdentifier>(.*?)</g)].map(([, id]) => id);
    };
    expect(await ids({})).toEqual(["kept", "awsbackup:job-1"]);
    expect(await ids({ SnapshotType: "awsbackup" })).toEqual(["awsbackup:job-1"]);
    expect(await ids({ SnapshotType: "manual" })).toEqual(["kept"]);
    expect(((await asked("DescribeDBSnapshots", { SnapshotType: "awsbackup" })) as AwsRequest).parameters["SnapshotType"]).toBe("manual");
  });
});

describe("CopyDBSnapshot", () => {
  const copy = (source: string, parameters: Record<string, string> = {}): ReturnType<typeof asked> =>
    asked("CopyDBSnapshot", { SourceDBSnapshotIdentifier: source, TargetDBSnapshotIdentifier: "copy", ...parameters });
  const remote = "arn:aws:rds:eu-north-1:123456789012:snapshot:remote";

  it("needs a source that is whole and in reach", async () => {
    expect(await copy("kept")).toBeUndefined();
    expect(await copy("left")).toEqual({ status: 400, code: "InvalidDBSnapshotState" });
    expect(await copy(remote, { KmsKeyId: KEY })).toBeUndefined();
    lost = "eu-north-1";
    expect(await copy(remote, { KmsKeyId: KEY })).toEqual({ status: 503, code: "ServiceUnavailable" });
  });

  it("needs a key of its own region, and keys that decrypt", async () => {
    expect(await copy(remote)).toEqual({ status: 400, code: "InvalidParameterCombination" });
    expect(await copy(remote, { KmsKeyId: HOME_KEY })).toEqual({ status: 400, code: "KMSKeyNotAccessibleFault" });
    for (const state of ["Disabled", "PendingDeletion", undefined]) {
      keyState = state;
      expect(await copy("kept")).toEqual({ status: 400, code: "KMSKeyNotAccessibleFault" });
    }
  });
});

describe("restores", () => {
  const restore = (parameters: Record<string, string>): ReturnType<typeof asked> =>
    asked("RestoreDBInstanceToPointInTime", { TargetDBInstanceIdentifier: "new", ...parameters });

  it("are new instances to moto, with what RDS takes from the source and what was asked for", async () => {
    const snapshot = { DBInstanceIdentifier: "new", DBSnapshotIdentifier: "kept", MultiAZ: "true", DBInstanceClass: "db.t4g.large" };
    const sent = (await asked("RestoreDBInstanceFromDBSnapshot", snapshot)) as AwsRequest;
    expect(sent.parameters).toEqual({
      Action: "CreateDBInstance",
      DBInstanceIdentifier: "new",
      Engine: "postgres",
      DBInstanceClass: "db.t4g.large",
      MasterUsername: "service",
      BackupRetentionPeriod: "7",
      MultiAZ: "true",
      StorageEncrypted: "true",
      KmsKeyId: KEY,
    });
    const point = (await restore({ SourceDBInstanceIdentifier: "standby", UseLatestRestorableTime: "true" })) as AwsRequest;
    expect(point.parameters).toMatchObject({ Action: "CreateDBInstance", DBInstanceIdentifier: "new", DBInstanceClass: "db.m6g.large" });
    expect(Object.keys(point.parameters)).not.toContain("SourceDBInstanceIdentifier");
    const created = `<CreateDBInstanceResponse><CreateDBInstanceResult><DBInstance>${STANDBY}</DBInstance></CreateDBInstanceResult></CreateDBInstanceResponse>`;
    const answer = { status: 200, headers: {}, body: Buffer.from(created) };
    const xml = (await mend.response?.(request("RestoreDBInstanceToPointInTime", {}), answer))?.body.toString();
    expect(xml).toMatch(/^<RestoreDBInstanceToPointInTimeResponse><RestoreDBInstanceToPointInTimeResult><DBInstance>/);
    expect(xml).toContain("<DBInstanceStatus>creating</DBInstanceStatus>");
    expect(xml).toMatch(/<\/DBInstance><\/RestoreDBInstanceToPointInTimeResult><\/RestoreDBInstanceToPointInTimeResponse>$/);
  });

  it("name the window that they have to be within", async () => {
    const at = (RestoreTime: string): ReturnType<typeof asked> => restore({ SourceDBInstanceIdentifier: "standby", RestoreTime });
    for (const time of ["2026-01-02T03:00:00Z", "2026-01-02T04:00:00.000Z"]) expect(await at(time)).toHaveProperty("action");
    for (const time of ["2026-01-02T02:59:59.999Z", "2026-01-02T04:00:00.001Z", "yesterday"]) {
      expect(await at(time)).toEqual({ status: 400, code: "InvalidParameterValue" });
    }
    const parameters = { TargetDBInstanceIdentifier: "new", SourceDBInstanceIdentifier: "standby", RestoreTime: "2020-01-01T00:00:00Z" };
    const refused = (await mend.request?.(request("RestoreDBInstanceToPointInTime", parameters))) as AwsResponse;
    expect(refused.body.toString()).toContain(
      "earliest restorable time is 2026-01-02T03:00:00.000Z, the latest restorable time is 2026-01-02T04:00:00.000Z",
    );
    backups[0]!.archive = { window: undefined } as never;
    expect(await restore({ SourceDBInstanceIdentifier: "standby", UseLatestRestorableTime: "true" })).toEqual({
      status: 400,
      code: "InvalidRestoreFault",
    });
  });

  it("need a source that has backups, one moment, and a key that decrypts", async () => {
    const latest = { UseLatestRestorableTime: "true" };
    expect(await restore({ SourceDBInstanceIdentifier: "nobody", ...latest })).toEqual({ status: 404, code: "DBInstanceNotFound" });
    expect(await restore({ SourceDBInstanceIdentifier: "home", ...latest })).toEqual({ status: 400, code: "PointInTimeRestoreNotEnabled" });
    expect(await restore({ SourceDbiResourceId: "db-NONE", ...latest })).toEqual({
      status: 404,
      code: "DBInstanceAutomatedBackupNotFound",
    });
    expect(await restore({ SourceDBInstanceIdentifier: "standby" })).toEqual({ status: 400, code: "InvalidParameterCombination" });
    keyState = "PendingDeletion";
    backups[0]!.record = { ...RECORD, KmsKeyId: KEY };
    expect(await restore({ SourceDBInstanceIdentifier: "standby", ...latest })).toEqual({ status: 400, code: "KMSKeyNotAccessibleFault" });
    expect(await asked("RestoreDBInstanceFromDBSnapshot", { DBSnapshotIdentifier: "left" })).toEqual({
      status: 400,
      code: "InvalidDBSnapshotState",
    });
    expect(await asked("RestoreDBInstanceFromDBSnapshot", { DBSnapshotIdentifier: "no" })).toEqual({
      status: 404,
      code: "DBSnapshotNotFound",
    });
  });
});

describe("automated backups", () => {
  it("tell their window, of an instance its latest restorable time", async () => {
    const described = (await mend.request?.(request("DescribeDBInstanceAutomatedBackups", {}))) as AwsResponse;
    const xml = described.body.toString();
    expect(xml).toContain(
      "<RestoreWindow><EarliestTime>2026-01-02T03:00:00.000Z</EarliestTime><LatestTime>2026-01-02T04:00:00.000Z</LatestTime></RestoreWindow>",
    );
    expect(xml).toContain("<Status>active</Status>");
    expect(xml).toContain("<DBInstanceAutomatedBackupsArn>arn:replica</DBInstanceAutomatedBackupsArn>");
    expect(await answered("DescribeDBInstances")).toContain("<LatestRestorableTime>2026-01-02T04:00:00.000Z</LatestRestorableTime>");
    backups = [];
    const stale = `${STANDBY}<LatestRestorableTime>2020-01-01T00:00:00Z</LatestRestorableTime>`;
    expect(await answered("DescribeDBInstances", stale)).not.toContain("LatestRestorableTime");
  });

  it("are replicated from another region that is there, with a key, and only once", async () => {
    const start = (SourceDBInstanceArn: string, KmsKeyId?: string): ReturnType<typeof asked> =>
      asked("StartDBInstanceAutomatedBackupsReplication", { SourceDBInstanceArn, ...(KmsKeyId === undefined ? {} : { KmsKeyId }) });
    expect(await start("arn:aws:rds:eu-west-1:123456789012:db:standby")).toEqual({ status: 400, code: "InvalidParameterValue" });
    expect(await start(HOME)).toEqual({ status: 400, code: "InvalidDBInstanceState" });
    backups = [{ ...backups[0], region: "eu-north-1", instance: { region: "eu-north-1", id: "home" } }];
    expect(await start(HOME)).toEqual({ status: 400, code: "InvalidParameterCombination" });
    lost = "eu-north-1";
    expect(await start(HOME, KEY)).toEqual({ status: 503, code: "ServiceUnavailable" });
    lost = undefined;
    backups.push({ ...backups[0], region: "eu-west-1", origin: "replicated" });
    expect(await start(HOME, KEY)).toEqual({ status: 400, code: "InvalidDBInstanceState" });
  });
});

describe("events", () => {
  const shown = async (parameters: Record<string, string>): Promise<string> => {
    const answer: AwsResponse = { status: 200, headers: {}, body: Buffer.from("<R><Events/></R>") };
    return (await mend.response?.(request("DescribeEvents", parameters), answer))?.body.toString() ?? "";
  };

  it("tell what went wrong with an instance, of the last hour unless asked otherwise", async () => {
    const xml = await shown({ SourceIdentifier: "broken", SourceType: "db-instance" });
    expect(xml).toContain("<Message>no &#60;WAL&#62;</Message>");
    expect(xml).toContain("<EventCategories><EventCategory>failure</EventCategory></EventCategories></Event></Events>");
    expect(await shown({})).not.toContain("long ago");
    expect(await shown({ StartTime: "1970-01-01T00:00:00Z" })).toContain("long ago");
    expect(await shown({ SourceType: "db-snapshot" })).toBe("<R><Events/></R>");
  });
});
