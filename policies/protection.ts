import { sitesThatAre } from "../topology/roles";
import { DAY } from "../topology/duration";
import { about, bucketsOf, useOf } from "./buckets";
import {
  BACKUP_PLAN,
  BACKUP_SELECTION,
  BALANCER,
  BUCKET_BLOCK,
  BUCKET_ENCRYPTION,
  BUCKET_LOCK,
  BUCKET_REPLICATION,
  BUCKET_VERSIONING,
  INSTANCE,
  KEY,
  VAULT,
  VAULT_LOCK,
} from "./kinds";
import { unless, type Look, type Resource } from "./look";
import type { Finding } from "./finding";
import type { Rule } from "./rule";

const theme = "protection" as const;

/** Whether a property is the site's own key, which the stack makes. */
function ownKey(look: Look, resource: Resource, property: string, value: string | undefined): boolean {
  return (
    look.all(KEY).some((key) => resource.dependencies[property]?.includes(key.urn) === true) || value?.startsWith("arn:aws:kms:") === true
  );
}

export const databaseEncrypted: Rule = {
  name: "database-encrypted",
  theme,
  description: "Databases are encrypted with the site's own key",
  reason: "A key of AWS's own cannot be given to a restore in another account, nor taken away from a thief.",
  fix: "Leave storageEncrypted and kmsKeyId to the Database component.",
  controls: ["pci_dss 3.5", "gdpr 32"],
  check: (look) =>
    look.each(look.all(INSTANCE), (database) => [
      unless(database.props.storageEncrypted === true, database, "storageEncrypted", database.props.storageEncrypted, "true"),
      unless(
        ownKey(look, database, "kmsKeyId", database.dependencies["kmsKeyId"] ? undefined : database.props.kmsKeyId),
        database,
        "kmsKeyId",
        undefined,
        "the site's key",
      ),
    ]),
};

export const bucketsEncrypted: Rule = {
  name: "buckets-encrypted",
  theme,
  description: "Buckets with the service's data are encrypted with the site's own key; all others with S3's at least",
  reason: "A copy is encrypted anew where it arrives, so that the loss of one key loses one region's copies alone.",
  fix: "Make the bucket with PrivateBucket and give it keyArn.",
  controls: ["pci_dss 3.5", "gdpr 32"],
  check: (look) =>
    look.each(bucketsOf(look), (bucket) => {
      const found = about(look, bucket, BUCKET_ENCRYPTION);
      if (found.length === 0) return [unless(false, bucket, "encryption", undefined, "a BucketServerSideEncryptionConfiguration")];
      const open = ["switch", "audit"].includes(useOf(look, bucket));
      return found.flatMap((encryption) =>
        encryption.props.rules.map((rule, i) => {
          const algorithm = rule.applyServerSideEncryptionByDefault?.sseAlgorithm;
          const path = `rules.${i}.sseAlgorithm`;
          return unless(
            algorithm === "aws:kms" || (open && algorithm === "AES256"),
            encryption,
            path,
            algorithm,
            open ? "AES256 or aws:kms" : "aws:kms",
          );
        }),
      );
    }),
};

export const deletionProtected: Rule = {
  name: "deletion-protected",
  theme,
  description: "Databases and load balancers cannot be deleted by a slip",
  reason: "The last thing that a bad day needs is one more thing gone.",
  fix: "Leave deletionProtection on; changeover reprotect --discard-old takes it away from a database that was left.",
  controls: ["iso27001 A.8.14"],
  check: (look) => {
    const { live } = look.databases;
    return [
      // One that was left may go, once there is a snapshot of it.
      ...look.each(live, (database) => [
        unless(database.props.deletionProtection === true, database, "deletionProtection", database.props.deletionProtection, "true"),
      ]),
      ...look.each(look.all(BALANCER), (balancer) => [
        unless(
          balancer.props.enableDeletionProtection === true,
          balancer,
          "enableDeletionProtection",
          balancer.props.enableDeletionProtection,
          "true",
        ),
      ]),
    ];
  },
};

