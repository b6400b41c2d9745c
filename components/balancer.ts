import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { inBatches } from "./batches";
import { SERVICE_PORT } from "./network";

/** What the load balancer routes to one service. */
export interface Route {
  service: string;
  /** Path of the service, as in `/payments`; everything below it too. */
  path: string;
  /** Of the service: a tag of what is its own. */
  tier: number;
}

export interface BalancerArgs {
  /** Physical names of the site. */
  names: SiteNames;
  vpcId: pulumi.Input<string>;
  /** Public subnets, in two zones at least. */
  subnetIds: pulumi.Input<string>[];
  securityGroupId: pulumi.Input<string>;
  /** ACM certificate for the public names. Given, not requested: validation goes through DNS, which may be what is broken. */
  certificateArn: string;
  /**
   * The services, most important first, one at least: what no rule matches, the health path too, goes to the first. A
   * dormant site has the same routes, which lead to no pod: it answers 503 to everybody, and has all that DNS needs.
   */
  routes: Route[];
  /** Path that the load balancer asks of each pod. A target group asks the same as DNS does of the whole site. */
  healthPath: string;
  /**
   * Security policy of the listener.
   * @default TLS 1.3, and 1.2 with forward secrecy and AEAD ciphers alone. The policy without 1.2 would fail every
   * Route 53 health check, whose HTTPS is documented to need an endpoint that takes TLS 1.0 to 1.2 (HealthCheckConfig
   * in the Route 53 API reference): DNS would then see no site as healthy, ever.
   */
  sslPolicy?: string;
}

/**
 * The site's load balancer: one HTTPS listener, and a target group and a rule for each service. Pods come and go in the
 * target groups by way of `TargetGroupBinding`s; nothing here changes in a failover.
 */
export class Balancer extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;
  /** `app/<name>/<id>`, as metrics name it. */
  readonly arnSuffix: pulumi.Output<string>;
  readonly dnsName: pulumi.Output<string>;
  /** Hosted zone of the DNS name, for alias records. */
  readonly zoneId: pulumi.Output<string>;
  /** Target groups by service, of those that are there so far. */
  readonly targetGroups: Record<string, aws.lb.TargetGroup>;
  /** Resolves when every route is made. */
  readonly complete: Promise<void>;

  constructor(name: string, args: BalancerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Balancer", name, {}, opts);
    const { names, routes, sslPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" } = args;
    const parent = { parent: this };

    const balancer = new aws.lb.LoadBalancer(
      `${name}-balancer`,
      {
        name: names.balancer,
        loadBalancerType: "application",
        internal: false,
        subnets: args.subnetIds,
        securityGroups: [args.securityGroupId],
        enableDeletionProtection: true,
        dropInvalidHeaderFields: true,
      },
      parent,
    );
    const tagsOf = ({ tier }: Route) => ({ tier: String(tier) });
    const group = (route: Route): aws.lb.TargetGroup =>
      new aws.lb.TargetGroup(
        `${name}-${route.service}`,
        {
          name: names.targetGroup(route.service),
          tags: tagsOf(route),
          vpcId: args.vpcId,
          targetType: "ip",
          protocol: "HTTP",
          port: SERVICE_PORT,
          // Seconds: as long as a pod may take to end.
          deregistrationDelay: 10,
          // The shortest that a load balancer allows: a new pod takes traffic after 10 seconds.
          healthCheck: {
            protocol: "HTTP",
            port: "traffic-port",
            path: args.healthPath,
            matcher: "200",
            interval: 5,
            timeout: 2,
            healthyThreshold: 2,
            unhealthyThreshold: 2,
          },
        },
        parent,
      );
    this.targetGroups = {};
    const groupOf = (route: Route): aws.lb.TargetGroup => (this.targetGroups[route.service] ??= group(route));
    const forwardTo = (route: Route) => ({ type: "forward", targetGroupArn: groupOf(route).arn });

    const [first] = routes;
    if (!first) throw new RangeError("a load balancer routes to one service at least");
    const listener = new aws.lb.Listener(
      `${name}-https`,
      {
        loadBalancerArn: balancer.arn,
        port: 443,
        protocol: "HTTPS",
        sslPolicy,
        certificateArn: args.certificateArn,
        defaultActions: [forwardTo(first)],
      },
      parent,
    );
    const rule = (route: Route, i: number): aws.lb.ListenerRule =>
      new aws.lb.ListenerRule(
        `${name}-${route.service}`,
        {
          listenerArn: listener.arn,
          priority: i + 1,
          conditions: [{ pathPattern: { values: [route.path, `${route.path}/*`] } }],
          actions: [forwardTo(route)],
          tags: tagsOf(route),
        },
        parent,
      );
    this.complete = inBatches(routes, (route, i) => [groupOf(route), rule(route, i)]);

    this.arn = balancer.arn;
    this.arnSuffix = balancer.arnSuffix;
    this.dnsName = balancer.dnsName;
    this.zoneId = balancer.zoneId;
    this.registerOutputs({ arn: this.arn, dnsName: this.dnsName, zoneId: this.zoneId });
  }
}
