import { parseXML } from "@aws-sdk/xml-builder";
import { awsError } from "../errors";
import type { AwsRequest, AwsResponse, Mend } from "../mend";
import { decide, isPublic, parsePolicy, type Access, type Decision, type Policy } from "./policy";

interface BucketState {
  policy?: { text: string; document: Policy };
  blockPublicPolicy?: boolean;
  restrictPublicBuckets?: boolean;
}

/** Whatever its policy says, the bucket's account can always repair it. */
const ALWAYS_OWNERS = new Set(["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", "GetBucketPolicyStatus", "CreateBucket"]);

/**
 * Bucket policies and the block of public ones. moto ignores conditions and principals, so that one denial of plain HTTP would lock everyone out;
 * here the gateway decides, and moto only gets a policy without denials.
 * @param caller ARN of whoever signs; the lab does not tell its callers apart
 */
export function bucketPolicies(caller: string): Mend {
  const buckets = new Map<string, BucketState>();

  const judge = (request: AwsRequest, state: BucketState | undefined, action: string, resource: string): Decision => {
    if (!state?.policy) return "neutral";
    return decide(state.policy.document, { action, resource, ...(request.signed ? { caller } : {}), context: contextOf(request, caller) });
  };

  const refusal = (request: AwsRequest, state: BucketState | undefined): AwsResponse | undefined => {
    const { bucket, key } = request.parameters;
    if (bucket === undefined || (request.signed && ALWAYS_OWNERS.has(request.action))) return undefined;
    const action = iamAction(request);
    const decision = judge(request, state, action, `arn:aws:s3:::${bucket}${key === undefined ? "" : `/${key}`}`);
    if (decision === "denied") return awsError(request, 403, "AccessDenied", `Access Denied: the policy of ${bucket} denies ${action}`);
    if (request.signed) return undefined;
    const shut = state?.restrictPublicBuckets === true && state.policy !== undefined && isPublic(state.policy.document);
    return decision === "allowed" && !shut ? undefined : awsError(request, 403, "AccessDenied", "Access Denied");
  };

  return {
    service: "s3",
    async request(request) {
      const state = buckets.get(request.parameters["bucket"] ?? "");
      const refused = refusal(request, state);
      if (refused) return refused;
      if (request.action === "GetBucketPolicyStatus" && state?.policy) {
        const body = `<PolicyStatus xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsPublic>${isPublic(state.policy.document)}</IsPublic></PolicyStatus>`;
        return { status: 200, headers: { "content-type": "application/xml" }, body: Buffer.from(body) };
      }
      if (request.action !== "PutBucketPolicy") return undefined;
      let document: Policy;
      try {
        document = parsePolicy(request.body.toString("utf8"));
      } catch (error) {
        return awsError(
          request,
          400,
          "MalformedPolicy",
          error instanceof SyntaxError ? "Policies must be valid JSON and the first byte must be '{'" : String(error),
        );
      }
      if (state?.blockPublicPolicy === true && isPublic(document)) {
        const reason = "because public policies are blocked by the BlockPublicPolicy block public access setting.";
        return awsError(request, 403, "AccessDenied", `User: ${caller} is not authorized to perform: s3:PutBucketPolicy ${reason}`);
      }
      const harmless = { ...document, Statement: document.Statement.filter((s) => s.Effect === "Allow") };
      return await Promise.resolve({ ...request, headers: withoutDigests(request.headers), body: Buffer.from(JSON.stringify(harmless)) });
    },
    async response(request, response) {
      const { bucket } = request.parameters;
      if (bucket === undefined) return undefined;
      const state = buckets.get(bucket);
      if (response.status < 300) record(buckets, bucket, request);
      if (request.action === "GetBucketPolicy" && response.status === 200 && state?.policy) {
        return { ...response, headers: { "content-type": "application/json" }, body: Buffer.from(state.policy.text) };
      }
      // Who may not list does not learn that a key is absent.
      const absent = response.status === 404 && !request.signed && /^(Get|Head)Object$/.test(request.action);
      if (absent && judge(request, state, "s3:ListBucket", `arn:aws:s3:::${bucket}`) !== "allowed") {
        return await Promise.resolve(awsError(request, 403, "AccessDenied", "Access Denied"));
      }
      return undefined;
    },
  };
}

