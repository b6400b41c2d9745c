import { statusOf, type AutomatedBackup } from "../../postgres/automated-backups";
import { ACCOUNT } from "../../account";
import { parseIdentifier } from "../../postgres/instance-name";
import type { RdsPlane } from "../../postgres/plane";
import { awsError } from "../errors";
import type { AwsRequest, AwsResponse } from "../mend";
import { elements } from "../xml";
import { keyProblem } from "./keys";
import { answer, instanceNotFound } from "./requests";

/** Days, as Amazon RDS takes them where a replication names none. */
const DEFAULT_RETENTION = 7;

/** Automated backups, of which moto knows nothing but that there are some. */
export async function answerBackups(plane: RdsPlane, request: AwsRequest): Promise<AwsResponse | undefined> {
  switch (request.action) {
    case "DescribeDBInstanceAutomatedBackups":
      return describe(plane, request);
    case "StartDBInstanceAutomatedBackupsReplication":
      return start(plane, request);
    case "StopDBInstanceAutomatedBackupsReplication":
      return stop(plane, request);
    case "DeleteDBInstanceAutomatedBackup":
      return remove(plane, request);
    default:
      return undefined;
  }
}

function describe(plane: RdsPlane, request: AwsRequest): AwsResponse {
  const { DBInstanceIdentifier: id, DbiResourceId: resourceId, DBInstanceAutomatedBackupsArn: arn } = request.parameters;
  const filters = filtersOf(request.parameters);
  const found = plane
    .automatedBackupsOf(request.region)
    .filter(
      (backup) =>
        (id === undefined || backup.instance.id === id.toLowerCase()) &&
        (resourceId === undefined || backup.resourceId === resourceId) &&
        (arn === undefined || backup.arn === arn) &&
        (filters["status"] ?? [statusOf(backup)]).includes(statusOf(backup)) &&
        (filters["db-instance-id"] ?? [backup.instance.id]).includes(backup.instance.id) &&
        (filters["dbi-resource-id"] ?? [backup.resourceId]).includes(backup.resourceId),
    );
  if (found.length === 0 && (arn ?? resourceId) !== undefined) return notFound(request, arn ?? resourceId ?? "");
  const list = found.map((backup) => `<DBInstanceAutomatedBackup>${shown(plane, backup)}</DBInstanceAutomatedBackup>`).join("");
  return answer(request, `<DBInstanceAutomatedBackups>${list}</DBInstanceAutomatedBackups>`);
}

async function start(plane: RdsPlane, request: AwsRequest): Promise<AwsResponse> {
  const { region, parameters } = request;
  const arn = parameters.SourceDBInstanceArn ?? "";
  const source = parseIdentifier(region, arn);
  if (source.region === region) {
    const why = `SourceDBInstanceArn ${arn} is of ${region}; automated backups are replicated to another region.`;
    return awsError(request, 400, "InvalidParameterValue", why);
  }
  if (plane.isLost(source.region)) {
    return awsError(request, 503, "ServiceUnavailable", `Amazon RDS in ${source.region}, where ${source.id} is, does not answer.`);
  }
  const own = plane.automatedBackupsOf(source.region).find((backup) => backup.instance.id === source.id && backup.origin === "own");
  if (!own) {
    if (!(await plane.recordOf(source.region, source.id))) return instanceNotFound(request, arn);
    return awsError(request, 400, "InvalidDBInstanceState", `Automated backups are not enabled for DB instance ${source.id}.`);
  }
  const earlier = plane.automatedBackupsOf(region).find((backup) => backup.resourceId === own.resourceId);
  if (earlier?.origin === "replicated") {
    return awsError(request, 400, "InvalidDBInstanceState", `Automated backups of ${source.id} are replicated to ${region} already.`);
  }
  if (own.record?.StorageEncrypted === true && parameters.KmsKeyId === undefined) {
    const why = "Automated backups of an encrypted DB instance need KmsKeyId, a key of the region that they are replicated to.";
    return awsError(request, 400, "InvalidParameterCombination", why);
  }
  const refusal = await keyProblem(plane, request, parameters.KmsKeyId);
  if (refusal) return refusal;
  const backup = plane.replicateBackups(source, region, {
    retention: Number(parameters.BackupRetentionPeriod ?? DEFAULT_RETENTION),
    ...(parameters.KmsKeyId === undefined ? {} : { kmsKeyId: parameters.KmsKeyId }),
  });
  return answer(request, `<DBInstanceAutomatedBackup>${shown(plane, backup)}</DBInstanceAutomatedBackup>`);
}

