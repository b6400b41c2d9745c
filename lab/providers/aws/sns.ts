import type * as aws from "@pulumi/aws";
import {
  CreateTopicCommand,
  DeleteTopicCommand,
  GetTopicAttributesCommand,
  SetTopicAttributesCommand,
  SNSClient,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-sns";
import { present, sameJson, unlessGone, type Aws, type AwsKind } from "./aws";
import { tagChanges, tagList } from "./tags";

const sns = (aws: Aws): SNSClient => aws.client(SNSClient);

const ATTRIBUTES = { displayName: "DisplayName", kmsMasterKeyId: "KmsMasterKeyId", policy: "Policy" } as const;
type Attribute = keyof typeof ATTRIBUTES;

export const topic: AwsKind<aws.sns.TopicArgs, aws.sns.TopicState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 256 } },
    displayName: {},
    kmsMasterKeyId: {},
    policy: { computed: true, same: sameJson },
    tags: {},
  },
  outputs: ["arn", "owner"],
  async create(aws, inputs) {
    const Attributes = Object.fromEntries(
      (Object.keys(ATTRIBUTES) as Attribute[]).flatMap((name) => (inputs[name] === undefined ? [] : [[ATTRIBUTES[name], inputs[name]]])),
    ) as Record<string, string>;
    const { TopicArn } = await sns(aws).send(new CreateTopicCommand({ Name: inputs.name, Attributes, Tags: tagList(inputs.tagsAll) }));
    const arn = present(TopicArn, "topic ARN");
    return { id: arn, outputs: { arn, owner: arn.split(":")[4] } };
  },
  async update(aws, id, olds, news) {
    for (const name of Object.keys(ATTRIBUTES) as Attribute[]) {
      if (olds[name] === news[name] || (name === "policy" && news.policy === undefined)) continue;
      const AttributeValue = typeof news[name] === "string" ? news[name] : "";
      await sns(aws).send(new SetTopicAttributesCommand({ TopicArn: id, AttributeName: ATTRIBUTES[name], AttributeValue }));
    }
    const tags = tagChanges(olds, news);
    if (tags !== undefined && tags.remove.length > 0)
      await sns(aws).send(new UntagResourceCommand({ ResourceArn: id, TagKeys: tags.remove }));
    if (tags !== undefined) await sns(aws).send(new TagResourceCommand({ ResourceArn: id, Tags: tagList(tags.set) }));
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => sns(aws).send(new DeleteTopicCommand({ TopicArn: id })), "NotFoundException");
  },
  async read(aws, id) {
    const found = await unlessGone(() => sns(aws).send(new GetTopicAttributesCommand({ TopicArn: id })), /NotFound/);
    return found === undefined ? undefined : { outputs: {} };
  },
};
