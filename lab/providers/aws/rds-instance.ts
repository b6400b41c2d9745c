import type * as aws from "@pulumi/aws";
import {
  CreateDBInstanceCommand,
  CreateDBInstanceReadReplicaCommand,
  DeleteDBInstanceCommand,
  DescribeDBInstancesCommand,
  DescribeEventsCommand,
  ModifyDBInstanceCommand,
  PromoteReadReplicaCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
  type DBInstance,
} from "@aws-sdk/client-rds";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { isMap, type Request } from "../base";
import { isNamed, present, unlessGone, type Aws, type AwsKind, type Plain } from "./aws";
import { rds, retag } from "./rds-client";
import { tagList, type Tags } from "./tags";

const POLL_MS = 100;
const CREATE_TIMEOUT_MS = 40 * 60_000;
const UPDATE_TIMEOUT_MS = 80 * 60_000;
const DELETE_TIMEOUT_MS = 60 * 60_000;
/** How long the lab may take to say that a promoted instance is no replica any more. */
const PROMOTION_TIMEOUT_MS = 60_000;

type InstanceArgs = Plain<aws.rds.InstanceArgs> & { tagsAll?: Tags | undefined };

/** Properties that creating a replica, creating anew and changing take alike, with the API's names. */
const COMMON = {
  instanceClass: "DBInstanceClass",
  multiAz: "MultiAZ",
  storageType: "StorageType",
  iops: "Iops",
  storageThroughput: "StorageThroughput",
  parameterGroupName: "DBParameterGroupName",
  vpcSecurityGroupIds: "VpcSecurityGroupIds",
  dbSubnetGroupName: "DBSubnetGroupName",
  copyTagsToSnapshot: "CopyTagsToSnapshot",
  deletionProtection: "DeletionProtection",
  autoMinorVersionUpgrade: "AutoMinorVersionUpgrade",
  publiclyAccessible: "PubliclyAccessible",
  caCertIdentifier: "CACertificateIdentifier",
  monitoringInterval: "MonitoringInterval",
  monitoringRoleArn: "MonitoringRoleArn",
  performanceInsightsEnabled: "EnablePerformanceInsights",
  performanceInsightsKmsKeyId: "PerformanceInsightsKMSKeyId",
  performanceInsightsRetentionPeriod: "PerformanceInsightsRetentionPeriod",
  iamDatabaseAuthenticationEnabled: "EnableIAMDatabaseAuthentication",
  maxAllocatedStorage: "MaxAllocatedStorage",
  allocatedStorage: "AllocatedStorage",
} as const;

/** What a replica or a restored instance gets by a change after it was made. */
const BY_CHANGE = {
  backupRetentionPeriod: "BackupRetentionPeriod",
  backupWindow: "PreferredBackupWindow",
  maintenanceWindow: "PreferredMaintenanceWindow",
} as const;

const ONLY_ANEW = {
  engine: "Engine",
  engineVersion: "EngineVersion",
  dbName: "DBName",
  username: "MasterUsername",
  password: "MasterUserPassword",
  storageEncrypted: "StorageEncrypted",
  kmsKeyId: "KmsKeyId",
  availabilityZone: "AvailabilityZone",
  port: "Port",
} as const;

const CHANGEABLE = {
  ...COMMON,
  ...BY_CHANGE,
  engineVersion: "EngineVersion",
  allowMajorVersionUpgrade: "AllowMajorVersionUpgrade",
  password: "MasterUserPassword",
  port: "DBPortNumber",
} as const;

function mapped(
  inputs: InstanceArgs,
  names: Record<string, string>,
  when: (name: string) => boolean = () => true,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(names).flatMap(([name, api]) => {
      const value = inputs[name as keyof InstanceArgs];
      return value === undefined || !when(name) ? [] : [[api, value]];
    }),
  );
}

