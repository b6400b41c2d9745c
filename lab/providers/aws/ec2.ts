import type * as aws from "@pulumi/aws";
import {
  AssociateRouteTableCommand,
  AttachInternetGatewayCommand,
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateInternetGatewayCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  CreateVpcCommand,
  DeleteInternetGatewayCommand,
  DeleteRouteCommand,
  DeleteRouteTableCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteTagsCommand,
  DeleteVpcCommand,
  DescribeNetworkAclsCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  DetachInternetGatewayCommand,
  DisassociateRouteTableCommand,
  EC2Client,
  ModifySecurityGroupRulesCommand,
  ModifySubnetAttributeCommand,
  ModifyVpcAttributeCommand,
  ReplaceRouteCommand,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  type ResourceType,
  type TagSpecification,
  type Tenancy,
} from "@aws-sdk/client-ec2";
import { createHash } from "node:crypto";
import { present, unlessGone, type Aws, type AwsKind, type Plain } from "./aws";
import { tagChanges, tagList, type Tags } from "./tags";

/** Networks: VPC, subnets, routes, security groups and their rules. */

const MANAGED = "Managed by Pulumi";
const NOT_FOUND = /NotFound/;

const ec2 = (aws: Aws): EC2Client => aws.client(EC2Client);

function tagged(type: ResourceType, inputs: { tagsAll?: Tags | undefined }): { TagSpecifications?: TagSpecification[] } {
  const Tags = tagList(inputs.tagsAll);
  return Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType: type, Tags }] };
}

async function retag(aws: Aws, id: string, olds: { tagsAll?: Tags | undefined }, news: { tagsAll?: Tags | undefined }): Promise<void> {
  const changes = tagChanges(olds, news);
  if (changes === undefined) return;
  if (changes.remove.length > 0) {
    await ec2(aws).send(new DeleteTagsCommand({ Resources: [id], Tags: changes.remove.map((Key) => ({ Key })) }));
  }
  if (Object.keys(changes.set).length > 0) await ec2(aws).send(new CreateTagsCommand({ Resources: [id], Tags: tagList(changes.set) }));
}

const arnOf = (aws: Aws, owner: string | undefined, resource: string): string => `arn:aws:ec2:${aws.region}:${owner ?? ""}:${resource}`;

export const vpc: AwsKind<aws.ec2.VpcArgs, aws.ec2.VpcState> = {
  inputs: {
    cidrBlock: { required: true, replace: true },
    enableDnsHostnames: { computed: true },
    enableDnsSupport: {},
    instanceTenancy: { replace: true },
    tags: {},
  },
  outputs: ["arn", "ownerId", "defaultNetworkAclId", "defaultRouteTableId", "defaultSecurityGroupId", "dhcpOptionsId", "mainRouteTableId"],
  async create(aws, inputs, request) {
    const { Vpc } = await ec2(aws).send(
      new CreateVpcCommand({
        CidrBlock: inputs.cidrBlock,
        InstanceTenancy: inputs.instanceTenancy as Tenancy | undefined,
        ...tagged("vpc", inputs),
      }),
    );
    const id = present(Vpc?.VpcId, "VPC id");
    request.exists(id);
    await vpcAttributes(aws, id, { enableDnsSupport: true, enableDnsHostnames: false }, inputs);
    const Filters = [{ Name: "vpc-id", Values: [id] }];
    const [acls, tables, groups] = await Promise.all([
      ec2(aws).send(new DescribeNetworkAclsCommand({ Filters })),
      ec2(aws).send(new DescribeRouteTablesCommand({ Filters })),
      ec2(aws).send(new DescribeSecurityGroupsCommand({ Filters })),
    ]);
    const main = tables.RouteTables?.[0]?.RouteTableId;
    return {
      id,
      outputs: {
        arn: arnOf(aws, Vpc?.OwnerId, `vpc/${id}`),
        ownerId: Vpc?.OwnerId,
        instanceTenancy: Vpc?.InstanceTenancy ?? "default",
        enableDnsSupport: inputs.enableDnsSupport ?? true,
        enableDnsHostnames: inputs.enableDnsHostnames ?? false,
        defaultNetworkAclId: acls.NetworkAcls?.[0]?.NetworkAclId,
        defaultRouteTableId: main,
        mainRouteTableId: main,
        defaultSecurityGroupId: groups.SecurityGroups?.find((group) => group.GroupName === "default")?.GroupId,
        dhcpOptionsId: Vpc?.DhcpOptionsId,
      },
    };
  },
  async update(aws, id, olds, news) {
    await vpcAttributes(aws, id, olds, news);
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => ec2(aws).send(new DeleteVpcCommand({ VpcId: id })), NOT_FOUND);
  },
  async read(aws, id) {
    const found = await unlessGone(() => ec2(aws).send(new DescribeVpcsCommand({ VpcIds: [id] })), NOT_FOUND);
    return found?.Vpcs?.[0] === undefined ? undefined : { outputs: {} };
  },
};

