import type { RdsPlane } from "../../postgres/plane";
import { parseSnapshotIdentifier } from "../../postgres/snapshots";
import { awsError } from "../errors";
import type { AwsRequest, AwsResponse } from "../mend";
import { element, setElement } from "../xml";
import { keyProblem } from "./keys";
import { instanceNotFound, withParameters } from "./requests";

/** AWS Backup's snapshots have names that moto refuses for their colon, so moto knows them by others. */
const AWS_BACKUP = "awsbackup:";
const OF_MOTO = "awsbackup-colon-";

/** @param sent what a mend made of the request, if it made anything */
export function withOwnNames(request: AwsRequest, sent: AwsRequest | undefined): AwsRequest | undefined {
  const { parameters } = sent ?? request;
  const named = Object.entries(parameters).filter(([name, value]) => name.includes("DBSnapshot") && value.includes(AWS_BACKUP));
  if (named.length === 0) return sent;
  const renamed = Object.fromEntries(named.map(([name, value]) => [name, value.replace(AWS_BACKUP, OF_MOTO)]));
  return withParameters(sent ?? request, { ...parameters, ...renamed });
}

export async function guardSnapshot(plane: RdsPlane, request: AwsRequest): Promise<AwsResponse | undefined> {
  const { region, parameters } = request;
  const id = (parameters.DBInstanceIdentifier ?? "").toLowerCase();
  const state = plane.stateOf(region, id);
  if (state === undefined) return (await plane.recordOf(region, id)) ? undefined : instanceNotFound(request, id);
  if (state === "available") return undefined;
  return awsError(request, 400, "InvalidDBInstanceState", `DB instance ${id} is not in the available state; it is ${state}.`);
}

export function guardSnapshotDeletion(plane: RdsPlane, request: AwsRequest): AwsResponse | undefined {
  const id = request.parameters.DBSnapshotIdentifier ?? "";
  if (plane.snapshotOf(request.region, id)?.state !== "creating") return undefined;
  return awsError(request, 400, "InvalidDBSnapshotState", `DB snapshot ${id} is being created.`);
}

/** A copy needs its source, whole and in reach, and a key at either end. */
export async function guardCopy(plane: RdsPlane, request: AwsRequest): Promise<AwsResponse | undefined> {
  const { region, parameters } = request;
  const from = parseSnapshotIdentifier(region, parameters.SourceDBSnapshotIdentifier ?? "");
  if (plane.isLost(from.region)) {
    return awsError(request, 503, "ServiceUnavailable", `Amazon RDS in ${from.region}, where ${from.id} is, does not answer.`);
  }
  const source = plane.snapshotOf(from.region, from.id);
  // One of another engine, or none: moto says so.
  if (!source) return undefined;
  if (source.state !== "available") {
    return awsError(request, 400, "InvalidDBSnapshotState", `DB snapshot ${from.id} is not in the available state; it is ${source.state}.`);
  }
  if (source.kmsKeyId !== undefined && from.region !== region && parameters.KmsKeyId === undefined) {
    const why = "A copy of an encrypted DB snapshot in another region needs KmsKeyId, a key of its own region.";
    return awsError(request, 400, "InvalidParameterCombination", why);
  }
  return (await keyProblem(plane, request, source.kmsKeyId, from.region)) ?? (await keyProblem(plane, request, parameters.KmsKeyId));
}

/** moto has no snapshots of AWS Backup: they are manual ones to it. */
export function selectSnapshots(request: AwsRequest): AwsRequest | undefined {
  if (request.parameters.SnapshotType !== "awsbackup") return undefined;
  return withParameters(request, { ...request.parameters, SnapshotType: "manual" });
}

/** Corrects each `<DBSnapshot>` of an answer: moto's is available at once, and knows nothing of the data. Those of which there is none are not shown. */
export function mendSnapshots(plane: RdsPlane, request: Pick<AwsRequest, "region" | "action" | "parameters">, xml: string): string {
  return xml.replaceAll(OF_MOTO, AWS_BACKUP).replace(/<DBSnapshot>.*?<\/DBSnapshot>/gs, (block) => mendSnapshot(plane, request, block));
}

function mendSnapshot(
  plane: RdsPlane,
  { region, action, parameters }: Pick<AwsRequest, "region" | "action" | "parameters">,
  block: string,
): string {
  const id = element(block, "DBSnapshotIdentifier") ?? "";
  if (element(block, "Engine") !== "postgres") return block;
  const snapshot = plane.snapshotOf(region, id);
  const made = action === "CreateDBSnapshot" || action === "CopyDBSnapshot";
  // moto makes one of its own for each new instance.
  if (!made && !snapshot) return action === "DescribeDBSnapshots" && element(block, "SnapshotType") === "automated" ? "" : block;
  const type = id.startsWith(AWS_BACKUP) ? "awsbackup" : "manual";
  if (action === "DescribeDBSnapshots" && (parameters.SnapshotType ?? type) !== type) return "";
  const state = made ? "creating" : (snapshot?.state ?? "creating");
  let mended = setElement(setElement(block, "Status", state), "PercentProgress", state === "available" ? "100" : "0");
  mended = setElement(mended, "SnapshotType", type);
  const from =
    action === "CopyDBSnapshot" ? parseSnapshotIdentifier(region, parameters.SourceDBSnapshotIdentifier ?? "") : snapshot?.source;
  if (from) {
    mended = setElement(
      mended,
      "SourceDBSnapshotIdentifier",
      `arn:aws:rds:${from.region}:${element(block, "DBSnapshotArn")?.split(":")[4] ?? ""}:snapshot:${from.id}`,
    );
    mended = setElement(mended, "SourceRegion", from.region);
  }
  const instance = element(block, "DBInstanceIdentifier") ?? "";
  const resourceId =
    snapshot?.resourceId ?? (from && plane.snapshotOf(from.region, from.id)?.resourceId) ?? plane.resourceIdOf(region, instance);
  mended = setElement(mended, "DbiResourceId", resourceId);
  return from && from.region !== region ? setElement(mended, "AvailabilityZone", `${region}a`) : mended;
}