export const instance: AwsKind<aws.rds.InstanceArgs, aws.rds.InstanceState> = {
  inputs: {
    // A new identifier renames the instance; the official plugin does so, too.
    identifier: { autoName: { maxLength: 63 } },
    instanceClass: { required: true },
    engine: { replace: true, computed: true },
    engineVersion: {
      computed: true,
      same: (is, asked) => typeof is === "string" && typeof asked === "string" && `${is}.`.startsWith(`${asked}.`),
    },
    dbName: { replace: true, computed: true },
    username: { replace: true, computed: true },
    password: { secret: true },
    allocatedStorage: { computed: true },
    storageEncrypted: { replace: true, computed: true },
    kmsKeyId: { replace: true, computed: true },
    availabilityZone: { replace: true, computed: true },
    port: { computed: true },
    replicateSourceDb: {},
    snapshotIdentifier: { replace: true, computed: true },
    // The official plugin replaces the instance where the block comes or goes, and takes no notice of a change in it.
    restoreToPointInTime: { replace: true, same: (a, b) => isMap(a) && isMap(b) },
    multiAz: { computed: true },
    storageType: { computed: true },
    iops: { computed: true },
    storageThroughput: { computed: true },
    parameterGroupName: { computed: true },
    vpcSecurityGroupIds: { computed: true },
    dbSubnetGroupName: { computed: true },
    backupRetentionPeriod: { computed: true },
    backupWindow: { computed: true },
    maintenanceWindow: { computed: true },
    caCertIdentifier: { computed: true },
    performanceInsightsKmsKeyId: { computed: true },
    performanceInsightsRetentionPeriod: { computed: true },
    copyTagsToSnapshot: {},
    deletionProtection: {},
    autoMinorVersionUpgrade: {},
    publiclyAccessible: {},
    monitoringInterval: {},
    monitoringRoleArn: { computed: true },
    performanceInsightsEnabled: {},
    iamDatabaseAuthenticationEnabled: {},
    maxAllocatedStorage: {},
    allowMajorVersionUpgrade: {},
    applyImmediately: {},
    skipFinalSnapshot: {},
    finalSnapshotIdentifier: {},
    deleteAutomatedBackups: {},
    tags: {},
  },
  outputs: [
    "address",
    "arn",
    "endpoint",
    "engineVersionActual",
    "hostedZoneId",
    "latestRestorableTime",
    "replicas",
    "resourceId",
    "status",
    "licenseModel",
    "optionGroupName",
  ],
  check(_aws, inputs) {
    const point = inputs.restoreToPointInTime;
    const conflicts = [
      ...(point !== undefined && inputs.snapshotIdentifier !== undefined ? ["snapshotIdentifier"] : []),
      ...(point !== undefined && inputs.replicateSourceDb !== undefined ? ["replicateSourceDb"] : []),
    ].map((property) => ({ property, reason: "conflicts with restoreToPointInTime" }));
    if (conflicts.length > 0) return conflicts;
    if (point?.restoreTime !== undefined && point.useLatestRestorableTime !== undefined) {
      return [{ property: "restoreToPointInTime.restoreTime", reason: "conflicts with restoreToPointInTime.useLatestRestorableTime" }];
    }
    const origin = inputs.replicateSourceDb ?? inputs.snapshotIdentifier ?? inputs.restoreToPointInTime;
    if (origin !== undefined) return [];
    const needed = ["engine", "allocatedStorage", "username", "password"] as const;
    // Once promoted, an instance has got all of these from its source.
    return needed.every((name) => inputs[name] === undefined)
      ? []
      : needed
          .filter((name) => inputs[name] === undefined)
          .map((name) => ({ property: name, reason: `missing required property ${name} of a new instance` }));
  },
  async create(aws, inputs, request) {
    const identifier = present(inputs.identifier, "identifier");
    const common = { DBInstanceIdentifier: identifier, Tags: tagList(inputs.tagsAll), ...mapped(inputs, COMMON) };
    if (inputs.replicateSourceDb !== undefined) {
      const own = mapped(inputs, { kmsKeyId: "KmsKeyId", availabilityZone: "AvailabilityZone", port: "Port" });
      await rds(aws).send(
        new CreateDBInstanceReadReplicaCommand({
          ...common,
          ...own,
          // moto looks the group up in the source's region, so it comes after, by a change.
          DBSubnetGroupName: undefined,
          SourceDBInstanceIdentifier: inputs.replicateSourceDb,
        }),
      );
    } else if (inputs.snapshotIdentifier !== undefined) {
      const own = mapped(inputs, { availabilityZone: "AvailabilityZone", port: "Port", engine: "Engine", dbName: "DBName" });
      await rds(aws).send(
        new RestoreDBInstanceFromDBSnapshotCommand({ ...common, ...own, DBSnapshotIdentifier: inputs.snapshotIdentifier }),
      );
    } else if (inputs.restoreToPointInTime !== undefined) {
      const point = inputs.restoreToPointInTime;
      const own = mapped(inputs, { availabilityZone: "AvailabilityZone", port: "Port", engine: "Engine" });
      await rds(aws).send(
        new RestoreDBInstanceToPointInTimeCommand({
          ...common,
          ...own,
          DBInstanceIdentifier: undefined,
          TargetDBInstanceIdentifier: identifier,
          SourceDBInstanceIdentifier: point.sourceDbInstanceIdentifier,
          SourceDbiResourceId: point.sourceDbiResourceId,
          SourceDBInstanceAutomatedBackupsArn: point.sourceDbInstanceAutomatedBackupsArn,
          RestoreTime: point.restoreTime === undefined ? undefined : new Date(point.restoreTime),
          UseLatestRestorableTime: point.useLatestRestorableTime,
        } as ConstructorParameters<typeof RestoreDBInstanceToPointInTimeCommand>[0]),
      );
    } else {
      await rds(aws).send(
        new CreateDBInstanceCommand({
          ...common,
          ...mapped(inputs, BY_CHANGE),
          ...mapped(inputs, ONLY_ANEW),
        } as ConstructorParameters<typeof CreateDBInstanceCommand>[0]),
      );
    }
    const timeoutMs = request.timeoutMs ?? CREATE_TIMEOUT_MS;
    request.exists(identifier, inputs);
    let made = await until(aws, identifier, available, timeoutMs, "available", request);
    const changes = lacking(inputs, made);
    if (Object.keys(changes).length > 0) {
      await rds(aws).send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: identifier, ApplyImmediately: true, ...changes }));
      made = await until(aws, identifier, available, timeoutMs, "available", request);
    }
    return { id: made.DbiResourceId ?? identifier, outputs: { ...state(made), ...inputs } };
  },
  async update(aws, _id, olds, news, request) {
    const identifier = present(olds.identifier, "identifier");
    const timeoutMs = request.timeoutMs ?? UPDATE_TIMEOUT_MS;
    let now: DBInstance | undefined;
    if (news.replicateSourceDb !== request.oldInputs.replicateSourceDb) {
      if (news.replicateSourceDb !== undefined)
        throw new Error(`RDS DB Instance (${identifier}): cannot elect new source database for replication`);
      await rds(aws).send(
        new PromoteReadReplicaCommand({
          DBInstanceIdentifier: identifier,
          BackupRetentionPeriod: news.backupRetentionPeriod,
          PreferredBackupWindow: news.backupWindow,
        }),
      );
      now = await until(aws, identifier, promoted, PROMOTION_TIMEOUT_MS, "available as a primary", request);
    }
    const changed = (name: string): boolean =>
      JSON.stringify(news[name as keyof InstanceArgs]) !== JSON.stringify(olds[name as keyof InstanceArgs]);
    const changes = mapped(news, CHANGEABLE, changed);
    if (changed("identifier")) changes["NewDBInstanceIdentifier"] = news.identifier;
    for (const [name, fallback] of DEFAULTS) {
      if (request.oldInputs[name] !== undefined && news[name] === undefined) changes[CHANGEABLE[name]] = fallback;
    }
    if (Object.keys(changes).some((name) => name !== "AllowMajorVersionUpgrade")) {
      await rds(aws).send(
        new ModifyDBInstanceCommand({ DBInstanceIdentifier: identifier, ApplyImmediately: news.applyImmediately ?? false, ...changes }),
      );
      now = await until(aws, news.identifier ?? identifier, available, timeoutMs, "available", request);
    }
    await retag(aws, olds.arn, olds, news);
    now ??= await describe(aws, identifier);
    return { ...(now === undefined ? {} : state(now)), ...news };
  },
  async delete(aws, _id, outputs, request) {
    const identifier = present(outputs.identifier, "identifier");
    const final = outputs.finalSnapshotIdentifier;
    const skip = outputs.skipFinalSnapshot ?? false;
    if (!skip && final === undefined) {
      throw new Error(`RDS DB Instance (${identifier}): finalSnapshotIdentifier is required when skipFinalSnapshot is false`);
    }
    if (!skip && outputs.replicateSourceDb !== undefined) {
      // The service's own rule, which the lab's does not know.
      throw new Error(
        `RDS DB Instance (${identifier}): InvalidParameterCombination: FinalDBSnapshotIdentifier can not be specified when deleting a replica instance`,
      );
    }
    const sent = await unlessGone(
      () =>
        rds(aws).send(
          new DeleteDBInstanceCommand({
            DBInstanceIdentifier: identifier,
            SkipFinalSnapshot: skip,
            FinalDBSnapshotIdentifier: skip ? undefined : final,
            DeleteAutomatedBackups: outputs.deleteAutomatedBackups ?? true,
          }),
        ),
      /^DBInstanceNotFound/,
    );
    if (sent === undefined) return;
    const deadline = Date.now() + (request.timeoutMs ?? DELETE_TIMEOUT_MS);
    while ((await describe(aws, identifier)) !== undefined) {
      if (Date.now() > deadline) throw new Error(`RDS DB Instance (${identifier}) is still there`);
      await sleep(POLL_MS, undefined, { signal: request.signal });
    }
  },
  async read(aws, id, inputs, outputs) {
    const found = await describe(aws, outputs.identifier ?? inputs.identifier ?? id);
    if (found === undefined) return undefined;
    const live = state(found);
    const source = found.ReadReplicaSourceDBInstanceIdentifier;
    const imported = outputs.identifier === undefined;
    const recorded = Object.keys(inputs).length > 0 ? inputs : { ...importable(live), ...(source ? { replicateSourceDb: source } : {}) };
    const now = {
      ...recorded,
      ...Object.fromEntries(TOLD.filter((name) => name in recorded && live[name] !== undefined).map((name) => [name, live[name]])),
      // Promoted behind the program's back, or by an update that never heard the answer: then it has no source any more.
      ...(source ? {} : { replicateSourceDb: undefined }),
    };
    return {
      outputs: { ...live, ...withoutUndefined(recorded), ...now },
      inputs: now,
      ...(imported && found.DbiResourceId !== undefined && { id: found.DbiResourceId }),
    };
  },
};

