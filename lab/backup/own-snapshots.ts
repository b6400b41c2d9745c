import { awsError } from "../gateway/errors";
import { BACKUP_AGENT } from "../gateway/identify";
import type { AwsRequest, AwsResponse, Mend } from "../gateway/mend";

/** Parameter that names the snapshot which is made or deleted. */
const NAMED: Record<string, string | undefined> = {
  CreateDBSnapshot: "DBSnapshotIdentifier",
  DeleteDBSnapshot: "DBSnapshotIdentifier",
  CopyDBSnapshot: "TargetDBSnapshotIdentifier",
};

/** AWS Backup's snapshots are its own: whoever could delete one by RDS would go round the vault's lock. */
export const ownSnapshots: Mend = {
  service: "rds",
  async request(request: AwsRequest): Promise<AwsResponse | undefined> {
    const id = request.parameters[NAMED[request.action] ?? ""] ?? "";
    if (!id.startsWith("awsbackup:") || (request.headers["user-agent"] ?? "").includes(BACKUP_AGENT)) return Promise.resolve(undefined);
    const why = `${id} is managed by AWS Backup: use ${request.action === "DeleteDBSnapshot" ? "DeleteRecoveryPoint" : "its jobs"}.`;
    return Promise.resolve(awsError(request, 400, "InvalidParameterValue", why));
  },
};
