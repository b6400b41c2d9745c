/** S3 names its actions by method and subresource; this is that table. Pure. */

const BUCKET: Record<string, Record<string, string>> = {
  GET: {
    acl: "GetBucketAcl",
    accelerate: "GetBucketAccelerateConfiguration",
    cors: "GetBucketCors",
    encryption: "GetBucketEncryption",
    lifecycle: "GetBucketLifecycleConfiguration",
    location: "GetBucketLocation",
    logging: "GetBucketLogging",
    notification: "GetBucketNotificationConfiguration",
    "object-lock": "GetObjectLockConfiguration",
    ownershipControls: "GetBucketOwnershipControls",
    policy: "GetBucketPolicy",
    policyStatus: "GetBucketPolicyStatus",
    publicAccessBlock: "GetPublicAccessBlock",
    replication: "GetBucketReplication",
    requestPayment: "GetBucketRequestPayment",
    tagging: "GetBucketTagging",
    versioning: "GetBucketVersioning",
    versions: "ListObjectVersions",
    uploads: "ListMultipartUploads",
    website: "GetBucketWebsite",
    inventory: "ListBucketInventoryConfigurations",
    metrics: "ListBucketMetricsConfigurations",
    "list-type": "ListObjectsV2",
    "": "ListObjects",
  },
  PUT: {
    acl: "PutBucketAcl",
    accelerate: "PutBucketAccelerateConfiguration",
    cors: "PutBucketCors",
    encryption: "PutBucketEncryption",
    lifecycle: "PutBucketLifecycleConfiguration",
    logging: "PutBucketLogging",
    notification: "PutBucketNotificationConfiguration",
    "object-lock": "PutObjectLockConfiguration",
    ownershipControls: "PutBucketOwnershipControls",
    policy: "PutBucketPolicy",
    publicAccessBlock: "PutPublicAccessBlock",
    replication: "PutBucketReplication",
    requestPayment: "PutBucketRequestPayment",
    tagging: "PutBucketTagging",
    versioning: "PutBucketVersioning",
    website: "PutBucketWebsite",
    inventory: "PutBucketInventoryConfiguration",
    metrics: "PutBucketMetricsConfiguration",
    "": "CreateBucket",
  },
  DELETE: {
    cors: "DeleteBucketCors",
    encryption: "DeleteBucketEncryption",
    lifecycle: "DeleteBucketLifecycle",
    ownershipControls: "DeleteBucketOwnershipControls",
    policy: "DeleteBucketPolicy",
    publicAccessBlock: "DeletePublicAccessBlock",
    replication: "DeleteBucketReplication",
    tagging: "DeleteBucketTagging",
    website: "DeleteBucketWebsite",
    inventory: "DeleteBucketInventoryConfiguration",
    metrics: "DeleteBucketMetricsConfiguration",
    "": "DeleteBucket",
  },
  POST: { delete: "DeleteObjects", "": "PostObject" },
  HEAD: { "": "HeadBucket" },
};

const OBJECT: Record<string, Record<string, string>> = {
  GET: {
    acl: "GetObjectAcl",
    attributes: "GetObjectAttributes",
    "legal-hold": "GetObjectLegalHold",
    retention: "GetObjectRetention",
    tagging: "GetObjectTagging",
    uploadId: "ListParts",
    "": "GetObject",
  },
  PUT: {
    acl: "PutObjectAcl",
    "legal-hold": "PutObjectLegalHold",
    retention: "PutObjectRetention",
    tagging: "PutObjectTagging",
    uploadId: "UploadPart",
    "": "PutObject",
  },
  POST: {
    uploads: "CreateMultipartUpload",
    uploadId: "CompleteMultipartUpload",
    restore: "RestoreObject",
    select: "SelectObjectContent",
    "": "PostObject",
  },
  DELETE: { tagging: "DeleteObjectTagging", uploadId: "AbortMultipartUpload", "": "DeleteObject" },
  HEAD: { "": "HeadObject" },
};

/** @param path what kind of path it is: service (`/`), bucket (`/b`) or object (`/b/key`) */
export function s3Action(method: string, path: "service" | "bucket" | "object", query: URLSearchParams, copies: boolean): string {
  if (path === "service") return "ListBuckets";
  const table = (path === "bucket" ? BUCKET : OBJECT)[method] ?? {};
  const subresource = Object.keys(table).find((name) => name !== "" && query.has(name)) ?? "";
  const action = table[subresource];
  if (action === undefined) return `${method} ${path}`;
  if (copies && action === "PutObject") return "CopyObject";
  if (copies && action === "UploadPart") return "UploadPartCopy";
  return action;
}

/** Bucket in a virtual host (`b.s3.eu-west-1.amazonaws.com`, `b.s3.amazonaws.com`) and region, each where the host has one. */
export function s3Host(host: string): { bucket?: string; region?: string } | undefined {
  const match = /^(?:(.+)\.)?s3(?:[.-]([a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?::\d+)?$/i.exec(host);
  if (!match) return undefined;
  return { ...(match[1] === undefined ? {} : { bucket: match[1] }), ...(match[2] === undefined ? {} : { region: match[2] }) };
}