/** Inputs that are read back as the service tells them, so that a refresh sees what an update that was cut off left undone. */
const TOLD = ["instanceClass", "multiAz", "deletionProtection", "backupRetentionPeriod", "dbSubnetGroupName", "parameterGroupName"];

/** What a program would have written of an instance that it did not make. */
function importable(live: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(live).filter(([name]) => name in (instance.inputs as object)));
}

/** What the service falls back to for a property that is not `computed` and that the program has taken out. */
const DEFAULTS = [
  ["deletionProtection", false],
  ["copyTagsToSnapshot", false],
  ["autoMinorVersionUpgrade", true],
  ["publiclyAccessible", false],
  ["monitoringInterval", 0],
  ["performanceInsightsEnabled", false],
  ["iamDatabaseAuthenticationEnabled", false],
] as const;

/** What a new instance was to be and is not: a replica takes no backup settings when it is made, and moto gives it its source's. */
function lacking(inputs: InstanceArgs, made: DBInstance): Record<string, unknown> {
  const anew =
    inputs.replicateSourceDb === undefined && inputs.snapshotIdentifier === undefined && inputs.restoreToPointInTime === undefined;
  if (anew) return {};
  const is: InstanceArgs = state(made) as InstanceArgs;
  const names = {
    ...BY_CHANGE,
    multiAz: COMMON.multiAz,
    deletionProtection: COMMON.deletionProtection,
    password: CHANGEABLE.password,
    dbSubnetGroupName: COMMON.dbSubnetGroupName,
  };
  return mapped(inputs, names, (name) => inputs[name as keyof InstanceArgs] !== is[name as keyof InstanceArgs]);
}

