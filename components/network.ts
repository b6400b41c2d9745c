import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { planSubnets } from "./network-plan";

/** Port that the services listen on. */
export const SERVICE_PORT = 8080;
/** Port of PostgreSQL. */
export const DATABASE_PORT = 5432;

export interface NetworkArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** IPv4 range of the site, 16 to 24 bits. No two sites overlap, so that they can be peered. */
  cidr: string;
}

/** A site's network: a public and a private subnet in each of three zones, and who may talk to whom. */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  /** Subnets of the load balancer. */
  readonly publicSubnetIds: pulumi.Output<string>[];
  /** Subnets of the database. No route leads out of them. */
  readonly privateSubnetIds: pulumi.Output<string>[];
  /** HTTPS in from anywhere, out to the services only. */
  readonly balancerSecurityGroupId: pulumi.Output<string>;
  /** PostgreSQL in from the site's own range; nothing out. */
  readonly databaseSecurityGroupId: pulumi.Output<string>;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Network", name, {}, opts);
    const { names, cidr } = args;
    const parent = { parent: this };
    const tags = (what: string) => ({ Name: `${names.prefix}-${what}` });

    const vpc = new aws.ec2.Vpc(
      `${name}-vpc`,
      { cidrBlock: cidr, enableDnsHostnames: true, enableDnsSupport: true, tags: { Name: names.prefix } },
      parent,
    );
    const gateway = new aws.ec2.InternetGateway(`${name}-gateway`, { vpcId: vpc.id }, parent);
    const routes = new aws.ec2.RouteTable(`${name}-routes`, { vpcId: vpc.id }, parent);
    new aws.ec2.Route(`${name}-default`, { routeTableId: routes.id, destinationCidrBlock: "0.0.0.0/0", gatewayId: gateway.id }, parent);

    const subnets = planSubnets(cidr).map((plan) => {
      const subnet = new aws.ec2.Subnet(
        `${name}-${plan.kind}-${plan.zone}`,
        {
          vpcId: vpc.id,
          cidrBlock: plan.cidr,
          availabilityZone: `${names.region}${plan.zone}`,
          tags: tags(`${plan.kind}-${plan.zone}`),
        },
        parent,
      );
      if (plan.kind === "public") {
        new aws.ec2.RouteTableAssociation(`${name}-public-${plan.zone}`, { subnetId: subnet.id, routeTableId: routes.id }, parent);
      }
      return { ...plan, id: subnet.id };
    });

    const balancer = new aws.ec2.SecurityGroup(
      `${name}-balancer`,
      { name: `${names.prefix}-balancer`, description: "Load balancer of the site", vpcId: vpc.id, tags: tags("balancer") },
      parent,
    );
    new aws.vpc.SecurityGroupIngressRule(
      `${name}-balancer-https`,
      {
        securityGroupId: balancer.id,
        description: "HTTPS from anywhere",
        ipProtocol: "tcp",
        fromPort: 443,
        toPort: 443,
        cidrIpv4: "0.0.0.0/0",
      },
      parent,
    );
    new aws.vpc.SecurityGroupEgressRule(
      `${name}-balancer-services`,
      {
        securityGroupId: balancer.id,
        description: "To the services of the site",
        ipProtocol: "tcp",
        fromPort: SERVICE_PORT,
        toPort: SERVICE_PORT,
        cidrIpv4: cidr,
      },
      parent,
    );

    const database = new aws.ec2.SecurityGroup(
      `${name}-database`,
      { name: names.databaseSecurityGroup, description: "Database of the site", vpcId: vpc.id, tags: tags("database") },
      parent,
    );
    // A replica streams over the provider's own network, so the other sites need no rule here.
    new aws.vpc.SecurityGroupIngressRule(
      `${name}-database-postgresql`,
      {
        securityGroupId: database.id,
        description: "PostgreSQL from the site",
        ipProtocol: "tcp",
        fromPort: DATABASE_PORT,
        toPort: DATABASE_PORT,
        cidrIpv4: cidr,
      },
      parent,
    );

    this.vpcId = vpc.id;
    this.publicSubnetIds = subnets.filter((s) => s.kind === "public").map((s) => s.id);
    this.privateSubnetIds = subnets.filter((s) => s.kind === "private").map((s) => s.id);
    this.balancerSecurityGroupId = balancer.id;
    this.databaseSecurityGroupId = database.id;
    this.registerOutputs({ vpcId: this.vpcId });
  }
}