function stop(plane: RdsPlane, request: AwsRequest): AwsResponse {
  const arn = request.parameters.SourceDBInstanceArn ?? "";
  const source = parseIdentifier(request.region, arn);
  const backup = plane
    .automatedBackupsOf(request.region)
    .find(({ instance, origin }) => origin === "replicated" && instance.region === source.region && instance.id === source.id);
  if (!backup) return notFound(request, arn);
  plane.stopReplicatingBackups(backup);
  return answer(request, `<DBInstanceAutomatedBackup>${shown(plane, backup)}</DBInstanceAutomatedBackup>`);
}

function remove(plane: RdsPlane, request: AwsRequest): AwsResponse {
  const { DbiResourceId: resourceId, DBInstanceAutomatedBackupsArn: arn } = request.parameters;
  const backup = plane.automatedBackupsOf(request.region).find((each) => each.arn === arn || each.resourceId === resourceId);
  if (!backup) return notFound(request, arn ?? resourceId ?? "");
  if (backup.origin !== "retained") {
    const why = `The automated backup of ${backup.instance.id} is ${statusOf(backup)}; only a retained one can be deleted.`;
    return awsError(request, 400, "InvalidDBInstanceAutomatedBackupState", why);
  }
  plane.deleteAutomatedBackup(backup);
  return answer(request, `<DBInstanceAutomatedBackup>${shown(plane, backup)}</DBInstanceAutomatedBackup>`);
}

function notFound(request: AwsRequest, what: string): AwsResponse {
  return awsError(request, 404, "DBInstanceAutomatedBackupNotFound", `DB instance automated backup ${what} not found.`);
}

/** By name, as the query protocol writes them: `Filters.Filter.1.Name`, `Filters.Filter.1.Values.Value.1`. */
function filtersOf(parameters: Record<string, string>): Record<string, string[]> {
  const filters: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(parameters)) {
    const [, filter] = /^(Filters\.\w+\.\d+)\.Name$/.exec(name) ?? [];
    if (filter === undefined) continue;
    filters[value] = Object.entries(parameters).flatMap(([each, one]) => (each.startsWith(`${filter}.Values.`) ? [one] : []));
  }
  return filters;
}

/** What an instance's backups are replicated to, as XML of a list. */
export function replicationsOf(plane: RdsPlane, backup: AutomatedBackup): string {
  if (backup.origin !== "own") return "";
  const tag = "DBInstanceAutomatedBackupsReplication";
  return plane
    .replicationsOf(backup)
    .map((arn) => `<${tag}>${elements({ DBInstanceAutomatedBackupsArn: arn })}</${tag}>`)
    .join("");
}

function shown(plane: RdsPlane, backup: AutomatedBackup): string {
  const { archive, instance, record, region } = backup;
  const { window } = archive;
  const times = window ? elements({ EarliestTime: new Date(window.earliest), LatestTime: new Date(window.latest) }) : "";
  const facts = elements({
    DBInstanceArn: `arn:aws:rds:${instance.region}:${ACCOUNT}:db:${instance.id}`,
    DbiResourceId: backup.resourceId,
    Region: instance.region,
    DBInstanceIdentifier: instance.id,
    Status: statusOf(backup),
    AllocatedStorage: record?.AllocatedStorage,
    AvailabilityZone: record?.AvailabilityZone,
    Port: record?.Endpoint?.Port,
    InstanceCreateTime: record?.InstanceCreateTime,
    MasterUsername: record?.MasterUsername,
    Engine: "postgres",
    EngineVersion: record?.EngineVersion,
    LicenseModel: record?.LicenseModel,
    Encrypted: record?.StorageEncrypted ?? false,
    StorageType: record?.StorageType,
    KmsKeyId: backup.kmsKeyId ?? (instance.region === region ? record?.KmsKeyId : undefined),
    BackupRetentionPeriod: backup.retention,
    DBInstanceAutomatedBackupsArn: backup.arn,
    BackupTarget: "region",
  });
  return (
    `${facts}<RestoreWindow>${times}</RestoreWindow>` +
    `<DBInstanceAutomatedBackupsReplications>${replicationsOf(plane, backup)}</DBInstanceAutomatedBackupsReplications>`
  );
}
