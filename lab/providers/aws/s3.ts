import type * as aws from "@pulumi/aws";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketEncryptionCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketOwnershipControlsCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketReplicationCommand,
  DeleteBucketTaggingCommand,
  DeleteObjectCommand,
  DeletePublicAccessBlockCommand,
  GetBucketReplicationCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketReplicationCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  S3Client,
  type BucketLocationConstraint,
} from "@aws-sdk/client-s3";
import type { PropertySpec } from "../base";
import { camel, pascal, present, sameJson, unlessGone, type Aws, type AwsKind, type Plain } from "./aws";
import { tagList } from "./tags";

const s3 = (aws: Aws): S3Client => aws.client(S3Client);

/** Hosted zones of the S3 website endpoints (AWS General Reference). */
const HOSTED_ZONES: Record<string, string> = {
  "eu-north-1": "Z3BAZG2TWCNX0D",
  "eu-west-1": "Z1BKCTXD74EZPE",
  "us-east-1": "Z3AQBSTGFYJSTF",
};

const NO_BUCKET = "NoSuchBucket";

export const bucket: AwsKind<aws.s3.BucketArgs, aws.s3.BucketState> = {
  inputs: {
    bucket: { replace: true, autoName: { maxLength: 63 } },
    objectLockEnabled: { replace: true, computed: true },
    forceDestroy: {},
    tags: {},
  },
  outputs: ["arn", "bucketDomainName", "bucketRegionalDomainName", "bucketRegion", "hostedZoneId"],
  async create(aws, inputs, request) {
    const name = present(inputs.bucket, "bucket");
    await s3(aws).send(
      new CreateBucketCommand({
        Bucket: name,
        ObjectLockEnabledForBucket: inputs.objectLockEnabled,
        ...(aws.region === "us-east-1"
          ? {}
          : { CreateBucketConfiguration: { LocationConstraint: aws.region as BucketLocationConstraint } }),
      }),
    );
    request.exists(name);
    const TagSet = tagList(inputs.tagsAll);
    if (TagSet.length > 0) await s3(aws).send(new PutBucketTaggingCommand({ Bucket: name, Tagging: { TagSet } }));
    return {
      id: name,
      outputs: {
        arn: `arn:aws:s3:::${name}`,
        bucketDomainName: `${name}.s3.amazonaws.com`,
        bucketRegionalDomainName: `${name}.s3.${aws.region}.amazonaws.com`,
        bucketRegion: aws.region,
        hostedZoneId: HOSTED_ZONES[aws.region],
        forceDestroy: inputs.forceDestroy ?? false,
        objectLockEnabled: inputs.objectLockEnabled ?? false,
      },
    };
  },
  async update(aws, id, olds, news) {
    if (!sameJson(JSON.stringify(olds.tagsAll ?? {}), JSON.stringify(news.tagsAll ?? {}))) {
      const TagSet = tagList(news.tagsAll);
      if (TagSet.length > 0) await s3(aws).send(new PutBucketTaggingCommand({ Bucket: id, Tagging: { TagSet } }));
      else await s3(aws).send(new DeleteBucketTaggingCommand({ Bucket: id }));
    }
    return { forceDestroy: news.forceDestroy ?? false };
  },
  async delete(aws, id, outputs) {
    if (outputs.forceDestroy === true) await removeVersions(aws, id, "", true);
    await unlessGone(() => s3(aws).send(new DeleteBucketCommand({ Bucket: id })), NO_BUCKET);
  },
  async read(aws, id) {
    const found = await unlessGone(() => s3(aws).send(new HeadBucketCommand({ Bucket: id })), "NotFound", NO_BUCKET);
    return found === undefined ? undefined : { outputs: {} };
  },
};

/** Removes all versions and delete markers of the key, or of every key under the prefix. */
async function removeVersions(aws: Aws, name: string, prefix: string, all: boolean): Promise<void> {
  for (;;) {
    const page = await unlessGone(() => s3(aws).send(new ListObjectVersionsCommand({ Bucket: name, Prefix: prefix })), NO_BUCKET);
    const versions = [...(page?.Versions ?? []), ...(page?.DeleteMarkers ?? [])].filter(({ Key }) => all || Key === prefix);
    for (const { Key, VersionId } of versions) await s3(aws).send(new DeleteObjectCommand({ Bucket: name, Key, VersionId }));
    if (page?.IsTruncated !== true || versions.length === 0) return;
  }
}