/** @param identifier the instance's, or, to import by, its resource id, which is upper case after `db-` */
async function describe(aws: Aws, identifier: string): Promise<DBInstance | undefined> {
  const which = /^db-[A-Z0-9]+$/.test(identifier)
    ? { Filters: [{ Name: "dbi-resource-id", Values: [identifier] }] }
    : { DBInstanceIdentifier: identifier };
  try {
    return (await rds(aws).send(new DescribeDBInstancesCommand(which))).DBInstances?.[0];
  } catch (error) {
    if (isNamed(error, /^DBInstanceNotFound/)) return undefined;
    throw error;
  }
}

async function until(
  aws: Aws,
  identifier: string,
  is: (found: DBInstance) => boolean,
  timeoutMs: number,
  what: string,
  request: Request,
): Promise<DBInstance> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await describe(aws, identifier);
    if (found !== undefined && is(found)) return found;
    if (found?.DBInstanceStatus === "incompatible-restore") {
      throw new Error(`RDS DB Instance (${identifier}) is incompatible-restore, not ${what}: ${await reasonOf(aws, identifier)}`);
    }
    if (Date.now() > deadline) {
      throw new Error(
        `RDS DB Instance (${identifier}) is ${found?.DBInstanceStatus ?? "not there"}, not ${what}, ${timeoutMs / 1000} s after the request`,
      );
    }
    await sleep(POLL_MS, undefined, { signal: request.signal });
  }
}

