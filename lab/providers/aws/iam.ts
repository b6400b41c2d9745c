import type * as aws from "@pulumi/aws";
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from "@aws-sdk/client-iam";
import { GLOBAL_REGION, sameJson, unlessGone, type Aws, type AwsKind } from "./aws";
import { tagChanges, tagList } from "./tags";

const iam = (aws: Aws): IAMClient => aws.client(IAMClient, GLOBAL_REGION);
const GONE = "NoSuchEntityException";

export const role: AwsKind<aws.iam.RoleArgs, aws.iam.RoleState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 64 } },
    path: { replace: true },
    description: {},
    assumeRolePolicy: { required: true, same: sameJson },
    maxSessionDuration: {},
    permissionsBoundary: { replace: true },
    tags: {},
  },
  outputs: ["arn", "createDate", "uniqueId", "forceDetachPolicies"],
  async create(aws, inputs) {
    const { Role } = await iam(aws).send(
      new CreateRoleCommand({
        RoleName: inputs.name,
        Path: inputs.path,
        Description: inputs.description,
        AssumeRolePolicyDocument: text(inputs.assumeRolePolicy),
        MaxSessionDuration: inputs.maxSessionDuration,
        PermissionsBoundary: inputs.permissionsBoundary,
        Tags: tagList(inputs.tagsAll),
      }),
    );
    return {
      id: inputs.name ?? "",
      outputs: {
        arn: Role?.Arn,
        createDate: Role?.CreateDate?.toISOString(),
        uniqueId: Role?.RoleId,
        path: Role?.Path,
        maxSessionDuration: inputs.maxSessionDuration ?? 3600,
        forceDetachPolicies: false,
      },
    };
  },
  async update(aws, id, olds, news) {
    if (!sameJson(olds.assumeRolePolicy, news.assumeRolePolicy)) {
      await iam(aws).send(new UpdateAssumeRolePolicyCommand({ RoleName: id, PolicyDocument: text(news.assumeRolePolicy) }));
    }
    const maxSessionDuration = news.maxSessionDuration ?? 3600;
    if (olds.description !== news.description || olds.maxSessionDuration !== maxSessionDuration) {
      await iam(aws).send(
        new UpdateRoleCommand({ RoleName: id, Description: news.description ?? "", MaxSessionDuration: maxSessionDuration }),
      );
    }
    const tags = tagChanges(olds, news);
    if (tags !== undefined && tags.remove.length > 0) await iam(aws).send(new UntagRoleCommand({ RoleName: id, TagKeys: tags.remove }));
    if (tags !== undefined) await iam(aws).send(new TagRoleCommand({ RoleName: id, Tags: tagList(tags.set) }));
    return { maxSessionDuration };
  },
  async delete(aws, id) {
    await unlessGone(() => iam(aws).send(new DeleteRoleCommand({ RoleName: id })), GONE);
  },
  async read(aws, id) {
    const found = await unlessGone(() => iam(aws).send(new GetRoleCommand({ RoleName: id })), GONE);
    return found === undefined ? undefined : { outputs: {} };
  },
};

export const rolePolicy: AwsKind<aws.iam.RolePolicyArgs, aws.iam.RolePolicyState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 128 } },
    role: { required: true, replace: true },
    policy: { required: true, same: sameJson },
  },
  async create(aws, inputs) {
    await iam(aws).send(
      new PutRolePolicyCommand({ RoleName: text(inputs.role), PolicyName: inputs.name, PolicyDocument: text(inputs.policy) }),
    );
    return { id: `${text(inputs.role)}:${inputs.name ?? ""}`, outputs: {} };
  },
  async update(aws, _id, _olds, news) {
    await iam(aws).send(new PutRolePolicyCommand({ RoleName: text(news.role), PolicyName: news.name, PolicyDocument: text(news.policy) }));
    return {};
  },
  async delete(aws, _id, outputs) {
    await unlessGone(() => iam(aws).send(new DeleteRolePolicyCommand({ RoleName: text(outputs.role), PolicyName: outputs.name })), GONE);
  },
};

/** The SDK's types let a document be an object and a role a resource; on the wire both are text, a document maybe a map. */
function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