export const severalZones: Rule = {
  name: "several-zones",
  theme,
  description: "Databases are in two zones, also those of a standby",
  reason: "A zone that fails would be a failover to another region; and a standby that is to be changed when it takes over waits for that.",
  fix: "Leave multiAz on.",
  controls: ["iso27001 A.8.14"],
  check: (look) =>
    look.each(look.all(INSTANCE), (database) => [
      unless(database.props.multiAz === true, database, "multiAz", database.props.multiAz, "true"),
    ]),
};

export const bucketsVersioned: Rule = {
  name: "buckets-versioned",
  theme,
  description: "Buckets keep versions",
  reason: "S3 replicates buckets with versions alone, and what was overwritten is lost without them.",
  fix: "Make the bucket with PrivateBucket.",
  controls: ["iso27001 A.8.13"],
  check: (look) =>
    look.each(bucketsOf(look), (bucket) => {
      const found = about(look, bucket, BUCKET_VERSIONING);
      if (found.length === 0) return [unless(false, bucket, "versioning", undefined, "a BucketVersioning")];
      return found.map((versioning) => {
        const { status } = versioning.props.versioningConfiguration;
        return unless(status === "Enabled", versioning, "versioningConfiguration.status", status, "Enabled");
      });
    }),
};

export const bucketsClosed: Rule = {
  name: "buckets-closed",
  theme,
  description: "No bucket can be opened to the public",
  reason: "One wrong policy would publish the service's data.",
  fix: "Make the bucket with PrivateBucket.",
  controls: ["pci_dss 7.2", "gdpr 32"],
  check: (look) =>
    look.each(bucketsOf(look), (bucket) => {
      const found = about(look, bucket, BUCKET_BLOCK);
      if (found.length === 0) return [unless(false, bucket, "publicAccessBlock", undefined, "a BucketPublicAccessBlock")];
      return found.flatMap((block) =>
        (["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"] as const).map((property) =>
          unless(block.props[property] === true, block, property, block.props[property], "true"),
        ),
      );
    }),
};

export const bucketsLocked: Rule = {
  name: "buckets-locked",
  theme,
  description: "Versions of the service's objects, journals and audit records cannot be deleted before their time, by anybody",
  reason: "Whoever takes an account over deletes the copies first.",
  fix: "Give PrivateBucket lockDays; storage.lockFor has the days.",
  controls: ["iso27001 A.8.13", "pci_dss 10.2"],
  check: (look) =>
    look.each(bucketsOf(look), (bucket) => {
      const use = useOf(look, bucket);
      if (use === "switch") return [];
      const found = about(look, bucket, BUCKET_LOCK);
      const least = use === "data" || use === "archive" ? look.topology.storage.lockFor / DAY : 1;
      return [
        unless(bucket.props.objectLockEnabled === true, bucket, "objectLockEnabled", bucket.props.objectLockEnabled, "true"),
        unless(found.length > 0, bucket, "lock", undefined, "a BucketObjectLockConfiguration"),
        ...found.flatMap((lock) => {
          const { mode, days } = lock.props.rule?.defaultRetention ?? {};
          return [
            unless(mode === "COMPLIANCE", lock, "rule.defaultRetention.mode", mode, "COMPLIANCE: the account's root could end another"),
            unless((days ?? 0) >= least, lock, "rule.defaultRetention.days", days, `${least} or more`),
          ];
        }),
      ];
    }),
};

const rulesTo = (look: Look, bucket: Resource<{ bucket?: string }>, arn: (short: string) => string[]) => {
  const short = look.topology.storage.buckets.find((name) => look.site?.names.bucket(name) === bucket.props.bucket) ?? "";
  return about(look, bucket, BUCKET_REPLICATION).flatMap((replication) =>
    replication.props.rules.flatMap((rule, i) => (arn(short).includes(rule.destination.bucket) ? [{ replication, rule, i }] : [])),
  );
};

