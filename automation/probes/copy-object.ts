import type { CompletedPart, CopyObjectCommandInput, HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import type { Objects } from "../objects";

/** A version of an object. */
export interface CopySource {
  bucket: string;
  key: string;
  versionId: string;
  bytes: number;
}

/** CopyObject takes 5 GB at most (Amazon S3 API reference); what is larger is copied in parts, of which there may be 10,000. */
const LARGEST_COPY = 5 * 2 ** 30;
const PART_BYTES = 2 ** 30;

/** Codes of a condition that does not hold, or that somebody else has just changed. */
const CHANGED = new Set(["PreconditionFailed", "ConditionalRequestConflict"]);

/**
 * Copies a version of an object into another bucket under the same key, with metadata and tags. It is encrypted and locked as that bucket
 * does by default.
 * @param replaces ETag of what it replaces there; `undefined` where nothing is there
 * @param partBytes objects beyond `largest` bytes are copied in parts of this size
 * @returns false where something else is there by now: that stays
 */
export async function copyObject(
  objects: Objects,
  source: CopySource,
  to: string,
  replaces: string | undefined,
  { largest = LARGEST_COPY, partBytes = PART_BYTES } = {},
): Promise<boolean> {
  const { bucket, key, versionId } = source;
  const CopySource = `${bucket}/${key.split("/").map(encodeURIComponent).join("/")}?versionId=${encodeURIComponent(versionId)}`;
  const condition = replaces === undefined ? { IfNoneMatch: "*" } : { IfMatch: replaces };
  try {
    const target = { Bucket: to, Key: key };
    if (source.bytes > largest) await inParts(objects, source, { ...target, CopySource }, condition, partBytes);
    else await whole(objects, source, { ...target, CopySource, ...condition });
    return true;
  } catch (error) {
    if (CHANGED.has(((error as Error).cause as Error | undefined)?.name ?? "")) return false;
    throw error;
  }
}

type Target = Pick<CopyObjectCommandInput, "Bucket" | "Key" | "CopySource">;
interface Condition {
  IfMatch?: string;
  IfNoneMatch?: string;
}

async function whole(objects: Objects, { bucket, key }: CopySource, input: Target & Condition): Promise<void> {
  const { CopyObjectCommand } = await import("@aws-sdk/client-s3");
  const command = new CopyObjectCommand({ ...input, MetadataDirective: "COPY", TaggingDirective: "COPY" });
  await objects.attempt(`copy ${bucket}/${key} to ${input.Bucket ?? ""}`, (client, abortSignal) => client.send(command, { abortSignal }));
}

/** Metadata and tags have to be carried over by hand. A copy that fails leaves no parts behind. */
async function inParts(
  objects: Objects,
  { bucket, key, versionId, bytes }: CopySource,
  { CopySource, ...target }: Target,
  condition: Condition,
  partBytes: number,
): Promise<void> {
  const s3 = await import("@aws-sdk/client-s3");
  const from = { Bucket: bucket, Key: key, VersionId: versionId };
  const what = (step: string): string => `${step} of the copy of ${bucket}/${key} to ${target.Bucket ?? ""}`;
  const { UploadId } = await objects.attempt(what("begin"), async (client, abortSignal) => {
    const [head, { TagSet = [] }] = await Promise.all([
      client.send(new s3.HeadObjectCommand(from), { abortSignal }),
      client.send(new s3.GetObjectTaggingCommand(from), { abortSignal }),
    ]);
    const Tagging = new URLSearchParams(TagSet.map(({ Key = "", Value = "" }): [string, string] => [Key, Value])).toString();
    const command = new s3.CreateMultipartUploadCommand({ ...target, ...described(head), ...(Tagging !== "" && { Tagging }) });
    return client.send(command, { abortSignal });
  });
  const upload = { ...target, UploadId };
  try {
    const Parts: CompletedPart[] = [];
    for (let at = 0; at < bytes; at += partBytes) {
      const PartNumber = Parts.length + 1;
      const CopySourceRange = `bytes=${at}-${Math.min(at + partBytes, bytes) - 1}`;
      const command = new s3.UploadPartCopyCommand({ ...upload, CopySource, CopySourceRange, PartNumber });
      const { CopyPartResult } = await objects.attempt(what(`part ${PartNumber}`), (client, abortSignal) =>
        client.send(command, { abortSignal }),
      );
      Parts.push({ PartNumber, ETag: CopyPartResult?.ETag });
    }
    const complete = new s3.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, ...condition });
    await objects.attempt(what("end"), (client, abortSignal) => client.send(complete, { abortSignal }));
  } catch (error) {
    const abort = new s3.AbortMultipartUploadCommand(upload);
    await objects.attempt(what("withdrawal"), (client, abortSignal) => client.send(abort, { abortSignal })).catch(() => undefined);
    throw error;
  }
}

/** What describes an object beside its content. */
function described(head: HeadObjectCommandOutput): Partial<CopyObjectCommandInput> {
  const { CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType, ExpiresString, Metadata } = head;
  const { WebsiteRedirectLocation } = head;
  return {
    ...{ CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType, Metadata, WebsiteRedirectLocation },
    ...(ExpiresString !== undefined && { Expires: new Date(ExpiresString) }),
  };
}
