import { HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { parseXML } from "@aws-sdk/xml-builder";
import { RETRIEVAL_TIERS, type RetrievalTier } from "../../topology/archive";
import { awsError } from "../gateway/errors";
import type { AwsRequest, AwsResponse, Mend } from "../gateway/mend";
import { isArchiveClass, restoreHeader, type Archived, type Archives } from "./archive";
import type { VersionOf } from "./statuses";

const CLASS_HEADER = "x-amz-storage-class";
/** moto wants it of a copy into a bucket with a lock, as S3 does of an upload; a copy has no content to sum up. */
export const CHECKSUM = { "x-amz-sdk-checksum-algorithm": "CRC32" };
const NOT_ACTIVE = "The source object of the COPY action is not in the active tier and is only stored in Amazon S3 Glacier.";

interface RestoreXml {
  RestoreRequest?: { Days?: string; Tier?: string; GlacierJobParameters?: { Tier?: string } };
}

/**
 * Archive classes as S3 has them. moto keeps all objects in its standard class: there a retrieval would be done at once, and a transition
 * would be a new version. It ignores the conditions of a copy, too, and asks it for a checksum.
 */
export function archiveMend(archives: Archives, s3: S3Client): Mend {
  /** Classes of multipart uploads under way, by upload id. */
  const uploads = new Map<string, string>();

  /** The version that a request means; `undefined` where there is no such object. */
  const versionOf = async (
    bucket: string,
    key: string,
    versionId: string | undefined,
  ): Promise<(VersionOf & { etag: string }) | undefined> => {
    try {
      const named = versionId === undefined ? {} : { VersionId: versionId };
      const { VersionId, ETag = "" } = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ...named }));
      return { bucket, key, versionId: VersionId, etag: ETag };
    } catch {
      return undefined;
    }
  };

  const copyRefused = async (request: AwsRequest): Promise<AwsResponse | undefined> => {
    const { bucket = "", key = "" } = request.parameters;
    const { "if-none-match": absent, "if-match": expected } = request.headers;
    if (request.action === "CopyObject" && (absent !== undefined || expected !== undefined)) {
      const there = await versionOf(bucket, key, undefined);
      if (absent !== undefined ? there !== undefined : there?.etag !== expected) {
        return awsError(request, 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
      }
    }
    const source = sourceOf(request.headers["x-amz-copy-source"] ?? "");
    if (!archives.has(source.bucket)) return undefined;
    const version = await versionOf(source.bucket, source.key, source.versionId);
    if (!version || (archives.of(version)?.readable ?? true)) return undefined;
    return awsError(request, 403, "ObjectNotInActiveTierError", NOT_ACTIVE);
  };

  const restore = async (request: AwsRequest): Promise<AwsResponse | undefined> => {
    const { bucket = "", key = "", versionId } = request.parameters;
    const asked = (parseXML(request.body.toString("utf8")) as RestoreXml).RestoreRequest;
    const tier = asked?.GlacierJobParameters?.Tier ?? asked?.Tier ?? "Standard";
    const version = await versionOf(bucket, key, versionId);
    // moto says what is not there.
    if (!version) return undefined;
    if (!isTier(tier)) return awsError(request, 400, "MalformedXML", `Tier is ${tier}; it may be ${RETRIEVAL_TIERS.join(", ")}`);
    const answer = archives.retrieve(version, tier, Number(asked?.Days ?? 1));
    if (!answer.ok) return awsError(request, answer.status, answer.code, answer.message);
    return { status: answer.status, headers: {}, body: Buffer.alloc(0) };
  };

  /** What was written is in the class that it was written with. */
  const written = (request: AwsRequest, response: AwsResponse): void => {
    const { bucket = "", key = "", uploadId } = request.parameters;
    const storageClass = request.action === "CompleteMultipartUpload" ? uploads.get(uploadId ?? "") : request.headers[CLASS_HEADER];
    const version = { bucket, key, versionId: header(response, "x-amz-version-id") };
    if (isArchiveClass(storageClass)) archives.set(version, storageClass);
    else archives.forget(version);
    if (uploadId !== undefined) uploads.delete(uploadId);
  };

  const read = (request: AwsRequest, response: AwsResponse): AwsResponse | undefined => {
    const { bucket = "", key = "", versionId } = request.parameters;
    const archived = archives.of({ bucket, key, versionId: versionId ?? header(response, "x-amz-version-id") });
    if (!archived) return undefined;
    if (request.action === "GetObject" && !archived.readable) {
      return awsError(request, 403, "InvalidObjectState", "The operation is not valid for the object's storage class");
    }
    const restored = restoreHeader(archived);
    const headers = { ...response.headers, [CLASS_HEADER]: archived.storageClass };
    return { ...response, headers: restored === undefined ? headers : { ...headers, "x-amz-restore": restored } };
  };

  const listed = async (request: AwsRequest, response: AwsResponse): Promise<AwsResponse> => {
    const { bucket = "" } = request.parameters;
    const withRetrieval = (request.headers["x-amz-optional-object-attributes"] ?? "").includes("RestoreStatus");
    const text = response.body.toString("utf8");
    const encoded = text.includes("<EncodingType>url</EncodingType>");
    const parts = text.split(/(<(?:Contents|Version)>.*?<\/(?:Contents|Version)>)/s);
    const mended = parts.map(async (part) => {
      const { Contents, Version } = /^<(Contents|Version)>/.test(part) ? (parseXML(part) as Record<string, Entry | undefined>) : {};
      const entry = Contents ?? Version;
      if (!entry) return part;
      const key = encoded ? decodeURIComponent(entry.Key.replaceAll("+", " ")) : entry.Key;
      const version = Version ? { bucket, key, versionId: entry.VersionId } : await versionOf(bucket, key, undefined);
      const archived = version && archives.of(version);
      if (!archived) return part;
      const retrieval = withRetrieval ? retrievalXml(archived) : "";
      return part.replace(/<StorageClass>.*?<\/StorageClass>/, `<StorageClass>${archived.storageClass}</StorageClass>${retrieval}`);
    });
    return { ...response, body: Buffer.from((await Promise.all(mended)).join("")) };
  };

  return {
    service: "s3",
    async request(request) {
      switch (request.action) {
        case "RestoreObject":
          return await restore(request);
        case "UploadPartCopy":
          return await copyRefused(request);
        case "CopyObject":
          return (await copyRefused(request)) ?? withChecksum(withoutClass(request));
        case "PutObject":
        case "CreateMultipartUpload":
          return withoutClass(request);
        default:
          return undefined;
      }
    },
    async response(request, response) {
      if (response.status >= 300) return undefined;
      const { bucket = "", key = "", versionId } = request.parameters;
      switch (request.action) {
        case "PutObject":
        case "CopyObject":
        case "CompleteMultipartUpload":
          written(request, response);
          return undefined;
        case "CreateMultipartUpload": {
          const id = /<UploadId>(.*?)<\/UploadId>/.exec(response.body.toString("utf8"))?.[1];
          const storageClass = request.headers[CLASS_HEADER];
          if (id !== undefined && storageClass !== undefined) uploads.set(id, storageClass);
          return undefined;
        }
        case "DeleteObject":
          if (versionId !== undefined) archives.forget({ bucket, key, versionId });
          return undefined;
        case "GetObject":
        case "HeadObject":
          return read(request, response);
        case "ListObjects":
        case "ListObjectsV2":
        case "ListObjectVersions":
          return archives.has(bucket) ? await listed(request, response) : undefined;
        default:
          return undefined;
      }
    },
  };
}

