import { parseIdentifier } from "../../postgres/instance-name";
import type { RdsPlane } from "../../postgres/plane";
import { awsError, escapeXml } from "../errors";
import { isResponse, type AwsRequest, type AwsResponse, type Mend } from "../mend";
import { element, removeElement, setElement } from "../xml";
import { answerBackups, replicationsOf } from "./automated-backups";
import { addEvents } from "./events";
import { instanceNotFound, withParameters } from "./requests";
import { renameAnswer, restoreFromSnapshot, restoreToTime } from "./restore";
import { guardCopy, guardSnapshot, guardSnapshotDeletion, mendSnapshots, selectSnapshots, withOwnNames } from "./snapshots";

/**
 * Amazon RDS as far as moto gets it wrong and PostgreSQL is behind it: real endpoints and states, promotion that ends
 * the replica link on both sides, replicas with settings of their own, snapshots that are copies of the data, refusals that moto does not know.
 * Instances of other engines and members of Aurora clusters are left as moto shows them.
 */
export function rdsMend(plane: RdsPlane): Mend {
  const answered = async (request: AwsRequest): Promise<AwsResponse | AwsRequest | undefined> => {
    switch (request.action) {
      case "CreateDBInstanceReadReplica":
        return mendReplica(plane, request);
      case "PromoteReadReplica":
        return guardPromotion(plane, request);
      case "DeleteDBInstance":
        await plane.prepareDelete(request.region, idOf(request));
        return undefined;
      case "DescribeDBInstances":
        return mendFilter(plane, request);
      case "CreateDBSnapshot":
        return guardSnapshot(plane, request);
      case "CopyDBSnapshot":
        return guardCopy(plane, request);
      case "DeleteDBSnapshot":
        return guardSnapshotDeletion(plane, request);
      case "DescribeDBSnapshots":
        return selectSnapshots(request);
      case "RestoreDBInstanceFromDBSnapshot":
        return restoreFromSnapshot(plane, request);
      case "RestoreDBInstanceToPointInTime":
        return restoreToTime(plane, request);
      default:
        return answerBackups(plane, request);
    }
  };
  return {
    service: "rds",
    async request(request) {
      const result = await answered(request);
      return result !== undefined && isResponse(result) ? result : withOwnNames(request, result);
    },
    async response(request, response) {
      if (response.status !== 200) return undefined;
      const text = renameAnswer(request, response.body.toString("utf8"));
      if (request.action === "DescribeEvents") return { ...response, body: Buffer.from(addEvents(plane, request, text)) };
      if (text.includes("<DBSnapshot>")) return { ...response, body: Buffer.from(mendSnapshots(plane, request, text)) };
      if (!text.includes("<DBInstance>")) return undefined;
      return { ...response, body: Buffer.from(mendInstances(plane, request, text)) };
    },
  };
}

function idOf(request: AwsRequest): string {
  return (request.parameters.DBInstanceIdentifier ?? "").toLowerCase();
}

async function mendReplica(plane: RdsPlane, request: AwsRequest): Promise<AwsRequest | AwsResponse | undefined> {
  const { region, parameters } = request;
  const identifier = parameters.SourceDBInstanceIdentifier ?? "";
  const source = parseIdentifier(region, identifier);
  const record = await plane.recordOf(source.region, source.id);
  if (!record) return instanceNotFound(request, identifier);
  if (await plane.recordOf(region, idOf(request))) {
    return awsError(request, 400, "DBInstanceAlreadyExists", "DB instance already exists");
  }
  const state = plane.stateOf(source.region, source.id);
  if (state === undefined) return undefined;
  if (state !== "available") {
    return awsError(request, 400, "InvalidDBInstanceState", `DB instance ${source.id} is not in the available state; it is ${state}.`);
  }
  const isReplica = plane.replicaSourceOf(source.region, source.id) !== null;
  if ((record.BackupRetentionPeriod ?? 0) === 0 && !isReplica) {
    const why =
      "Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value.";
    return awsError(request, 400, "InvalidDBInstanceState", why);
  }
  const crossRegion = source.region !== region;
  if (crossRegion && record.StorageEncrypted === true && parameters.KmsKeyId === undefined) {
    const why = "A read replica of an encrypted DB instance in another region needs KmsKeyId, a key of its own region.";
    return awsError(request, 400, "InvalidParameterCombination", why);
  }
  // What moto would copy from the source although Amazon does not: another region's zone and groups, and protection.
  return withParameters(request, {
    MultiAZ: "false",
    DeletionProtection: "false",
    AvailabilityZone: crossRegion ? `${region}a` : (record.AvailabilityZone ?? `${region}a`),
    ...(crossRegion ? { DBParameterGroupName: "default.postgres15" } : {}),
    ...parameters,
  });
}