/** A kind that is one setting of a bucket: one call puts it, one takes it away. */
function setting<Args extends object, State extends object>(
  inputs: Record<string, PropertySpec>,
  put: (aws: Aws, bucket: string, inputs: Plain<Args>) => Promise<unknown>,
  remove: (aws: Aws, bucket: string) => Promise<unknown>,
  outputs: (keyof Plain<State> & string)[] = [],
): AwsKind<Args, State> {
  const set = async (aws: Aws, news: Plain<Args>): Promise<string> => {
    const name = (news as { bucket?: string }).bucket ?? "";
    await put(aws, name, news);
    return name;
  };
  return {
    inputs: { bucket: { required: true, replace: true }, ...inputs } as AwsKind<Args, State>["inputs"],
    outputs,
    create: async (aws, news) => ({ id: await set(aws, news), outputs: {} }),
    update: async (aws, _id, _olds, news) => {
      await set(aws, news);
      return {};
    },
    delete: async (aws, id) => {
      await unlessGone(() => remove(aws, id), NO_BUCKET, /^NoSuch|NotFound/);
    },
  };
}

export const bucketVersioning = setting<aws.s3.BucketVersioningArgs, aws.s3.BucketVersioningState>(
  { versioningConfiguration: { required: true }, mfa: {} },
  (aws, Bucket, inputs) =>
    s3(aws).send(
      new PutBucketVersioningCommand({
        Bucket,
        MFA: inputs.mfa,
        VersioningConfiguration: {
          Status: inputs.versioningConfiguration.status as "Enabled" | "Suspended",
          MFADelete: inputs.versioningConfiguration.mfaDelete as "Enabled" | "Disabled" | undefined,
        },
      }),
    ),
  (aws, Bucket) => s3(aws).send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } })),
);

export const bucketServerSideEncryptionConfiguration = setting<
  aws.s3.BucketServerSideEncryptionConfigurationArgs,
  aws.s3.BucketServerSideEncryptionConfigurationState
>(
  { rules: { required: true } },
  (aws, Bucket, inputs) =>
    s3(aws).send(
      new PutBucketEncryptionCommand({
        Bucket,
        ServerSideEncryptionConfiguration: {
          Rules: pascal(inputs.rules, { sseAlgorithm: "SSEAlgorithm", kmsMasterKeyId: "KMSMasterKeyID" }) as never,
        },
      }),
    ),
  (aws, Bucket) => s3(aws).send(new DeleteBucketEncryptionCommand({ Bucket })),
);

export const bucketPublicAccessBlock = setting<aws.s3.BucketPublicAccessBlockArgs, aws.s3.BucketPublicAccessBlockState>(
  { blockPublicAcls: {}, blockPublicPolicy: {}, ignorePublicAcls: {}, restrictPublicBuckets: {} },
  (aws, Bucket, inputs) =>
    s3(aws).send(
      new PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: inputs.blockPublicAcls ?? false,
          BlockPublicPolicy: inputs.blockPublicPolicy ?? false,
          IgnorePublicAcls: inputs.ignorePublicAcls ?? false,
          RestrictPublicBuckets: inputs.restrictPublicBuckets ?? false,
        },
      }),
    ),
  (aws, Bucket) => s3(aws).send(new DeletePublicAccessBlockCommand({ Bucket })),
);

export const bucketOwnershipControls = setting<aws.s3.BucketOwnershipControlsArgs, aws.s3.BucketOwnershipControlsState>(
  { rule: { required: true } },
  (aws, Bucket, inputs) =>
    s3(aws).send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: { Rules: [pascal(inputs.rule) as never] } })),
  (aws, Bucket) => s3(aws).send(new DeleteBucketOwnershipControlsCommand({ Bucket })),
);

export const bucketPolicy = setting<aws.s3.BucketPolicyArgs, aws.s3.BucketPolicyState>(
  { policy: { required: true, same: sameJson } },
  (aws, Bucket, inputs) =>
    s3(aws).send(
      new PutBucketPolicyCommand({ Bucket, Policy: typeof inputs.policy === "string" ? inputs.policy : JSON.stringify(inputs.policy) }),
    ),
  (aws, Bucket) => s3(aws).send(new DeleteBucketPolicyCommand({ Bucket })),
);

const REPLICATION_NAMES = { id: "ID", replicaKmsKeyId: "ReplicaKmsKeyID" };

export const bucketReplicationConfig: AwsKind<aws.s3.BucketReplicationConfigArgs, aws.s3.BucketReplicationConfigState> = {
  ...setting<aws.s3.BucketReplicationConfigArgs, aws.s3.BucketReplicationConfigState>(
    { role: { required: true }, rules: { required: true } },
    (aws, Bucket, inputs) =>
      s3(aws).send(
        new PutBucketReplicationCommand({
          Bucket,
          ReplicationConfiguration: { Role: inputs.role, Rules: pascal(inputs.rules, REPLICATION_NAMES) as never },
        }),
      ),
    (aws, Bucket) => s3(aws).send(new DeleteBucketReplicationCommand({ Bucket })),
  ),
  async read(aws, id, inputs) {
    const found = await unlessGone(
      () => s3(aws).send(new GetBucketReplicationCommand({ Bucket: id })),
      NO_BUCKET,
      /^ReplicationConfigurationNotFound/,
    );
    const live = found?.ReplicationConfiguration;
    if (live === undefined) return undefined;
    const same = sameJson(JSON.stringify(pascal(inputs.rules, REPLICATION_NAMES)), JSON.stringify(live.Rules));
    const now = { bucket: id, role: live.Role, rules: same ? inputs.rules : camel(live.Rules, REPLICATION_NAMES) };
    return { outputs: now, inputs: { ...inputs, ...now } };
  },
};