interface Entry {
  Key: string;
  VersionId?: string;
}

function isTier(value: string): value is RetrievalTier {
  return (RETRIEVAL_TIERS as readonly string[]).includes(value);
}

function withoutClass(request: AwsRequest): AwsRequest {
  const { [CLASS_HEADER]: storageClass, ...headers } = request.headers;
  return isArchiveClass(storageClass) ? { ...request, headers } : request;
}

function withChecksum(request: AwsRequest): AwsRequest {
  return { ...request, headers: { ...request.headers, ...CHECKSUM } };
}

function sourceOf(copySource: string): { bucket: string; key: string; versionId: string | undefined } {
  const [path = "", query = ""] = copySource.split("?");
  const [bucket = "", ...key] = decodeURIComponent(path).replace(/^\//, "").split("/");
  return { bucket, key: key.join("/"), versionId: new URLSearchParams(query).get("versionId") ?? undefined };
}

function header(response: AwsResponse, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === "string" ? value : undefined;
}

function retrievalXml({ retrieval }: Archived): string {
  if (!retrieval) return "";
  const expiry = retrieval.ongoing ? "" : `<RestoreExpiryDate>${new Date(retrieval.until).toISOString()}</RestoreExpiryDate>`;
  return `<RestoreStatus><IsRestoreInProgress>${retrieval.ongoing}</IsRestoreInProgress>${expiry}</RestoreStatus>`;
}
