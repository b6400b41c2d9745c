import type * as aws from "@pulumi/aws";
import {
  AddTagsCommand,
  CloudTrailClient,
  CreateTrailCommand,
  DeleteTrailCommand,
  DescribeTrailsCommand,
  RemoveTagsCommand,
  StartLoggingCommand,
  StopLoggingCommand,
  UpdateTrailCommand,
} from "@aws-sdk/client-cloudtrail";
import { present, unlessGone, type Aws, type AwsKind, type Plain } from "./aws";
import { tagChanges, tagList } from "./tags";

/** Calls are made by name: the service takes name or ARN, moto the name alone. */
const cloudtrail = (aws: Aws): CloudTrailClient => aws.client(CloudTrailClient);

function settings(inputs: Plain<aws.cloudtrail.TrailArgs>) {
  return {
    Name: inputs.name,
    S3BucketName: inputs.s3BucketName,
    S3KeyPrefix: inputs.s3KeyPrefix,
    IncludeGlobalServiceEvents: inputs.includeGlobalServiceEvents ?? true,
    IsMultiRegionTrail: inputs.isMultiRegionTrail ?? false,
    EnableLogFileValidation: inputs.enableLogFileValidation ?? false,
    KmsKeyId: inputs.kmsKeyId,
  };
}

export const trail: AwsKind<aws.cloudtrail.TrailArgs, aws.cloudtrail.TrailState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 128 } },
    s3BucketName: { required: true },
    s3KeyPrefix: {},
    includeGlobalServiceEvents: {},
    isMultiRegionTrail: {},
    enableLogFileValidation: {},
    enableLogging: {},
    kmsKeyId: {},
    tags: {},
  },
  outputs: ["arn", "homeRegion"],
  async create(aws, inputs, request) {
    const { TrailARN } = await cloudtrail(aws).send(new CreateTrailCommand({ ...settings(inputs), TagsList: tagList(inputs.tagsAll) }));
    const arn = present(TrailARN, "trail ARN");
    request.exists(arn, { arn, name: inputs.name });
    if (inputs.enableLogging !== false) await cloudtrail(aws).send(new StartLoggingCommand({ Name: inputs.name }));
    return { id: arn, outputs: { arn, homeRegion: aws.region, enableLogging: inputs.enableLogging ?? true } };
  },
  async update(aws, id, olds, news) {
    await cloudtrail(aws).send(new UpdateTrailCommand(settings(news)));
    const enableLogging = news.enableLogging ?? true;
    if (enableLogging !== (olds.enableLogging ?? false)) {
      if (enableLogging) await cloudtrail(aws).send(new StartLoggingCommand({ Name: news.name }));
      else await cloudtrail(aws).send(new StopLoggingCommand({ Name: news.name }));
    }
    const tags = tagChanges(olds, news);
    if (tags !== undefined && tags.remove.length > 0) {
      await cloudtrail(aws).send(new RemoveTagsCommand({ ResourceId: id, TagsList: tags.remove.map((Key) => ({ Key })) }));
    }
    if (tags !== undefined) await cloudtrail(aws).send(new AddTagsCommand({ ResourceId: id, TagsList: tagList(tags.set) }));
    return { enableLogging };
  },
  async delete(aws, _id, outputs) {
    await unlessGone(() => cloudtrail(aws).send(new DeleteTrailCommand({ Name: outputs.name })), "TrailNotFoundException");
  },
  async read(aws, _id, inputs) {
    const { trailList } = await cloudtrail(aws).send(new DescribeTrailsCommand({ trailNameList: [inputs.name ?? ""] }));
    return trailList?.[0] === undefined ? undefined : { outputs: {} };
  },
};
