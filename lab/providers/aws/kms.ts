import type * as aws from "@pulumi/aws";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyRotationCommand,
  EnableKeyRotationCommand,
  KMSClient,
  ListAliasesCommand,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
  UpdateKeyDescriptionCommand,
} from "@aws-sdk/client-kms";
import { isUnknown } from "../base";
import { present, sameJson, unlessGone, type Aws, type AwsKind } from "./aws";
import { tagChanges } from "./tags";

const kms = (aws: Aws): KMSClient => aws.client(KMSClient);

export const key: AwsKind<aws.kms.KeyArgs, aws.kms.KeyState> = {
  inputs: {
    description: { computed: true },
    policy: { computed: true, same: sameJson },
    enableKeyRotation: {},
    deletionWindowInDays: {},
    multiRegion: { replace: true, computed: true },
    tags: {},
  },
  outputs: ["arn", "keyId", "isEnabled", "keyUsage", "customerMasterKeySpec"],
  async create(aws, inputs, request) {
    const { KeyMetadata } = await kms(aws).send(
      new CreateKeyCommand({
        Description: inputs.description,
        Policy: inputs.policy,
        MultiRegion: inputs.multiRegion,
        Tags: Object.entries(inputs.tagsAll ?? {}).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
      }),
    );
    const id = present(KeyMetadata?.KeyId, "key id");
    request.exists(id, { arn: KeyMetadata?.Arn, keyId: id });
    if (inputs.enableKeyRotation === true) await kms(aws).send(new EnableKeyRotationCommand({ KeyId: id }));
    return {
      id,
      outputs: {
        arn: KeyMetadata?.Arn,
        keyId: id,
        description: KeyMetadata?.Description,
        isEnabled: true,
        keyUsage: "ENCRYPT_DECRYPT",
        customerMasterKeySpec: "SYMMETRIC_DEFAULT",
        multiRegion: inputs.multiRegion ?? false,
      },
    };
  },
  async update(aws, id, olds, news) {
    if (news.description !== undefined && news.description !== olds.description) {
      await kms(aws).send(new UpdateKeyDescriptionCommand({ KeyId: id, Description: news.description }));
    }
    if (news.policy !== undefined && news.policy !== olds.policy) {
      await kms(aws).send(new PutKeyPolicyCommand({ KeyId: id, Policy: news.policy, PolicyName: "default" }));
    }
    if ((news.enableKeyRotation ?? false) !== (olds.enableKeyRotation ?? false)) {
      if (news.enableKeyRotation === true) await kms(aws).send(new EnableKeyRotationCommand({ KeyId: id }));
      else await kms(aws).send(new DisableKeyRotationCommand({ KeyId: id }));
    }
    const tags = tagChanges(olds, news);
    if (tags !== undefined && tags.remove.length > 0) await kms(aws).send(new UntagResourceCommand({ KeyId: id, TagKeys: tags.remove }));
    if (tags !== undefined && Object.keys(tags.set).length > 0) {
      const Tags = Object.entries(tags.set).map(([TagKey, TagValue]) => ({ TagKey, TagValue }));
      await kms(aws).send(new TagResourceCommand({ KeyId: id, Tags }));
    }
    return {};
  },
  async delete(aws, id, outputs) {
    await unlessGone(
      () => kms(aws).send(new ScheduleKeyDeletionCommand({ KeyId: id, PendingWindowInDays: outputs.deletionWindowInDays ?? 30 })),
      "NotFoundException",
      "KMSInvalidStateException",
    );
  },
  async read(aws, id) {
    const found = await unlessGone(() => kms(aws).send(new DescribeKeyCommand({ KeyId: id })), "NotFoundException");
    return found === undefined || found.KeyMetadata?.KeyState === "PendingDeletion" ? undefined : { outputs: {} };
  },
};

export const alias: AwsKind<aws.kms.AliasArgs, aws.kms.AliasState> = {
  inputs: { name: { required: true, replace: true }, targetKeyId: { required: true } },
  outputs: ["arn", "targetKeyArn"],
  volatile: ["targetKeyArn"],
  check: (_aws, inputs) =>
    inputs.name === undefined || isUnknown(inputs.name) || inputs.name.startsWith("alias/")
      ? []
      : [{ property: "name", reason: "has to begin with alias/" }],
  async create(aws, inputs) {
    const name = present(inputs.name, "name");
    await kms(aws).send(new CreateAliasCommand({ AliasName: name, TargetKeyId: inputs.targetKeyId }));
    const { Aliases } = await kms(aws).send(new ListAliasesCommand({ KeyId: inputs.targetKeyId }));
    const arn = Aliases?.find(({ AliasName }) => AliasName === name)?.AliasArn;
    return { id: name, outputs: { arn, targetKeyArn: await arnOf(aws, inputs.targetKeyId) } };
  },
  async update(aws, id, _olds, news) {
    await kms(aws).send(new UpdateAliasCommand({ AliasName: id, TargetKeyId: news.targetKeyId }));
    return { targetKeyArn: await arnOf(aws, news.targetKeyId) };
  },
  async delete(aws, id) {
    await unlessGone(() => kms(aws).send(new DeleteAliasCommand({ AliasName: id })), "NotFoundException");
  },
};

async function arnOf(aws: Aws, keyId: string): Promise<string | undefined> {
  return (await kms(aws).send(new DescribeKeyCommand({ KeyId: keyId }))).KeyMetadata?.Arn;
}
