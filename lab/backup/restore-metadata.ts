import type { DBInstance, RestoreDBInstanceFromDBSnapshotMessage } from "@aws-sdk/client-rds";
import { BackupFault, given } from "./fault";

/** Settings that a recovery point of RDS is restored with, as AWS Backup writes them: texts, and lists as JSON. */
export function restoreMetadata(instance: DBInstance): Record<string, string> {
  const settings: Record<string, string | number | boolean | undefined> = {
    DBInstanceIdentifier: instance.DBInstanceIdentifier,
    DBInstanceClass: instance.DBInstanceClass,
    Engine: instance.Engine,
    AvailabilityZone: instance.AvailabilityZone,
    MultiAZ: instance.MultiAZ,
    DBSubnetGroupName: instance.DBSubnetGroup?.DBSubnetGroupName,
    VpcSecurityGroupIds: JSON.stringify((instance.VpcSecurityGroups ?? []).map(({ VpcSecurityGroupId }) => VpcSecurityGroupId)),
    DBParameterGroupName: instance.DBParameterGroups?.[0]?.DBParameterGroupName,
    Port: instance.Endpoint?.Port,
    StorageType: instance.StorageType,
    AutoMinorVersionUpgrade: instance.AutoMinorVersionUpgrade,
    CopyTagsToSnapshot: instance.CopyTagsToSnapshot,
    DeletionProtection: instance.DeletionProtection,
    PubliclyAccessible: instance.PubliclyAccessible,
  };
  return Object.fromEntries(Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

const TEXTS = ["DBInstanceClass", "AvailabilityZone", "DBSubnetGroupName", "DBParameterGroupName", "StorageType", "Engine"] as const;
const FLAGS = ["MultiAZ", "AutoMinorVersionUpgrade", "CopyTagsToSnapshot", "DeletionProtection", "PubliclyAccessible"] as const;
const KNOWN = new Set<string>(["DBInstanceIdentifier", "VpcSecurityGroupIds", "Port", ...TEXTS, ...FLAGS]);

/**
 * A restore job's metadata as the request that it makes of RDS.
 * @throws BackupFault for settings that are missing, unknown or wrong
 */
export function restoreRequest(snapshot: string, metadata: Record<string, string>): RestoreDBInstanceFromDBSnapshotMessage {
  const refuse = (message: string): never => {
    throw new BackupFault("InvalidParameterValueException", message);
  };
  for (const name of Object.keys(metadata)) {
    if (!KNOWN.has(name)) refuse(`The lab restores no setting ${name}; it does: ${[...KNOWN].join(", ")}.`);
  }
  const flag = (name: string, value: string): boolean =>
    /^(true|false)$/.test(value) ? value === "true" : refuse(`${name} is ${JSON.stringify(value)}; it may be true or false.`);
  const groups = metadata["VpcSecurityGroupIds"];
  const port = metadata["Port"];
  return {
    DBSnapshotIdentifier: snapshot,
    DBInstanceIdentifier: given(metadata["DBInstanceIdentifier"], "Metadata.DBInstanceIdentifier"),
    ...Object.fromEntries(TEXTS.flatMap((name) => (metadata[name] === undefined ? [] : [[name, metadata[name]]]))),
    ...Object.fromEntries(FLAGS.flatMap((name) => (metadata[name] === undefined ? [] : [[name, flag(name, metadata[name])]]))),
    ...(groups === undefined
      ? {}
      : { VpcSecurityGroupIds: groupsOf(groups) ?? refuse(`VpcSecurityGroupIds is ${groups}; it may be a JSON list.`) }),
    ...(port === undefined ? {} : { Port: Number(port) }),
  };
}

function groupsOf(text: string): string[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === "string") ? list : undefined;
  } catch {
    return undefined;
  }
}
