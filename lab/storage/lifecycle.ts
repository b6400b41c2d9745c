import { ListObjectVersionsCommand, type ListObjectVersionsCommandOutput, type S3Client } from "@aws-sdk/client-s3";
import { ARCHIVE_CLASSES } from "../../topology/archive";
import { isArchiveClass, type Archives } from "./archive";
import type { Transition } from "./rules";

/** moto's times have no fractions of a second; nothing is moved before its time for that. */
const FRACTION_MS = 999;

/** A version as a bucket lists it: a delete marker has no size. */
interface Listed {
  key: string;
  versionId: string | undefined;
  at: number;
  bytes?: number;
}

/**
 * Moves the versions of a bucket that have reached their age to the class of their transition.
 * @param dayMs how long a day of S3's lasts
 * @returns how many were moved
 */
export async function runTransitions(
  s3: S3Client,
  archives: Archives,
  bucket: string,
  transitions: Transition[],
  dayMs: number,
): Promise<number> {
  const now = Date.now();
  let moved = 0;
  for (const versions of (await versionsByKey(s3, bucket)).values()) {
    versions.forEach(({ key, versionId, at, bytes }, i) => {
      if (bytes === undefined) return;
      // A version is noncurrent from the moment that the next one was made.
      const since = versions[i - 1]?.at;
      const due = transitions.filter(
        (t) =>
          t.enabled &&
          key.startsWith(t.prefix) &&
          bytes >= t.minimumBytes &&
          t.noncurrent === (since !== undefined) &&
          now - (since ?? at) >= t.days * dayMs,
      );
      const version = { bucket, key, versionId };
      const before = archives.of(version)?.storageClass;
      const to = ARCHIVE_CLASSES.findLast((name) => due.some(({ storageClass }) => storageClass === name));
      if (!isArchiveClass(to) || rank(to) <= rank(before)) return;
      archives.set(version, to);
      moved += 1;
    });
  }
  return moved;
}

/** From the warmest class on; a transition never leads back. */
function rank(storageClass: string | undefined): number {
  return (ARCHIVE_CLASSES as readonly (string | undefined)[]).indexOf(storageClass);
}

/** The newest first. */
async function versionsByKey(s3: S3Client, bucket: string): Promise<Map<string, Listed[]>> {
  const found = new Map<string, Listed[]>();
  let page: Partial<ListObjectVersionsCommandOutput> = {};
  do {
    const from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    page = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, ...from }));
    const markers = (page.DeleteMarkers ?? []).map((marker) => ({ ...marker, Size: undefined }));
    for (const { Key: key = "", VersionId: versionId, LastModified, Size } of [...(page.Versions ?? []), ...markers]) {
      const listed = { key, versionId, at: (LastModified?.getTime() ?? 0) + FRACTION_MS, ...(Size === undefined ? {} : { bytes: Size }) };
      found.set(key, [...(found.get(key) ?? []), listed]);
    }
  } while (page.IsTruncated === true);
  for (const versions of found.values()) versions.sort((a, b) => b.at - a.at);
  return found;
}
