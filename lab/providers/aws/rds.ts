export { instanceAutomatedBackupsReplication } from "./rds-backups";
export { parameterGroup, subnetGroup } from "./rds-groups";
export { instance } from "./rds-instance";
export { snapshot, snapshotCopy } from "./rds-snapshot";