interface DnsAttributes {
  enableDnsSupport?: boolean | undefined;
  enableDnsHostnames?: boolean | undefined;
}

async function vpcAttributes(aws: Aws, id: string, before: DnsAttributes, after: DnsAttributes): Promise<void> {
  // One attribute a call is the API's rule.
  if (after.enableDnsSupport !== undefined && after.enableDnsSupport !== before.enableDnsSupport) {
    await ec2(aws).send(new ModifyVpcAttributeCommand({ VpcId: id, EnableDnsSupport: { Value: after.enableDnsSupport } }));
  }
  if (after.enableDnsHostnames !== undefined && after.enableDnsHostnames !== before.enableDnsHostnames) {
    await ec2(aws).send(new ModifyVpcAttributeCommand({ VpcId: id, EnableDnsHostnames: { Value: after.enableDnsHostnames } }));
  }
}

export const subnet: AwsKind<aws.ec2.SubnetArgs, aws.ec2.SubnetState> = {
  inputs: {
    vpcId: { required: true, replace: true },
    cidrBlock: { required: true, replace: true },
    availabilityZone: { replace: true, computed: true },
    mapPublicIpOnLaunch: {},
    tags: {},
  },
  outputs: ["arn", "ownerId", "availabilityZoneId"],
  async create(aws, inputs, request) {
    const { Subnet } = await ec2(aws).send(
      new CreateSubnetCommand({
        VpcId: inputs.vpcId,
        CidrBlock: inputs.cidrBlock,
        AvailabilityZone: inputs.availabilityZone,
        ...tagged("subnet", inputs),
      }),
    );
    const id = present(Subnet?.SubnetId, "subnet id");
    request.exists(id);
    if (inputs.mapPublicIpOnLaunch === true) await mapPublicIp(aws, id, true);
    return {
      id,
      outputs: {
        arn: Subnet?.SubnetArn,
        ownerId: Subnet?.OwnerId,
        availabilityZone: Subnet?.AvailabilityZone,
        availabilityZoneId: Subnet?.AvailabilityZoneId,
        mapPublicIpOnLaunch: inputs.mapPublicIpOnLaunch ?? false,
      },
    };
  },
  async update(aws, id, olds, news) {
    if (news.mapPublicIpOnLaunch !== undefined && news.mapPublicIpOnLaunch !== olds.mapPublicIpOnLaunch) {
      await mapPublicIp(aws, id, news.mapPublicIpOnLaunch);
    }
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => ec2(aws).send(new DeleteSubnetCommand({ SubnetId: id })), NOT_FOUND);
  },
  async read(aws, id) {
    const found = await unlessGone(() => ec2(aws).send(new DescribeSubnetsCommand({ SubnetIds: [id] })), NOT_FOUND);
    return found?.Subnets?.[0] === undefined ? undefined : { outputs: {} };
  },
};

