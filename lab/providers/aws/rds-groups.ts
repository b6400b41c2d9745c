import type * as aws from "@pulumi/aws";
import {
  CreateDBParameterGroupCommand,
  CreateDBSubnetGroupCommand,
  DeleteDBParameterGroupCommand,
  DeleteDBSubnetGroupCommand,
  DescribeDBParameterGroupsCommand,
  DescribeDBSubnetGroupsCommand,
  ModifyDBParameterGroupCommand,
  ModifyDBSubnetGroupCommand,
  ResetDBParameterGroupCommand,
  type ApplyMethod,
  type Parameter,
} from "@aws-sdk/client-rds";
import { present, unlessGone, type Aws, type AwsKind } from "./aws";
import { rds, retag } from "./rds-client";
import { tagList } from "./tags";

/** Parameters that one request may carry. */
const PARAMETERS_PER_REQUEST = 20;

export const subnetGroup: AwsKind<aws.rds.SubnetGroupArgs, aws.rds.SubnetGroupState> = {
  inputs: { name: { replace: true, autoName: {} }, description: {}, subnetIds: { required: true }, tags: {} },
  outputs: ["arn", "supportedNetworkTypes", "vpcId"],
  async create(aws, inputs) {
    const { DBSubnetGroup } = await rds(aws).send(
      new CreateDBSubnetGroupCommand({
        DBSubnetGroupName: inputs.name,
        DBSubnetGroupDescription: inputs.description ?? "Managed by Pulumi",
        SubnetIds: inputs.subnetIds,
        Tags: tagList(inputs.tagsAll),
      }),
    );
    return {
      id: present(DBSubnetGroup?.DBSubnetGroupName, "subnet group name"),
      outputs: {
        arn: DBSubnetGroup?.DBSubnetGroupArn,
        vpcId: DBSubnetGroup?.VpcId,
        supportedNetworkTypes: DBSubnetGroup?.SupportedNetworkTypes ?? ["IPV4"],
      },
    };
  },
  async update(aws, id, olds, news) {
    await rds(aws).send(
      new ModifyDBSubnetGroupCommand({
        DBSubnetGroupName: id,
        DBSubnetGroupDescription: news.description ?? "Managed by Pulumi",
        SubnetIds: news.subnetIds,
      }),
    );
    await retag(aws, olds.arn, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => rds(aws).send(new DeleteDBSubnetGroupCommand({ DBSubnetGroupName: id })), /DBSubnetGroupNotFound/);
  },
  async read(aws, id) {
    const found = await unlessGone(
      () => rds(aws).send(new DescribeDBSubnetGroupsCommand({ DBSubnetGroupName: id })),
      /DBSubnetGroupNotFound/,
    );
    return found === undefined ? undefined : { outputs: {} };
  },
};

interface ParameterArgs {
  name: string;
  value: string;
  applyMethod?: string | undefined;
}

function parameters(list: ParameterArgs[] | undefined): Parameter[] {
  return (list ?? []).map(({ name, value, applyMethod }) => ({
    ParameterName: name,
    ParameterValue: value,
    ApplyMethod: (applyMethod ?? "immediate") as ApplyMethod,
  }));
}

async function setParameters(aws: Aws, group: string, list: Parameter[]): Promise<void> {
  for (let i = 0; i < list.length; i += PARAMETERS_PER_REQUEST) {
    const Parameters = list.slice(i, i + PARAMETERS_PER_REQUEST);
    await rds(aws).send(new ModifyDBParameterGroupCommand({ DBParameterGroupName: group, Parameters }));
  }
}

export const parameterGroup: AwsKind<aws.rds.ParameterGroupArgs, aws.rds.ParameterGroupState> = {
  inputs: {
    name: { replace: true, autoName: {} },
    family: { required: true, replace: true },
    description: { replace: true },
    parameters: {},
    skipDestroy: {},
    tags: {},
  },
  outputs: ["arn"],
  async create(aws, inputs, request) {
    const { DBParameterGroup } = await rds(aws).send(
      new CreateDBParameterGroupCommand({
        DBParameterGroupName: inputs.name,
        DBParameterGroupFamily: inputs.family,
        Description: inputs.description ?? "Managed by Pulumi",
        Tags: tagList(inputs.tagsAll),
      }),
    );
    const id = present(DBParameterGroup?.DBParameterGroupName, "parameter group name");
    request.exists(id, { arn: DBParameterGroup?.DBParameterGroupArn });
    await setParameters(aws, id, parameters(inputs.parameters));
    return { id, outputs: { arn: DBParameterGroup?.DBParameterGroupArn, description: inputs.description ?? "Managed by Pulumi" } };
  },
  async update(aws, id, olds, news) {
    const before = parameters(olds.parameters);
    const after = parameters(news.parameters);
    const same = (a: Parameter) => (b: Parameter) => a.ParameterName === b.ParameterName && a.ParameterValue === b.ParameterValue;
    const gone = before.filter((parameter) => !after.some(({ ParameterName }) => ParameterName === parameter.ParameterName));
    if (gone.length > 0) await rds(aws).send(new ResetDBParameterGroupCommand({ DBParameterGroupName: id, Parameters: gone }));
    await setParameters(
      aws,
      id,
      after.filter((parameter) => !before.some(same(parameter))),
    );
    await retag(aws, olds.arn, olds, news);
    return {};
  },
  async delete(aws, id, outputs) {
    if (outputs.skipDestroy === true) return;
    await unlessGone(() => rds(aws).send(new DeleteDBParameterGroupCommand({ DBParameterGroupName: id })), /DBParameterGroupNotFound/);
  },
  async read(aws, id) {
    const found = await unlessGone(
      () => rds(aws).send(new DescribeDBParameterGroupsCommand({ DBParameterGroupName: id })),
      /DBParameterGroupNotFound/,
    );
    return found === undefined ? undefined : { outputs: {} };
  },
};
