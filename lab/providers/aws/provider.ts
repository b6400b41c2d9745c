import type { AnyKind, Properties, Provider } from "../base";
import { isMap } from "../base";
import { Aws } from "./aws";
import { withDefaultTags, type Tags } from "./tags";

/** A module of kinds by their names in `@pulumi/aws`, e.g. `vpc` for `aws:ec2/vpc:Vpc`. Loaded when the first of them is asked for. */
const MODULES: Record<string, () => Promise<Record<string, unknown>>> = {
  backup: () => import("./backup.js"),
  cloudtrail: () => import("./cloudtrail.js"),
  cloudwatch: () => import("./cloudwatch.js"),
  ec2: () => import("./ec2.js"),
  iam: () => import("./iam.js"),
  kms: () => import("./kms.js"),
  lb: () => import("./elb.js"),
  rds: () => import("./rds.js"),
  route53: () => import("./route53.js"),
  s3: () => import("./s3.js"),
  servicequotas: () => import("./servicequotas.js"),
  sns: () => import("./sns.js"),
  vpc: () => import("./ec2.js"),
};

/** `aws:<module>/<name>:<Type>` */
const TOKEN = /^aws:(\w+)\/(\w+):(\w+)$/;

export const provider: Provider<Aws> = {
  name: "aws",
  version: "7.48.0",
  // The SDK sends the two `skip` arguments whether a program gives them or not; nothing is validated here anyway.
  config: { region: "text", defaultTags: "json", skipCredentialsValidation: "json", skipRegionValidation: "json" },
  configure(config) {
    const region = config.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
    if (typeof region !== "string") throw new Error("the aws provider has no region: give it one");
    return new Aws(region, tagsOf(config));
  },
  async kind(type) {
    const [, module = "", name = "", last = ""] = TOKEN.exec(type) ?? [];
    if (last !== name.charAt(0).toUpperCase() + name.slice(1)) return undefined;
    const kind = (await MODULES[module]?.())?.[name];
    return kind === undefined ? undefined : withRegion(withDefaultTags(kind as AnyKind<Aws>));
  },
};

function tagsOf(config: Properties): Tags {
  const tags = isMap(config.defaultTags) ? config.defaultTags.tags : undefined;
  return isMap(tags)
    ? Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]))
    : {};
}

/** Since version 7 every resource says its region. */
function withRegion(kind: AnyKind<Aws>): AnyKind<Aws> {
  return {
    ...kind,
    async create(aws, inputs, request) {
      const { id, outputs } = await kind.create(aws, inputs, request);
      return { id, outputs: { region: aws.region, ...outputs } };
    },
  };
}