export const archived: Rule = {
  name: "replicated-to-archive",
  theme,
  description:
    "Each bucket of the service is copied to the archive of every cold site, deletions as markers, encrypted with that site's key",
  reason: "With both regions lost, the archive is all that there is.",
  fix: "Leave the rules to the Storage component.",
  controls: ["iso27001 A.8.13", "gdpr 32"],
  check: (look) => {
    const { site, topology, names } = look;
    if (!site) return [];
    const cold = sitesThatAre("cold", topology).filter((other) => other !== site.name);
    const data = bucketsOf(look).filter((bucket) => useOf(look, bucket) === "data");
    return cold.flatMap((other) =>
      look.each(data, (bucket) => {
        const found = rulesTo(look, bucket, (short) => [names.site(other).archiveArn(short)]);
        if (found.length === 0) return [unless(false, bucket, "replication", undefined, `a rule that copies to ${other}'s archive`)];
        return found.flatMap(({ replication, rule, i }) => ruleFindings(replication as Resource, rule, i));
      }),
    );
  },
};

export const protectedBy: Rule = {
  name: "replicated-to-standby",
  theme,
  description: "Each bucket of an active site is copied to a warm site",
  reason: "A failover would find objects missing that the database speaks of.",
  fix: "changeover reprotect; it sets changeover:protectedBy.",
  // A failover leaves it so until the site is protected again, and must not be held up by it.
  enforcementLevel: "advisory",
  controls: ["iso27001 A.8.14", "gdpr 32"],
  check: (look) => {
    const { site, topology, names } = look;
    if (!site || look.role !== "active") return [];
    const warm = sitesThatAre("warm", topology).filter((other) => other !== site.name);
    const data = bucketsOf(look).filter((bucket) => useOf(look, bucket) === "data");
    return look.each(data, (bucket) => {
      const found = rulesTo(look, bucket, (short) => warm.map((other) => names.site(other).bucketArn(short)));
      if (found.length === 0) return [unless(false, bucket, "replication", undefined, `a rule that copies to ${warm.join(" or ")}`)];
      return found.flatMap(({ replication, rule, i }) => ruleFindings(replication as Resource, rule, i));
    });
  },
};

interface CopyRule {
  status: string;
  deleteMarkerReplication?: { status: string } | undefined;
  sourceSelectionCriteria?: { sseKmsEncryptedObjects?: { status: string } | undefined } | undefined;
  destination: { encryptionConfiguration?: { replicaKmsKeyId: string } | undefined };
}

function ruleFindings(replication: Resource, rule: CopyRule, i: number): (Finding | undefined)[] {
  const { status, deleteMarkerReplication, sourceSelectionCriteria, destination } = rule;
  const markers = deleteMarkerReplication?.status;
  const encrypted = sourceSelectionCriteria?.sseKmsEncryptedObjects?.status;
  const key = destination.encryptionConfiguration?.replicaKmsKeyId;
  return [
    unless(status === "Enabled", replication, `rules.${i}.status`, status, "Enabled"),
    unless(markers === "Enabled", replication, `rules.${i}.deleteMarkerReplication.status`, markers, "Enabled"),
    unless(encrypted === "Enabled", replication, `rules.${i}.sourceSelectionCriteria.sseKmsEncryptedObjects.status`, encrypted, "Enabled"),
    unless(
      key?.startsWith("arn:aws:kms:") === true,
      replication,
      `rules.${i}.destination.encryptionConfiguration.replicaKmsKeyId`,
      key,
      "a key of the other site",
    ),
  ];
}