async function mapPublicIp(aws: Aws, id: string, value: boolean): Promise<void> {
  await ec2(aws).send(new ModifySubnetAttributeCommand({ SubnetId: id, MapPublicIpOnLaunch: { Value: value } }));
}

export const internetGateway: AwsKind<aws.ec2.InternetGatewayArgs, aws.ec2.InternetGatewayState> = {
  inputs: { vpcId: {}, tags: {} },
  outputs: ["arn", "ownerId"],
  async create(aws, inputs, request) {
    const { InternetGateway } = await ec2(aws).send(new CreateInternetGatewayCommand(tagged("internet-gateway", inputs)));
    const id = present(InternetGateway?.InternetGatewayId, "internet gateway id");
    request.exists(id);
    if (inputs.vpcId !== undefined) await ec2(aws).send(new AttachInternetGatewayCommand({ InternetGatewayId: id, VpcId: inputs.vpcId }));
    const ownerId = InternetGateway?.OwnerId;
    return { id, outputs: { arn: arnOf(aws, ownerId, `internet-gateway/${id}`), ownerId } };
  },
  async update(aws, id, olds, news) {
    if (olds.vpcId !== news.vpcId) {
      if (olds.vpcId !== undefined) await ec2(aws).send(new DetachInternetGatewayCommand({ InternetGatewayId: id, VpcId: olds.vpcId }));
      if (news.vpcId !== undefined) await ec2(aws).send(new AttachInternetGatewayCommand({ InternetGatewayId: id, VpcId: news.vpcId }));
    }
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id, outputs) {
    const { vpcId } = outputs;
    if (vpcId !== undefined) {
      await unlessGone(
        () => ec2(aws).send(new DetachInternetGatewayCommand({ InternetGatewayId: id, VpcId: vpcId })),
        NOT_FOUND,
        "Gateway.NotAttached",
      );
    }
    await unlessGone(() => ec2(aws).send(new DeleteInternetGatewayCommand({ InternetGatewayId: id })), NOT_FOUND);
  },
};

export const routeTable: AwsKind<aws.ec2.RouteTableArgs, aws.ec2.RouteTableState> = {
  inputs: { vpcId: { required: true, replace: true }, tags: {} },
  outputs: ["arn", "ownerId", "routes", "propagatingVgws"],
  async create(aws, inputs) {
    const { RouteTable } = await ec2(aws).send(new CreateRouteTableCommand({ VpcId: inputs.vpcId, ...tagged("route-table", inputs) }));
    const id = present(RouteTable?.RouteTableId, "route table id");
    const ownerId = RouteTable?.OwnerId;
    return { id, outputs: { arn: arnOf(aws, ownerId, `route-table/${id}`), ownerId, routes: [], propagatingVgws: [] } };
  },
  async update(aws, id, olds, news) {
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => ec2(aws).send(new DeleteRouteTableCommand({ RouteTableId: id })), NOT_FOUND);
  },
};

function target(inputs: Plain<aws.ec2.RouteArgs>) {
  return {
    RouteTableId: inputs.routeTableId,
    DestinationCidrBlock: inputs.destinationCidrBlock,
    GatewayId: inputs.gatewayId,
    NatGatewayId: inputs.natGatewayId,
    VpcPeeringConnectionId: inputs.vpcPeeringConnectionId,
  };
}

export const route: AwsKind<aws.ec2.RouteArgs, aws.ec2.RouteState> = {
  inputs: {
    routeTableId: { required: true, replace: true },
    destinationCidrBlock: { required: true, replace: true },
    gatewayId: {},
    natGatewayId: {},
    vpcPeeringConnectionId: {},
  },
  outputs: ["origin", "state"],
  async create(aws, inputs) {
    await ec2(aws).send(new CreateRouteCommand(target(inputs)));
    const hash = createHash("sha256")
      .update(inputs.destinationCidrBlock ?? "")
      .digest("hex")
      .slice(0, 10);
    return { id: `r-${inputs.routeTableId}${hash}`, outputs: { origin: "CreateRoute", state: "active" } };
  },
  async update(aws, _id, _olds, news) {
    await ec2(aws).send(new ReplaceRouteCommand(target(news)));
    return {};
  },
  async delete(aws, _id, outputs) {
    await unlessGone(
      () =>
        ec2(aws).send(new DeleteRouteCommand({ RouteTableId: outputs.routeTableId, DestinationCidrBlock: outputs.destinationCidrBlock })),
      NOT_FOUND,
    );
  },
};

