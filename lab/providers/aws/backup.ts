export { plan } from "./backup-plan";
export { selection } from "./backup-selection";
export { vault, vaultLockConfiguration, vaultPolicy } from "./backup-vault";