export const bucketObjectLockConfiguration = setting<aws.s3.BucketObjectLockConfigurationArgs, aws.s3.BucketObjectLockConfigurationState>(
  { objectLockEnabled: { replace: true, computed: true }, rule: {} },
  (aws, Bucket, inputs) =>
    s3(aws).send(
      new PutObjectLockConfigurationCommand({
        Bucket,
        ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", ...(pascal({ rule: inputs.rule }) as object) },
      }),
    ),
  // Object lock itself cannot be taken off a bucket; its default retention can.
  (aws, Bucket) =>
    s3(aws).send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: { ObjectLockEnabled: "Enabled" } })),
);

export const bucketLifecycleConfiguration = setting<aws.s3.BucketLifecycleConfigurationArgs, aws.s3.BucketLifecycleConfigurationState>(
  { rules: { required: true } },
  (aws, Bucket, inputs) =>
    s3(aws).send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: { Rules: pascal(inputs.rules, { id: "ID" }) as never },
      }),
    ),
  (aws, Bucket) => s3(aws).send(new DeleteBucketLifecycleCommand({ Bucket })),
);

type ObjectArgs = Plain<aws.s3.BucketObjectv2Args>;

export const bucketObjectv2: AwsKind<aws.s3.BucketObjectv2Args, aws.s3.BucketObjectv2State> = {
  inputs: {
    bucket: { required: true, replace: true },
    key: { required: true, replace: true },
    content: {},
    contentBase64: {},
    contentType: { computed: true },
    cacheControl: {},
    contentEncoding: {},
    storageClass: { computed: true },
    serverSideEncryption: { computed: true },
    kmsKeyId: { computed: true },
    forceDestroy: {},
    tags: {},
  },
  outputs: ["arn", "etag", "versionId"],
  volatile: ["etag", "versionId"],
  create: async (aws, inputs) => ({
    id: `${bucketOf(inputs)}/${inputs.key ?? ""}`,
    outputs: { arn: `arn:aws:s3:::${bucketOf(inputs)}/${inputs.key ?? ""}`, ...(await putObject(aws, inputs)) },
  }),
  update: (aws, _id, _olds, news) => putObject(aws, news),
  async delete(aws, _id, outputs) {
    const name = bucketOf(outputs);
    const key = outputs.key ?? "";
    // A version left behind would keep the bucket from being deleted.
    if (outputs.versionId !== undefined && outputs.versionId !== "") await removeVersions(aws, name, key, false);
    else await unlessGone(() => s3(aws).send(new DeleteObjectCommand({ Bucket: name, Key: key })), NO_BUCKET);
  },
  async read(aws, _id, inputs) {
    const found = await unlessGone(
      () => s3(aws).send(new HeadObjectCommand({ Bucket: bucketOf(inputs), Key: inputs.key })),
      "NotFound",
      /^NoSuch/,
    );
    return found === undefined ? undefined : { outputs: { etag: unquoted(found.ETag), versionId: found.VersionId ?? "" } };
  },
};

/** The SDK lets a program give the bucket itself; on the wire it is the name. */
const bucketOf = (inputs: { bucket?: unknown }): string => inputs.bucket as string;
const unquoted = (etag: string | undefined): string => (etag ?? "").replaceAll('"', "");

async function putObject(aws: Aws, inputs: ObjectArgs & { tagsAll?: Record<string, string> | undefined }): Promise<object> {
  const contentType = inputs.contentType ?? "application/octet-stream";
  const tags = new URLSearchParams(inputs.tagsAll ?? {}).toString();
  const put = await s3(aws).send(
    new PutObjectCommand({
      Bucket: bucketOf(inputs),
      Key: inputs.key,
      Body: inputs.contentBase64 === undefined ? (inputs.content ?? "") : Buffer.from(inputs.contentBase64, "base64"),
      ContentType: contentType,
      CacheControl: inputs.cacheControl,
      ContentEncoding: inputs.contentEncoding,
      StorageClass: inputs.storageClass as never,
      ServerSideEncryption: inputs.serverSideEncryption as never,
      SSEKMSKeyId: inputs.kmsKeyId,
      ...(tags === "" ? {} : { Tagging: tags }),
    }),
  );
  return { contentType, etag: unquoted(put.ETag), versionId: put.VersionId ?? "" };
}
