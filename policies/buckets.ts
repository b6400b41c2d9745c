import { BUCKET, type Kind } from "./kinds";
import type { Look, Resource } from "./look";

type Bucket = Resource<{ bucket?: string; objectLockEnabled?: boolean }>;

/**
 * What a resource of its own says of a bucket: it leads there by what its `bucket` is made of, or by the name alone.
 * The checks of other packs miss it, and call a bucket bare that is not.
 */
export function about<Props>(look: Look, bucket: Bucket, kind: Kind<Props>): Resource<Props>[] {
  return look.all(kind).filter((one) => look.leadsTo(one as Resource, "bucket", bucket as Resource, () => [bucket.props.bucket]));
}

export function bucketsOf(look: Look): Bucket[] {
  return look.all(BUCKET) as Bucket[];
}

/** What a bucket is for, by its name. */
export type Use = "data" | "archive" | "switch" | "control" | "audit" | "unknown";

export function useOf({ names, site, topology }: Look, { props: { bucket } }: Bucket): Use {
  if (bucket === names.auditBucket) return "audit";
  if (!site) return "unknown";
  const { buckets } = topology.storage;
  if (bucket === site.names.switchBucket) return "switch";
  if (bucket === site.names.controlBucket) return "control";
  if (buckets.some((short) => bucket === site.names.bucket(short))) return "data";
  if (buckets.some((short) => bucket === site.names.archive(short))) return "archive";
  return "unknown";
}