async function guardPromotion(plane: RdsPlane, request: AwsRequest): Promise<AwsResponse | undefined> {
  const { region } = request;
  const id = idOf(request);
  const state = plane.stateOf(region, id);
  if (state === undefined) return (await plane.recordOf(region, id)) ? undefined : instanceNotFound(request, id);
  if (plane.replicaSourceOf(region, id) === null) {
    return awsError(request, 400, "InvalidDBInstanceState", `DB instance ${id} is not a read replica.`);
  }
  if (state !== "available") {
    return awsError(request, 400, "InvalidDBInstanceState", `DB instance ${id} is not in the available state; it is ${state}.`);
  }
  return undefined;
}

/** The official provider looks instances up by `dbi-resource-id`, which moto gives all of them alike. */
function mendFilter(plane: RdsPlane, request: AwsRequest): AwsRequest | undefined {
  const changed: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.parameters)) {
    const [, filter] = /^(Filters\.(?:Filter|member)\.\d+)\.Name$/.exec(name) ?? [];
    if (filter === undefined || value !== "dbi-resource-id") continue;
    changed[name] = "db-instance-id";
    for (const [valueName, resourceId] of Object.entries(request.parameters)) {
      if (!valueName.startsWith(`${filter}.Values.`)) continue;
      const id = plane.identifiersOf(request.region).find((each) => plane.resourceIdOf(request.region, each) === resourceId);
      changed[valueName] = id ?? resourceId;
    }
  }
  return Object.keys(changed).length > 0 ? withParameters(request, { ...request.parameters, ...changed }) : undefined;
}

/** Corrects each `<DBInstance>` of an answer. */
export function mendInstances(plane: RdsPlane, request: Pick<AwsRequest, "region" | "action" | "parameters">, xml: string): string {
  return xml.replace(/<DBInstance>.*?<\/DBInstance>/gs, (block) => mendInstance(plane, request, block));
}

function mendInstance(plane: RdsPlane, request: Pick<AwsRequest, "region" | "action" | "parameters">, block: string): string {
  const { region, action } = request;
  const id = element(block, "DBInstanceIdentifier");
  if (id === undefined || element(block, "Engine") !== "postgres" || element(block, "DBClusterIdentifier") !== undefined) return block;
  // The plane may hear of a change only after this answer; what the answer must say is known anyhow.
  const announced = ANNOUNCED[action];
  const state = announced ?? plane.stateOf(region, id) ?? "creating";
  const endpoint = plane.endpointOf(region, id);
  const source = plane.replicaSourceOf(region, id);
  let mended = setElement(block, "DBInstanceStatus", state);
  // RDS shows an endpoint only once there is one.
  if (state === "creating" || !endpoint) mended = removeElement(mended, "Endpoint");
  else mended = setElement(mended, "Endpoint", `<Address>${endpoint.host}</Address><Port>${endpoint.port}</Port>`, true);
  if (source === null) mended = removeElement(mended, "ReadReplicaSourceDBInstanceIdentifier");
  else if (source !== undefined) mended = setElement(mended, "ReadReplicaSourceDBInstanceIdentifier", source);
  const replicas = plane
    .replicasOf(region, id)
    .map((r) => `<ReadReplicaDBInstanceIdentifier>${escapeXml(r)}</ReadReplicaDBInstanceIdentifier>`);
  mended = setElement(mended, "ReadReplicaDBInstanceIdentifiers", replicas.join(""), true);
  const resourceId = plane.resourceIdOf(region, id);
  mended = setElement(mended, "DbiResourceId", resourceId);
  const backup = plane.automatedBackupsOf(region).find((each) => each.resourceId === resourceId && each.origin === "own");
  const latest = backup?.archive.window?.latest;
  if (latest === undefined) mended = removeElement(mended, "LatestRestorableTime");
  else mended = setElement(mended, "LatestRestorableTime", new Date(latest).toISOString());
  if (backup) mended = setElement(mended, "DBInstanceAutomatedBackupsReplications", replicationsOf(plane, backup), true);
  if (action === "CreateDBInstanceReadReplica") mended = setElement(mended, "BackupRetentionPeriod", "0");
  return mended;
}

/** Status in the answer that accepts a request, where it differs from what was before. */
const ANNOUNCED: Record<string, string> = {
  CreateDBInstance: "creating",
  CreateDBInstanceReadReplica: "creating",
  RestoreDBInstanceFromDBSnapshot: "creating",
  RestoreDBInstanceToPointInTime: "creating",
  PromoteReadReplica: "modifying",
  RebootDBInstance: "rebooting",
  StopDBInstance: "stopping",
  StartDBInstance: "starting",
  DeleteDBInstance: "deleting",
};
