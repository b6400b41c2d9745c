import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Aws } from "../../../lab/providers/aws/aws";
import { instance } from "../../../lab/providers/aws/rds-instance";
import { diffInputs, type PropertySpec, type Request } from "../../../lab/providers/base";
import { endAws, serveAws } from "./served-aws";

/** An RDS endpoint of one replica, as far as an instance's update and deletion need it. */
const rds = {
  calls: [] as Record<string, string>[],
  address: "127.20.1.1",
  describesUntilPromoted: 0,
  source: "arn:source",
  page: false,
  gone: false,
  status: "available",
};
let server: Server;
let aws: Aws;

beforeEach(async () => {
  Object.assign(rds, {
    calls: [],
    address: "127.20.1.1",
    describesUntilPromoted: 0,
    source: "arn:source",
    page: false,
    gone: false,
    status: "available",
  });
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const call = Object.fromEntries(new URLSearchParams(body));
      rds.calls.push(call);
      const action = call["Action"] ?? "";
      if (rds.page) {
        response.writeHead(500, { "content-type": "text/html" }).end("<!doctype html>");
        return;
      }
      if (action === "PromoteReadReplica") rds.describesUntilPromoted = 3;
      if (action === "DescribeDBInstances" && rds.describesUntilPromoted > 0 && --rds.describesUntilPromoted === 0) rds.source = "";
      if (action === "DeleteDBInstance") rds.gone = true;
      if (action === "DescribeDBInstances" && rds.gone) {
        response.writeHead(404, { "content-type": "text/xml" });
        response.end("<ErrorResponse><Error><Code>DBInstanceNotFound</Code><Message>no</Message></Error></ErrorResponse>");
        return;
      }
      const link = rds.source === "" ? "" : `<ReadReplicaSourceDBInstanceIdentifier>${rds.source}</ReadReplicaSourceDBInstanceIdentifier>`;
      const db = `<DBInstanceIdentifier>replica</DBInstanceIdentifier><DBInstanceStatus>${rds.status}</DBInstanceStatus>${link}<Endpoint><Address>${rds.address}</Address><Port>5432</Port></Endpoint>`;
      response.writeHead(200, { "content-type": "text/xml" });
      if (action === "DescribeEvents") {
        const event = "<Event><EventCategories><EventCategory>failure</EventCategory></EventCategories><Message>no WAL</Message></Event>";
        response.end(`<R><DescribeEventsResult><Events>${event}</Events></DescribeEventsResult></R>`);
        return;
      }
      response.end(
        action === "DescribeDBInstances"
          ? `<R><DescribeDBInstancesResult><DBInstances><DBInstance>${db}</DBInstance></DBInstances></DescribeDBInstancesResult></R>`
          : `<R><${action}Result><DBInstance>${db}</DBInstance></${action}Result></R>`,
      );
    });
  });
  aws = await serveAws(server);
});

afterEach(() => endAws(server));

const REPLICA = { identifier: "replica", instanceClass: "db.t3.micro", backupRetentionPeriod: 7, replicateSourceDb: "arn:source" };
const { replicateSourceDb: _, ...PRIMARY } = REPLICA;
const about = { signal: new AbortController().signal } as Request;
const update = (olds: object, oldInputs: object, news: object): Promise<object> =>
  instance.update!(aws, "db-1", olds, news as never, { ...about, oldInputs: oldInputs as never });
const actions = (): (string | undefined)[] => rds.calls.map((call) => call["Action"]);

describe("an instance whose replicateSourceDb is taken away", () => {
  it("is promoted, and known as primary only when its link is gone", async () => {
    await expect(update(REPLICA, REPLICA, PRIMARY)).resolves.toMatchObject({ address: "127.20.1.1", status: "available" });
    expect(actions()).toEqual(["PromoteReadReplica", "DescribeDBInstances", "DescribeDBInstances", "DescribeDBInstances"]);
    expect(rds.calls[0]).toMatchObject({ DBInstanceIdentifier: "replica", BackupRetentionPeriod: "7" });
  });

  it("is believed where nothing ever clears the link, told by an address that is a name", async () => {
    rds.address = "replica.aaaaaaaaaa.eu-west-1.rds.amazonaws.com";
    await update(REPLICA, REPLICA, PRIMARY);
    expect(actions()).toEqual(["PromoteReadReplica", "DescribeDBInstances"]);
  });

  it("cannot become a replica again", async () => {
    await expect(update(PRIMARY, PRIMARY, REPLICA)).rejects.toThrow("cannot elect new source database");
    expect(actions()).toEqual([]);
  });

  it("replaces nothing", () => {
    expect((instance.inputs as Record<string, object>)["replicateSourceDb"]).toEqual({});
  });
});

it("changes only what has changed", async () => {
  await update({ ...PRIMARY, address: "x" }, PRIMARY, { ...PRIMARY, backupRetentionPeriod: 14, finalSnapshotIdentifier: "f" });
  expect(rds.calls[0]).toEqual(expect.objectContaining({ Action: "ModifyDBInstance", BackupRetentionPeriod: "14" }));
  expect(rds.calls[0]).not.toHaveProperty("DBInstanceClass");
});