/** What RDS has reported of the instance's failure. */
async function reasonOf(aws: Aws, identifier: string): Promise<string> {
  const { Events = [] } = await rds(aws).send(new DescribeEventsCommand({ SourceIdentifier: identifier, SourceType: "db-instance" }));
  return Events.findLast(({ EventCategories }) => EventCategories?.includes("failure"))?.Message ?? "no event says why";
}

const available = (found: DBInstance): boolean => found.DBInstanceStatus === "available";

/**
 * The official plugin waits for `available` alone. Here the truth is the link to the source: the lab's gateway clears it once PostgreSQL has
 * promoted. Bare moto never does; it is told by its addresses, which are names, where the lab's are IP addresses.
 */
const promoted = (found: DBInstance): boolean =>
  available(found) && (!found.ReadReplicaSourceDBInstanceIdentifier || isIP(found.Endpoint?.Address ?? "") === 0);

function state(found: DBInstance): Record<string, unknown> {
  const address = found.Endpoint?.Address;
  const port = found.Endpoint?.Port;
  return withoutUndefined({
    identifier: found.DBInstanceIdentifier,
    address,
    port,
    endpoint: address === undefined ? undefined : `${address}:${String(port)}`,
    arn: found.DBInstanceArn,
    hostedZoneId: found.Endpoint?.HostedZoneId,
    resourceId: found.DbiResourceId,
    status: found.DBInstanceStatus,
    engine: found.Engine,
    engineVersion: found.EngineVersion,
    engineVersionActual: found.EngineVersion,
    dbName: found.DBName,
    username: found.MasterUsername,
    allocatedStorage: found.AllocatedStorage,
    availabilityZone: found.AvailabilityZone,
    backupRetentionPeriod: found.BackupRetentionPeriod,
    backupWindow: found.PreferredBackupWindow,
    maintenanceWindow: found.PreferredMaintenanceWindow,
    caCertIdentifier: found.CACertificateIdentifier,
    dbSubnetGroupName: found.DBSubnetGroup?.DBSubnetGroupName,
    deletionProtection: found.DeletionProtection,
    instanceClass: found.DBInstanceClass,
    iops: found.Iops,
    kmsKeyId: found.KmsKeyId,
    latestRestorableTime: found.LatestRestorableTime?.toISOString(),
    licenseModel: found.LicenseModel,
    multiAz: found.MultiAZ,
    optionGroupName: found.OptionGroupMemberships?.[0]?.OptionGroupName,
    parameterGroupName: found.DBParameterGroups?.[0]?.DBParameterGroupName,
    replicas: found.ReadReplicaDBInstanceIdentifiers ?? [],
    storageEncrypted: found.StorageEncrypted,
    storageType: found.StorageType,
    vpcSecurityGroupIds: found.VpcSecurityGroups?.flatMap(({ VpcSecurityGroupId }) => VpcSecurityGroupId ?? []),
  });
}

function withoutUndefined(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
