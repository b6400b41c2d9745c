import { archiveInTime, backupInterval, lagAlarm, rtoBudget, someStandby } from "./budgets";
import { bucketsNotPublic, databasePrivate, leastPrivilege, noWildcards, operatorsMfa, trusted } from "./exposure";
import { epochNeverFalls, oneActiveSite, oneRole, replicaSource } from "./one-writer";
import { labelled, tagged } from "./ownership";
import { alarmParity, capacityParity, databaseParity, imageParity, quotaParity, secretParity } from "./parity";
import {
  archived,
  bucketsClosed,
  bucketsEncrypted,
  bucketsLocked,
  bucketsVersioned,
  databaseEncrypted,
  deletionProtected,
  keysRotated,
  protectedBy,
  severalZones,
  threeTwoOne,
  vaultsLocked,
} from "./protection";
import { residency } from "./residency";
import type { Rule } from "./rule";
import { balancerTls, bucketTls, databaseTls } from "./transport";
import { budgeted, pinned, probed, unprivileged } from "./workloads";

/** Every policy of the pack, by theme. */
export const rules: readonly Rule[] = [
  oneRole,
  replicaSource,
  epochNeverFalls,
  oneActiveSite,
  rtoBudget,
  someStandby,
  lagAlarm,
  backupInterval,
  archiveInTime,
  databaseParity,
  imageParity,
  secretParity,
  capacityParity,
  quotaParity,
  alarmParity,
  databaseEncrypted,
  bucketsEncrypted,
  deletionProtected,
  severalZones,
  bucketsVersioned,
  bucketsClosed,
  bucketsLocked,
  archived,
  protectedBy,
  threeTwoOne,
  vaultsLocked,
  keysRotated,
  databaseTls,
  balancerTls,
  bucketTls,
  databasePrivate,
  noWildcards,
  operatorsMfa,
  leastPrivilege,
  trusted,
  bucketsNotPublic,
  residency,
  probed,
  unprivileged,
  pinned,
  budgeted,
  tagged,
  labelled,
];
