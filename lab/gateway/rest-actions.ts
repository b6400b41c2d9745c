/** Actions of the services that put them into method and path. Pure. */

type Route = [method: string, path: RegExp, action: string];

const ROUTE53: Route[] = [
  ["POST", /^\/hostedzone$/, "CreateHostedZone"],
  ["GET", /^\/hostedzone$/, "ListHostedZones"],
  ["GET", /^\/hostedzonesbyname$/, "ListHostedZonesByName"],
  ["GET", /^\/hostedzonesbyvpc$/, "ListHostedZonesByVPC"],
  ["GET", /^\/hostedzonecount$/, "GetHostedZoneCount"],
  ["GET", /^\/hostedzone\/([^/]+)$/, "GetHostedZone"],
  ["POST", /^\/hostedzone\/([^/]+)$/, "UpdateHostedZoneComment"],
  ["DELETE", /^\/hostedzone\/([^/]+)$/, "DeleteHostedZone"],
  ["POST", /^\/hostedzone\/([^/]+)\/rrset$/, "ChangeResourceRecordSets"],
  ["GET", /^\/hostedzone\/([^/]+)\/rrset$/, "ListResourceRecordSets"],
  ["GET", /^\/hostedzone\/([^/]+)\/dnssec$/, "GetDNSSEC"],
  ["POST", /^\/hostedzone\/([^/]+)\/associatevpc$/, "AssociateVPCWithHostedZone"],
  ["POST", /^\/hostedzone\/([^/]+)\/disassociatevpc$/, "DisassociateVPCFromHostedZone"],
  ["POST", /^\/healthcheck$/, "CreateHealthCheck"],
  ["GET", /^\/healthcheck$/, "ListHealthChecks"],
  ["GET", /^\/healthcheck\/([^/]+)$/, "GetHealthCheck"],
  ["POST", /^\/healthcheck\/([^/]+)$/, "UpdateHealthCheck"],
  ["DELETE", /^\/healthcheck\/([^/]+)$/, "DeleteHealthCheck"],
  ["GET", /^\/healthcheck\/([^/]+)\/status$/, "GetHealthCheckStatus"],
  ["GET", /^\/healthcheck\/([^/]+)\/lastfailurereason$/, "GetHealthCheckLastFailureReason"],
  ["GET", /^\/healthcheckcount$/, "GetHealthCheckCount"],
  ["GET", /^\/checkeripranges$/, "GetCheckerIpRanges"],
  ["GET", /^\/tags\/[^/]+\/(.+)$/, "ListTagsForResource"],
  ["POST", /^\/tags\/[^/]+\/(.+)$/, "ChangeTagsForResource"],
  ["POST", /^\/tags\/[^/]+$/, "ListTagsForResources"],
  ["GET", /^\/change\/(.+)$/, "GetChange"],
  ["GET", /^\/testdnsanswer$/, "TestDNSAnswer"],
];

const BACKUP: Route[] = [
  ["PUT", /^\/backup-vaults\/([^/]+)$/, "CreateBackupVault"],
  ["GET", /^\/backup-vaults$/, "ListBackupVaults"],
  ["GET", /^\/backup-vaults\/([^/]+)$/, "DescribeBackupVault"],
  ["DELETE", /^\/backup-vaults\/([^/]+)$/, "DeleteBackupVault"],
  ["PUT", /^\/backup-vaults\/([^/]+)\/vault-lock$/, "PutBackupVaultLockConfiguration"],
  ["DELETE", /^\/backup-vaults\/([^/]+)\/vault-lock$/, "DeleteBackupVaultLockConfiguration"],
  ["PUT", /^\/backup-vaults\/([^/]+)\/access-policy$/, "PutBackupVaultAccessPolicy"],
  ["GET", /^\/backup-vaults\/([^/]+)\/access-policy$/, "GetBackupVaultAccessPolicy"],
  ["DELETE", /^\/backup-vaults\/([^/]+)\/access-policy$/, "DeleteBackupVaultAccessPolicy"],
  ["GET", /^\/backup-vaults\/([^/]+)\/recovery-points$/, "ListRecoveryPointsByBackupVault"],
  ["GET", /^\/backup-vaults\/([^/]+)\/recovery-points\/([^/]+)$/, "DescribeRecoveryPoint"],
  ["DELETE", /^\/backup-vaults\/([^/]+)\/recovery-points\/([^/]+)$/, "DeleteRecoveryPoint"],
  ["GET", /^\/backup-vaults\/([^/]+)\/recovery-points\/([^/]+)\/restore-metadata$/, "GetRecoveryPointRestoreMetadata"],
  ["PUT", /^\/backup\/plans$/, "CreateBackupPlan"],
  ["GET", /^\/backup\/plans$/, "ListBackupPlans"],
  ["GET", /^\/backup\/plans\/([^/]+)$/, "GetBackupPlan"],
  ["POST", /^\/backup\/plans\/([^/]+)$/, "UpdateBackupPlan"],
  ["DELETE", /^\/backup\/plans\/([^/]+)$/, "DeleteBackupPlan"],
  ["PUT", /^\/backup\/plans\/([^/]+)\/selections$/, "CreateBackupSelection"],
  ["GET", /^\/backup\/plans\/([^/]+)\/selections$/, "ListBackupSelections"],
  ["GET", /^\/backup\/plans\/([^/]+)\/selections\/([^/]+)$/, "GetBackupSelection"],
  ["DELETE", /^\/backup\/plans\/([^/]+)\/selections\/([^/]+)$/, "DeleteBackupSelection"],
  ["PUT", /^\/backup-jobs$/, "StartBackupJob"],
  ["GET", /^\/backup-jobs$/, "ListBackupJobs"],
  ["GET", /^\/backup-jobs\/([^/]+)$/, "DescribeBackupJob"],
  ["PUT", /^\/copy-jobs$/, "StartCopyJob"],
  ["GET", /^\/copy-jobs$/, "ListCopyJobs"],
  ["GET", /^\/copy-jobs\/([^/]+)$/, "DescribeCopyJob"],
  ["PUT", /^\/restore-jobs$/, "StartRestoreJob"],
  ["GET", /^\/restore-jobs$/, "ListRestoreJobs"],
  ["GET", /^\/restore-jobs\/([^/]+)$/, "DescribeRestoreJob"],
  ["GET", /^\/tags\/(.+)$/, "ListTags"],
  ["POST", /^\/tags\/(.+)$/, "TagResource"],
  ["POST", /^\/untag\/(.+)$/, "UntagResource"],
];

const SERVICES: Record<string, Route[]> = { route53: ROUTE53, backup: BACKUP };

/** Action, the identifier in the path, and that of what is in it. For a service or path that is not listed: `METHOD /path`. */
export function restAction(service: string, method: string, pathname: string): { action: string; id?: string; member?: string } {
  const path = pathname.replace(/^\/\d{4}-\d{2}-\d{2}(?=\/)/, "").replace(/(?<=.)\/$/, "");
  for (const [routeMethod, pattern, action] of SERVICES[service] ?? []) {
    const match = routeMethod === method ? pattern.exec(path) : null;
    if (!match) continue;
    const [id, member] = match.slice(1).map(decodeURIComponent);
    return { action, ...(id === undefined ? {} : { id }), ...(member === undefined ? {} : { member }) };
  }
  return { action: `${method} ${path}` };
}