describe("a restore", () => {
  const RESTORED = { identifier: "replica", instanceClass: "db.t3.micro" };
  const request = { ...about, exists: () => undefined };
  const create = (inputs: object): Promise<object> => instance.create(aws, { ...RESTORED, ...inputs }, request);

  it("to a moment asks for it, of the source that is named", async () => {
    rds.source = "";
    const point = { sourceDbInstanceIdentifier: "source", restoreTime: "2026-01-02T03:04:05Z" };
    await create({ restoreToPointInTime: point });
    expect(rds.calls[0]).toMatchObject({
      Action: "RestoreDBInstanceToPointInTime",
      TargetDBInstanceIdentifier: "replica",
      SourceDBInstanceIdentifier: "source",
      RestoreTime: "2026-01-02T03:04:05Z",
    });
    await create({ restoreToPointInTime: { sourceDbInstanceAutomatedBackupsArn: "arn:backup", useLatestRestorableTime: true } });
    expect(rds.calls[2]).toMatchObject({ SourceDBInstanceAutomatedBackupsArn: "arn:backup", UseLatestRestorableTime: "true" });
    await create({ snapshotIdentifier: "kept" });
    expect(rds.calls[4]).toMatchObject({ Action: "RestoreDBInstanceFromDBSnapshot", DBSnapshotIdentifier: "kept" });
  });

  it("that does not come up whole is an error that says why", async () => {
    rds.status = "incompatible-restore";
    await expect(create({ snapshotIdentifier: "kept" })).rejects.toThrow(
      "RDS DB Instance (replica) is incompatible-restore, not available: no WAL",
    );
  });

  it("replaces the instance when it comes or goes, and is not looked at again once done", () => {
    const specs = instance.inputs as Record<string, PropertySpec>;
    const replaces = (olds: object, news: object): string[] => diffInputs(olds as never, news as never, (name) => specs[name]).replaces;
    const [first, second] = [{ restoreToPointInTime: { restoreTime: "a" } }, { restoreToPointInTime: { restoreTime: "b" } }];
    expect(replaces(first, second)).toEqual([]);
    expect([replaces(first, {}), replaces({}, first)]).toEqual([["restoreToPointInTime"], ["restoreToPointInTime"]]);
    const [from, other] = [{ snapshotIdentifier: "a" }, { snapshotIdentifier: "b" }];
    expect([replaces(from, other), replaces(from, {})]).toEqual([["snapshotIdentifier"], []]);
  });

  it("is from one thing, to one moment", () => {
    const restoreToPointInTime = { sourceDbInstanceIdentifier: "source", restoreTime: "2026-01-02T03:04:05Z" };
    const check = (inputs: object): unknown => instance.check!(aws, { ...RESTORED, ...inputs }, undefined, about);
    expect(check({ restoreToPointInTime })).toEqual([]);
    expect(check({ restoreToPointInTime, snapshotIdentifier: "kept" })).toMatchObject([{ property: "snapshotIdentifier" }]);
    expect(check({ restoreToPointInTime, replicateSourceDb: "a" })).toMatchObject([{ property: "replicateSourceDb" }]);
    const both = { ...restoreToPointInTime, useLatestRestorableTime: true };
    expect(check({ restoreToPointInTime: both })).toMatchObject([{ property: "restoreToPointInTime.restoreTime" }]);
  });
});

describe("deletion", () => {
  it("wants a final snapshot's name unless it is to be skipped", async () => {
    await expect(instance.delete(aws, "db-1", PRIMARY, about)).rejects.toThrow("finalSnapshotIdentifier is required");
    await expect(instance.delete(aws, "db-1", { ...REPLICA, finalSnapshotIdentifier: "f" }, about)).rejects.toThrow("replica");
    expect(actions()).toEqual([]);
  });

  it("takes the final snapshot and waits until the instance is gone", async () => {
    await instance.delete(aws, "db-1", { ...PRIMARY, finalSnapshotIdentifier: "f" }, about);
    expect(rds.calls[0]).toMatchObject({ SkipFinalSnapshot: "false", FinalDBSnapshotIdentifier: "f" });
    expect(actions()).toEqual(["DeleteDBInstance", "DescribeDBInstances"]);
  });
});

describe("an endpoint in trouble", () => {
  it("that answers with a page is asked once, and the error names operation, region and endpoint", async () => {
    rds.page = true;
    await expect(update(REPLICA, REPLICA, PRIMARY)).rejects.toThrow(
      new RegExp(`PromoteReadReplica in eu-west-1 at ${process.env.AWS_ENDPOINT_URL ?? ""}: NotImplemented`),
    );
    expect(rds.calls).toHaveLength(1);
  });

  it("that refuses connections is named, too", async () => {
    const endpoint = process.env.AWS_ENDPOINT_URL ?? "";
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(update(REPLICA, REPLICA, PRIMARY)).rejects.toThrow(
      new RegExp(`PromoteReadReplica in eu-west-1 at ${endpoint}: .*ECONNREFUSED`),
    );
  });
});