function record(buckets: Map<string, BucketState>, bucket: string, request: AwsRequest): void {
  const state = buckets.get(bucket) ?? {};
  switch (request.action) {
    case "PutBucketPolicy": {
      const text = request.body.toString("utf8");
      state.policy = { text, document: parsePolicy(text) };
      break;
    }
    case "DeleteBucketPolicy":
      delete state.policy;
      break;
    case "PutPublicAccessBlock": {
      const block = (parseXML(request.body.toString("utf8")) as { PublicAccessBlockConfiguration?: Record<string, string> })
        .PublicAccessBlockConfiguration;
      state.blockPublicPolicy = block?.["BlockPublicPolicy"]?.toLowerCase() === "true";
      state.restrictPublicBuckets = block?.["RestrictPublicBuckets"]?.toLowerCase() === "true";
      break;
    }
    case "DeletePublicAccessBlock":
      state.blockPublicPolicy = state.restrictPublicBuckets = false;
      break;
    case "DeleteBucket":
      buckets.delete(bucket);
      return;
    default:
      return;
  }
  buckets.set(bucket, state);
}

/** Digests of the body as the client sent it. */
function withoutDigests(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "content-md5" && !name.startsWith("x-amz-checksum-")));
}

/** The permission that an action needs, where it is not called the same. */
function iamAction({ action, parameters }: AwsRequest): string {
  const version = parameters["versionId"] === undefined ? "" : "Version";
  const permission: Record<string, string> = {
    GetObject: `GetObject${version}`,
    HeadObject: `GetObject${version}`,
    DeleteObject: `DeleteObject${version}`,
    DeleteObjects: "DeleteObject",
    CopyObject: "PutObject",
    CreateMultipartUpload: "PutObject",
    UploadPart: "PutObject",
    UploadPartCopy: "PutObject",
    CompleteMultipartUpload: "PutObject",
    PostObject: "PutObject",
    ListObjects: "ListBucket",
    ListObjectsV2: "ListBucket",
    HeadBucket: "ListBucket",
    ListObjectVersions: "ListBucketVersions",
    GetBucketLifecycleConfiguration: "GetLifecycleConfiguration",
    PutBucketLifecycleConfiguration: "PutLifecycleConfiguration",
    GetBucketReplication: "GetReplicationConfiguration",
    PutBucketReplication: "PutReplicationConfiguration",
    GetBucketEncryption: "GetEncryptionConfiguration",
    PutBucketEncryption: "PutEncryptionConfiguration",
    GetPublicAccessBlock: "GetBucketPublicAccessBlock",
    PutPublicAccessBlock: "PutBucketPublicAccessBlock",
  };
  return `s3:${permission[action] ?? action}`;
}

function contextOf(request: AwsRequest, caller: string): Access["context"] {
  const { parameters, headers, signed, sourceAddress } = request;
  const context: Access["context"] = {
    // The lab's plain endpoints stand for AWS's TLS ones.
    "aws:securetransport": "true",
    "s3:tlsversion": "1.3",
    "aws:sourceip": sourceAddress,
    "aws:useragent": headers["user-agent"] ?? null,
    "aws:referer": headers["referer"] ?? null,
    "aws:principalarn": signed ? caller : null,
    "aws:principalaccount": signed ? (caller.split(":")[4] ?? null) : null,
    "aws:principaltype": signed ? "Account" : "Anonymous",
    "aws:viaawsservice": "false",
    "aws:principalisawsservice": "false",
    "s3:versionid": parameters["versionId"] ?? null,
    "s3:prefix": parameters["prefix"] ?? null,
  };
  for (const name of ["acl", "server-side-encryption", "server-side-encryption-aws-kms-key-id", "storage-class", "object-ownership"]) {
    context[`s3:x-amz-${name}`] = headers[`x-amz-${name}`] ?? null;
  }
  return context;
}