export const threeTwoOne: Rule = {
  name: "backups-3-2-1",
  theme,
  description:
    "The active database has three copies of two kinds, one of them off-site: its own log, snapshots, and their copies at each cold site",
  reason: "A copy that shares its region, or its kind of failure, with the original is gone with it.",
  fix: "Leave the plan to the BackupPlan component; backups.* have the times.",
  controls: ["iso27001 A.8.13", "gdpr 32"],
  config: { coldDays: { type: "integer", minimum: 1, maximum: 365 } },
  check: (look) => {
    const { site, topology, names } = look;
    if (!site || look.role !== "active") return [];
    const cold = sitesThatAre("cold", topology).filter((other) => other !== site.name);
    const plans = look.all(BACKUP_PLAN);
    const selections = look.all(BACKUP_SELECTION);
    const { retention } = topology.backups;
    const coldDays = look.option("coldDays", topology.backups.coldRetention / DAY);
    return [
      ...look.each(look.databases.live, (database) => {
        const days = database.props.backupRetentionPeriod;
        return [
          unless(
            Number(days) * DAY >= topology.database.backupRetention,
            database,
            "backupRetentionPeriod",
            days,
            `${topology.database.backupRetention / DAY} or more`,
          ),
        ];
      }),
      ...(plans.length === 0 ? [{ path: "backup-plan", is: undefined, mayBe: "a backup plan" }] : []),
      ...(plans.length > selections.length
        ? [{ path: "backup-selection", is: undefined, mayBe: "a selection of the database for the plan" }]
        : []),
      ...look.each(selections, (selection) => {
        const all = look.databases.live.every(
          (database) =>
            selection.dependencies["resources"]?.includes(database.urn) === true ||
            selection.props.resources?.some((arn) => arn.includes(database.props.identifier ?? "?")) === true,
        );
        return [unless(all, selection, "resources", selection.props.resources, "the site's live database")];
      }),
      ...look.each(plans, (plan) =>
        plan.props.rules.flatMap((rule, i) => {
          const kept = rule.lifecycle?.deleteAfter;
          return [
            unless((kept ?? 0) * DAY >= retention, plan, `rules.${i}.lifecycle.deleteAfter`, kept, `${retention / DAY} or more`),
            ...cold.map((other) => {
              const copy = rule.copyActions?.find(({ destinationVaultArn }) => destinationVaultArn === names.site(other).vaultArn);
              const days = copy?.lifecycle?.deleteAfter;
              return unless(
                (days ?? 0) >= coldDays,
                plan,
                `rules.${i}.copyActions`,
                days ?? copy,
                `a copy in ${other}'s vault that is kept ${coldDays} days or more`,
              );
            }),
          ];
        }),
      ),
    ];
  },
};

export const vaultsLocked: Rule = {
  name: "vaults-locked",
  theme,
  description: "Vaults are encrypted with the site's key and locked: nothing in them goes before its time",
  reason: "Whoever takes an account over deletes the backups first.",
  fix: "Leave the vault to the Backups component; backups.retention has the time.",
  controls: ["iso27001 A.8.13", "pci_dss 3.5"],
  check: (look) =>
    look.each(look.all(VAULT), (vault) => {
      const locks = look
        .all(VAULT_LOCK)
        .filter((lock) => look.leadsTo(lock as Resource, "backupVaultName", vault as Resource, () => [vault.props.name]));
      const least = look.topology.backups.retention / DAY;
      return [
        unless(
          ownKey(look, vault, "kmsKeyArn", vault.dependencies["kmsKeyArn"] ? undefined : vault.props.kmsKeyArn),
          vault,
          "kmsKeyArn",
          undefined,
          "the site's key",
        ),
        unless(
          vault.props.name === look.site?.names.vault,
          vault,
          "name",
          vault.props.name,
          `${look.site?.names.vault ?? ""}, which copies go to`,
        ),
        unless(locks.length > 0, vault, "lock", undefined, "a VaultLockConfiguration"),
        ...locks.map((lock) =>
          unless(
            (lock.props.minRetentionDays ?? 0) >= least,
            lock as Resource,
            "minRetentionDays",
            lock.props.minRetentionDays,
            `${least} or more`,
          ),
        ),
      ];
    }),
};

export const keysRotated: Rule = {
  name: "keys-kept",
  theme,
  description: "Keys are renewed each year, and one that is deleted can be had back for 30 days",
  reason: "Without its key a copy is noise; a key that was deleted takes every copy with it.",
  fix: "Leave the key to the Keys component.",
  controls: ["pci_dss 3.5", "gdpr 32"],
  check: (look) =>
    look.each(look.all(KEY), (key) => {
      const { enableKeyRotation, deletionWindowInDays, isEnabled } = key.props;
      return [
        unless(enableKeyRotation === true, key, "enableKeyRotation", enableKeyRotation, "true"),
        unless((deletionWindowInDays ?? 30) >= 30, key, "deletionWindowInDays", deletionWindowInDays, "30"),
        unless(isEnabled !== false, key, "isEnabled", isEnabled, "true"),
      ];
    }),
};