export const routeTableAssociation: AwsKind<aws.ec2.RouteTableAssociationArgs, aws.ec2.RouteTableAssociationState> = {
  // The official plugin replaces the association of another table in place, under a new id; a Pulumi id does not change, so here it is a replacement.
  inputs: { routeTableId: { required: true, replace: true }, subnetId: { required: true, replace: true } },
  async create(aws, inputs) {
    const { AssociationId } = await ec2(aws).send(
      new AssociateRouteTableCommand({ RouteTableId: inputs.routeTableId, SubnetId: inputs.subnetId }),
    );
    return { id: present(AssociationId, "association id"), outputs: {} };
  },
  async delete(aws, id) {
    await unlessGone(() => ec2(aws).send(new DisassociateRouteTableCommand({ AssociationId: id })), NOT_FOUND);
  },
};

export const securityGroup: AwsKind<aws.ec2.SecurityGroupArgs, aws.ec2.SecurityGroupState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 255 } },
    description: { replace: true },
    vpcId: { replace: true, computed: true },
    revokeRulesOnDelete: {},
    tags: {},
  },
  outputs: ["arn", "ownerId"],
  async create(aws, inputs, request) {
    const description = inputs.description ?? MANAGED;
    const { GroupId } = await ec2(aws).send(
      new CreateSecurityGroupCommand({
        GroupName: inputs.name,
        Description: description,
        VpcId: inputs.vpcId,
        ...tagged("security-group", inputs),
      }),
    );
    const id = present(GroupId, "security group id");
    request.exists(id);
    const group = (await ec2(aws).send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }))).SecurityGroups?.[0];
    // AWS lets a new group reach everything; the official plugin takes that rule out, so that a program says what may leave.
    const IpPermissions = group?.IpPermissionsEgress ?? [];
    if (IpPermissions.length > 0) await ec2(aws).send(new RevokeSecurityGroupEgressCommand({ GroupId: id, IpPermissions }));
    return {
      id,
      outputs: { arn: arnOf(aws, group?.OwnerId, `security-group/${id}`), ownerId: group?.OwnerId, vpcId: group?.VpcId, description },
    };
  },
  async update(aws, id, olds, news) {
    await retag(aws, id, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => ec2(aws).send(new DeleteSecurityGroupCommand({ GroupId: id })), NOT_FOUND);
  },
  async read(aws, id) {
    const found = await unlessGone(() => ec2(aws).send(new DescribeSecurityGroupsCommand({ GroupIds: [id] })), NOT_FOUND);
    return found?.SecurityGroups?.[0] === undefined ? undefined : { outputs: {} };
  },
};

type RuleArgs = Plain<aws.vpc.SecurityGroupIngressRuleArgs>;

function permission(inputs: RuleArgs) {
  const Description = inputs.description;
  return {
    IpProtocol: inputs.ipProtocol,
    FromPort: inputs.fromPort,
    ToPort: inputs.toPort,
    ...(inputs.cidrIpv4 === undefined ? {} : { IpRanges: [{ CidrIp: inputs.cidrIpv4, Description }] }),
    ...(inputs.cidrIpv6 === undefined ? {} : { Ipv6Ranges: [{ CidrIpv6: inputs.cidrIpv6, Description }] }),
    ...(inputs.referencedSecurityGroupId === undefined
      ? {}
      : { UserIdGroupPairs: [{ GroupId: inputs.referencedSecurityGroupId, Description }] }),
  };
}

