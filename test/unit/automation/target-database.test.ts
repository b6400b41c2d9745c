import { beforeEach, expect, it, vi } from "vitest";
import { TargetDatabase } from "../../../automation/changeover/target-database";

/** What the server and RDS answer. */
interface Rds {
  refuses?: string | undefined;
  calls: { name: string; input: unknown }[];
  onPromote: () => void;
}

const server = vi.hoisted(() => ({ recovering: true, breaks: 0, connections: 0 }));
const rds = vi.hoisted((): Rds => ({ calls: [], onPromote: () => undefined }));

vi.mock("../../../automation/probes/database", () => ({
  hangUp: () => undefined,
  adminClient: () => ({
    once() {
      return this;
    },
    connect() {
      server.connections += 1;
      return Promise.resolve();
    },
    query() {
      if (server.breaks > 0) {
        server.breaks -= 1;
        return Promise.reject(new Error("Connection terminated unexpectedly"));
      }
      return Promise.resolve({ rows: [{ recovering: server.recovering }] });
    },
  }),
}));

vi.mock("@aws-sdk/client-rds", () => {
  class Command {
    constructor(readonly input: unknown) {}
  }
  return {
    DescribeDBInstancesCommand: class DescribeDBInstancesCommand extends Command {},
    PromoteReadReplicaCommand: class PromoteReadReplicaCommand extends Command {},
    RDSClient: class {
      send(command: Command) {
        rds.calls.push({ name: command.constructor.name, input: command.input });
        if (rds.refuses !== undefined) return Promise.reject(new Error(rds.refuses));
        rds.onPromote();
        return Promise.resolve({ $metadata: { requestId: "request-1" } });
      }
      destroy() {
        return undefined;
      }
    },
  };
});

const address = { host: "127.0.0.1", port: 5432, database: "service", user: "changeover", password: "secret" };
const target = (): TargetDatabase =>
  new TargetDatabase(address, { region: "eu-west-1", identifier: "service-secondary-1", backupRetentionDays: 7 });
const never = new AbortController().signal;

beforeEach(() => {
  Object.assign(server, { recovering: true, breaks: 0, connections: 0 });
  Object.assign(rds, { refuses: undefined, calls: [], onPromote: () => undefined });
});

it("is promoted when the server says so, and keeps its backups for as long as before", async () => {
  rds.onPromote = () => {
    setTimeout(() => (server.recovering = false), 30);
  };
  expect(await target().promote(never)).toEqual({ requestId: "request-1" });
  expect(rds.calls).toEqual([
    { name: "PromoteReadReplicaCommand", input: { DBInstanceIdentifier: "service-secondary-1", BackupRetentionPeriod: 7 } },
  ]);
});

it("is promoted where RDS refuses because it has been already", async () => {
  rds.refuses = "DB Instance is not a read replica";
  setTimeout(() => (server.recovering = false), 50);
  expect(await target().promote(never)).toEqual({});
});

it("is not where RDS refuses and the server stays in recovery: then RDS says why", async () => {
  rds.refuses = "the instance is being modified";
  await expect(target().promote(never)).rejects.toThrow("the instance is being modified");
});

it("asks on a new connection where the instance started again", async () => {
  server.breaks = 2;
  setTimeout(() => (server.recovering = false), 200);
  await target().promote(never);
  expect(server.connections).toBe(3);
});

it("gives up when it is told to", async () => {
  const stopping = new AbortController();
  const promoted = target().promote(stopping.signal);
  setTimeout(() => {
    stopping.abort();
  }, 30);
  await expect(promoted).rejects.toThrow(/abort/);
});
