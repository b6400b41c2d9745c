import type { StorageClass } from "@aws-sdk/client-s3";
import { parseXML } from "@aws-sdk/xml-builder";

/** A rule of a bucket's replication configuration. */
export interface ReplicationRule {
  id: string;
  enabled: boolean;
  /** The higher wins where two rules copy to the same bucket. */
  priority: number;
  prefix: string;
  /** Tags that an object must have. */
  tags: Record<string, string>;
  deleteMarkers: boolean;
  destination: string;
  storageClass?: StorageClass;
  /** Whether objects that are encrypted with a key of KMS are copied at all. */
  encrypted: boolean;
  /** Key that the copies are encrypted with. */
  replicaKey?: string;
}

interface Xml {
  ReplicationConfiguration?: { Rule?: RuleXml | RuleXml[] };
}

interface RuleXml {
  ID?: string;
  Status?: string;
  Priority?: string;
  Prefix?: string;
  Filter?: { Prefix?: string; Tag?: TagXml; And?: { Prefix?: string; Tag?: TagXml | TagXml[] } } | "";
  DeleteMarkerReplication?: { Status?: string };
  SourceSelectionCriteria?: { SseKmsEncryptedObjects?: { Status?: string } };
  Destination?: { Bucket?: string; StorageClass?: StorageClass; EncryptionConfiguration?: { ReplicaKmsKeyID?: string } };
}

interface TagXml {
  Key: string;
  Value: string;
}

/** Rules of a `ReplicationConfiguration` document. Pure. */
export function parseRules(xml: string): ReplicationRule[] {
  return list((parseXML(xml) as Xml).ReplicationConfiguration?.Rule).map((rule, index) => {
    const filter = rule.Filter === "" || rule.Filter === undefined ? {} : rule.Filter;
    const tags = [...list(filter.Tag), ...list(filter.And?.Tag)];
    const replicaKey = rule.Destination?.EncryptionConfiguration?.ReplicaKmsKeyID;
    return {
      id: rule.ID ?? `rule-${index + 1}`,
      enabled: rule.Status === "Enabled",
      priority: Number(rule.Priority ?? 0),
      prefix: filter.Prefix ?? filter.And?.Prefix ?? rule.Prefix ?? "",
      tags: Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])),
      // The older schema, without Filter, always replicates delete markers.
      deleteMarkers: rule.Filter === undefined || rule.DeleteMarkerReplication?.Status === "Enabled",
      destination: (rule.Destination?.Bucket ?? "").replace(/^arn:aws:s3:::/, ""),
      ...(rule.Destination?.StorageClass === undefined ? {} : { storageClass: rule.Destination.StorageClass }),
      encrypted: rule.SourceSelectionCriteria?.SseKmsEncryptedObjects?.Status === "Enabled",
      ...(replicaKey === undefined ? {} : { replicaKey }),
    };
  });
}

/** Rules that a change of a key follows: one for each destination, the one of the highest priority. Delete markers ignore rules with tags. */
export function rulesFor(
  rules: ReplicationRule[],
  key: string,
  change: { kind: "object"; tags: Record<string, string> } | { kind: "marker" },
): ReplicationRule[] {
  const chosen = new Map<string, ReplicationRule>();
  for (const rule of rules) {
    if (!rule.enabled || !key.startsWith(rule.prefix)) continue;
    const tags = Object.entries(rule.tags);
    if (change.kind === "marker" ? !rule.deleteMarkers || tags.length > 0 : tags.some(([name, value]) => change.tags[name] !== value))
      continue;
    const other = chosen.get(rule.destination);
    if (!other || other.priority < rule.priority) chosen.set(rule.destination, rule);
  }
  return [...chosen.values()];
}

/** S3 leaves smaller objects where they are unless told otherwise. */
const LEAST_BYTES = 128 * 1024;

/** A transition that a lifecycle rule makes. */
export interface Transition {
  rule: string;
  enabled: boolean;
  prefix: string;
  /** Smaller objects stay where they are. */
  minimumBytes: number;
  storageClass: string;
  /** After creation; for `noncurrent`, after being replaced. */
  days: number;
  noncurrent: boolean;
}

interface LifecycleXml {
  LifecycleConfiguration?: { Rule?: LifecycleRuleXml | LifecycleRuleXml[] };
}

interface LifecycleRuleXml {
  ID?: string;
  Status?: string;
  Prefix?: string;
  Filter?: (LifecycleFilterXml & { Tag?: TagXml; And?: LifecycleFilterXml & { Tag?: TagXml | TagXml[] } }) | "";
  Transition?: { StorageClass: string; Days?: string } | { StorageClass: string; Days?: string }[];
  NoncurrentVersionTransition?: { StorageClass: string; NoncurrentDays?: string } | { StorageClass: string; NoncurrentDays?: string }[];
}

interface LifecycleFilterXml {
  Prefix?: string;
  ObjectSizeGreaterThan?: string;
}

/**
 * Transitions of a `LifecycleConfiguration` document. Pure.
 * @param minimum header of the request that put it: `varies_by_storage_class` lets small objects into Glacier, too
 * @throws for a rule by tags or by a largest size, which the lab does not run
 */
export function parseTransitions(xml: string, minimum = "all_storage_classes_128K"): Transition[] {
  return list((parseXML(xml) as LifecycleXml).LifecycleConfiguration?.Rule).flatMap((rule, index) => {
    const filter = rule.Filter === "" || rule.Filter === undefined ? {} : rule.Filter;
    const id = rule.ID ?? `rule-${index + 1}`;
    if (/Tag|ObjectSizeLessThan/.test(JSON.stringify(filter)))
      throw new Error(`lifecycle rule ${id}: the lab's filter knows a prefix and a least size`);
    const larger = filter.ObjectSizeGreaterThan ?? filter.And?.ObjectSizeGreaterThan;
    const base = {
      rule: id,
      enabled: rule.Status === "Enabled",
      prefix: filter.Prefix ?? filter.And?.Prefix ?? rule.Prefix ?? "",
      minimumBytes: larger !== undefined ? Number(larger) + 1 : minimum === "varies_by_storage_class" ? 0 : LEAST_BYTES,
    };
    return [
      ...list(rule.Transition).map((t) => ({ ...base, storageClass: t.StorageClass, days: Number(t.Days ?? 0), noncurrent: false })),
      ...list(rule.NoncurrentVersionTransition).map((t) => ({
        ...base,
        storageClass: t.StorageClass,
        days: Number(t.NoncurrentDays ?? 0),
        noncurrent: true,
      })),
    ];
  });
}

function list<T>(value: T | T[] | undefined): T[] {
  // An empty element is read as an empty text.
  if (value === undefined || (value as unknown) === "") return [];
  return Array.isArray(value) ? value : [value];
}