function rule(direction: "ingress" | "egress"): AwsKind<aws.vpc.SecurityGroupIngressRuleArgs, aws.vpc.SecurityGroupIngressRuleState> {
  return {
    inputs: {
      securityGroupId: { required: true, replace: true },
      ipProtocol: { required: true },
      fromPort: {},
      toPort: {},
      cidrIpv4: {},
      cidrIpv6: {},
      referencedSecurityGroupId: {},
      description: {},
      tags: {},
    },
    outputs: ["arn", "securityGroupRuleId"],
    check: (_aws, inputs) => {
      const sources = [inputs.cidrIpv4, inputs.cidrIpv6, inputs.referencedSecurityGroupId].filter((source) => source !== undefined);
      return sources.length === 1
        ? []
        : [{ property: "cidrIpv4", reason: "exactly one of cidrIpv4, cidrIpv6, referencedSecurityGroupId has to be given" }];
    },
    async create(aws, inputs) {
      const request = { GroupId: inputs.securityGroupId, IpPermissions: [permission(inputs)], ...tagged("security-group-rule", inputs) };
      const { SecurityGroupRules } =
        direction === "ingress"
          ? await ec2(aws).send(new AuthorizeSecurityGroupIngressCommand(request))
          : await ec2(aws).send(new AuthorizeSecurityGroupEgressCommand(request));
      const made = SecurityGroupRules?.[0];
      const id = present(made?.SecurityGroupRuleId, "security group rule id");
      return { id, outputs: { securityGroupRuleId: id, arn: arnOf(aws, made?.GroupOwnerId, `security-group-rule/${id}`) } };
    },
    async update(aws, id, olds, news) {
      await ec2(aws).send(
        new ModifySecurityGroupRulesCommand({
          GroupId: news.securityGroupId,
          SecurityGroupRules: [
            {
              SecurityGroupRuleId: id,
              SecurityGroupRule: {
                IpProtocol: news.ipProtocol,
                FromPort: news.fromPort,
                ToPort: news.toPort,
                CidrIpv4: news.cidrIpv4,
                CidrIpv6: news.cidrIpv6,
                ReferencedGroupId: news.referencedSecurityGroupId,
                Description: news.description,
              },
            },
          ],
        }),
      );
      await retag(aws, id, olds, news);
      return {};
    },
    async delete(aws, id, outputs) {
      const request = { GroupId: outputs.securityGroupId, SecurityGroupRuleIds: [id] };
      await unlessGone(
        async () =>
          direction === "ingress"
            ? await ec2(aws).send(new RevokeSecurityGroupIngressCommand(request))
            : await ec2(aws).send(new RevokeSecurityGroupEgressCommand(request)),
        NOT_FOUND,
      );
    },
    async read(aws, id, inputs) {
      const request = new DescribeSecurityGroupRulesCommand({ SecurityGroupRuleIds: [id] });
      const found = (await unlessGone(() => ec2(aws).send(request), NOT_FOUND))?.SecurityGroupRules?.find(
        (each) => each.SecurityGroupRuleId === id,
      );
      if (found === undefined) return undefined;
      const live = {
        securityGroupId: found.GroupId,
        ipProtocol: found.IpProtocol,
        cidrIpv4: found.CidrIpv4,
        cidrIpv6: found.CidrIpv6,
        referencedSecurityGroupId: found.ReferencedGroupInfo?.GroupId,
        // For all protocols EC2 tells ports of -1, which a program leaves out.
        ...(found.IpProtocol === "-1" ? {} : { fromPort: found.FromPort, toPort: found.ToPort }),
      };
      const told = Object.fromEntries(Object.entries(live).filter(([, value]) => value !== undefined));
      const now = Object.fromEntries(Object.entries(inputs).filter(([name]) => !(name in live)));
      return { outputs: told, inputs: { ...now, ...told } };
    },
  };
}

export const securityGroupIngressRule = rule("ingress");
export const securityGroupEgressRule = rule("egress");
