import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb";
import { loadTopology } from "../../../stacks/topology-file";
import { namesFor } from "../../../topology/names";

/** As loose as the engine sees them. */
export type Inputs = Record<string, any>;

/** A resource as the engine would have been asked for it. */
export interface Recorded {
  urn: string;
  type: string;
  name: string;
  /** Inputs with secrets opened. */
  inputs: Inputs;
  /** Paths of the inputs that were secret: `spec.template.metadata`. */
  secrets: string[];
  parent: string;
  /** Urn of the provider, without its id. */
  provider: string;
  dependsOn: string[];
  /** By input: urns of the resources that its value is made of. */
  dependencies: Record<string, string[]>;
  retainOnDelete: boolean;
  deleteBeforeReplace: boolean;
  ignoreChanges: string[];
  /** Empty for one that is made. */
  importId: string;
}

export interface Recording {
  resources: Recorded[];
  /** The one resource of that type and name. */
  get(type: string, name: string): Recorded;
  /** All of that type, by urn. */
  all(type: string): Recorded[];
  /** Types and names, sorted: what there is, as one list. */
  list(): string[];
}

/** The project's own topology: what is tested is what is shipped. */
export const topology = loadTopology("topology.yaml");
export const names = namesFor(topology, "production");

/** What the providers would answer beside the inputs; any other resource type is an error. */
const ANSWERS: Record<string, (name: string, inputs: Inputs) => Record<string, unknown>> = {
  "pulumi:providers:aws": () => ({}),
  "pulumi:providers:kubernetes": () => ({}),
  "pulumi:providers:postgresql": () => ({}),
  "aws:ec2/vpc:Vpc": () => ({}),
  "aws:ec2/subnet:Subnet": () => ({}),
  "aws:ec2/internetGateway:InternetGateway": () => ({}),
  "aws:ec2/routeTable:RouteTable": () => ({}),
  "aws:ec2/route:Route": () => ({}),
  "aws:ec2/routeTableAssociation:RouteTableAssociation": () => ({}),
  "aws:ec2/securityGroup:SecurityGroup": () => ({}),
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": () => ({}),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": () => ({}),
  "aws:kms/key:Key": () => ({ keyId: "key-id", arn: "arn:key" }),
  "aws:kms/alias:Alias": (_, i) => ({ arn: `arn:${i.name}` }),
  "aws:rds/subnetGroup:SubnetGroup": () => ({}),
  "aws:rds/parameterGroup:ParameterGroup": () => ({}),
  "aws:rds/instance:Instance": (_, i) => ({ arn: `arn:${i.identifier}`, address: `${i.identifier}.rds`, port: 5432 }),
  "aws:rds/snapshot:Snapshot": () => ({}),
  "aws:s3/bucket:Bucket": (_, i) => ({ arn: `arn:aws:s3:::${i.bucket}` }),
  "aws:s3/bucketVersioning:BucketVersioning": () => ({}),
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": () => ({}),
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": () => ({}),
  "aws:s3/bucketPolicy:BucketPolicy": () => ({}),
  "aws:s3/bucketReplicationConfig:BucketReplicationConfig": () => ({}),
  "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": () => ({}),
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": () => ({}),
  "aws:s3/bucketObjectv2:BucketObjectv2": () => ({}),
  "aws:iam/role:Role": (_, i) => ({ arn: `arn:role/${i.name}` }),
  "aws:iam/rolePolicy:RolePolicy": () => ({}),
  "aws:lb/loadBalancer:LoadBalancer": (_, i) => ({
    arn: "arn:balancer",
    arnSuffix: "app/balancer",
    dnsName: `${i.name}.elb`,
    zoneId: "ZELB",
  }),
  "aws:lb/targetGroup:TargetGroup": (_, i) => ({ arn: `arn:${i.name}`, arnSuffix: `targetgroup/${i.name}` }),
  "aws:lb/listener:Listener": () => ({ arn: "arn:listener" }),
  "aws:lb/listenerRule:ListenerRule": () => ({}),
  "aws:route53/zone:Zone": () => ({ zoneId: "ZONE", nameServers: ["ns.example"] }),
  "aws:route53/healthCheck:HealthCheck": () => ({}),
  "aws:route53/record:Record": () => ({}),
  "aws:cloudwatch/metricAlarm:MetricAlarm": () => ({}),
  "aws:sns/topic:Topic": (_, i) => ({ arn: `arn:topic/${i.name}` }),
  "aws:backup/vault:Vault": (_, i) => ({ arn: `arn:vault/${i.name}` }),
  "aws:backup/vaultLockConfiguration:VaultLockConfiguration": () => ({}),
  "aws:backup/vaultPolicy:VaultPolicy": () => ({}),
  "aws:backup/plan:Plan": (_, i) => ({ arn: `arn:plan/${i.name}` }),
  "aws:backup/selection:Selection": () => ({}),
  "aws:cloudtrail/trail:Trail": (_, i) => ({ arn: `arn:trail/${i.name}` }),
  "aws:servicequotas/serviceQuota:ServiceQuota": () => ({ adjustable: true, requestStatus: "APPROVED" }),
  "kubernetes:core/v1:Namespace": () => ({}),
  "kubernetes:core/v1:ConfigMap": () => ({}),
  "kubernetes:core/v1:Secret": () => ({}),
  "kubernetes:core/v1:Service": () => ({}),
  "kubernetes:core/v1:ServiceAccount": () => ({}),
  "kubernetes:apps/v1:Deployment": () => ({}),
  "kubernetes:policy/v1:PodDisruptionBudget": () => ({}),
  "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": () => ({}),
  "kubernetes:networking.k8s.io/v1:NetworkPolicy": () => ({}),
  "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding": () => ({}),
  "postgresql:index/role:Role": () => ({}),
  "postgresql:index/grant:Grant": () => ({}),
  "postgresql:index/defaultPrivileges:DefaultPrivileges": () => ({}),
  "postgresql:index/extension:Extension": () => ({}),
  "postgresql:index/grantRole:GrantRole": () => ({}),
};

export interface RecordOptions {
  /** @default production-primary */
  stack?: string;
  /** Stack config, without `changeover:`. */
  config?: Record<string, string>;
  /** Keys of the config that are secret. */
  secretKeys?: string[];
  /** What other stacks export, by their full name. Reading one that is not here fails. */
  stacks?: Record<string, Record<string, unknown>>;
}

const monitor = MockMonitor.prototype as unknown as {
  registerResource(req: RegisterResourceRequest, done: unknown): Promise<void>;
};
const { registerResource } = monitor;

/**
 * Runs `make` against mocks and tells every resource that it asked for, and what it returned.
 * @param make is given a look at what was asked for so far: types and names
 */
export async function record<T>(
  make: (recording: { asked: () => string[] }) => T | Promise<T>,
  options: RecordOptions = {},
): Promise<Recording & { result: T }> {
  const { stack = "production-primary", config = {}, secretKeys = [], stacks = {} } = options;
  const resources: Recorded[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        if (type === "pulumi:pulumi:StackReference") {
          // A stack's own outputs are those of its last update: none, unless the test says so.
          const outputs = stacks[inputs.name] ?? (String(inputs.name).endsWith(`/${stack}`) ? {} : undefined);
          if (!outputs) throw new Error(`no such stack: ${inputs.name}`);
          return { id: inputs.name, state: { name: inputs.name, outputs } };
        }
        if (type.startsWith("changeover:") || type === "pulumi:pulumi:Stack") return { id: undefined, state: {} };
        const answer = ANSWERS[type];
        if (!answer) throw new Error(`nobody answers for the resource type ${type} (${name})`);
        return { id: `${name}-id`, state: { ...inputs, ...answer(name, opened(inputs) as Inputs) } };
      },
      call: ({ token }) => {
        throw new Error(`a call that no stack may make: ${token}`);
      },
    },
    "changeover",
    stack,
    false,
    "organization",
  );
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(config).map(([key, value]) => [`changeover:${key}`, value])),
    secretKeys.map((key) => `changeover:${key}`),
  );
  watch(resources);
  // Pulumi takes a stack trace of each of its thousands of promises; short ones make a test several times faster.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 1;
  // Nothing is asked for after all that was asked for has been answered, nor by a program that has failed.
  const answered = (): Promise<void> => (pulumi.runtime as unknown as { waitForRPCs(): Promise<void> }).waitForRPCs();
  const made = async (): Promise<T> => make({ asked: () => resources.map((r) => `${r.type} ${r.name}`) });
  let result: T;
  try {
    result = await made().catch(async (error: unknown) => {
      await answered().catch(() => undefined);
      throw error;
    });
    await answered();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  // Requests come in the order in which their inputs are known, which nobody promises: sorted by name instead.
  resources.sort((a, b) => (a.urn < b.urn ? -1 : 1));
  const all = (type: string): Recorded[] => resources.filter((r) => r.type === type);
  return {
    result,
    resources,
    all,
    get: (type, name) => {
      const found = all(type).filter((r) => r.name === name);
      if (found.length !== 1)
        throw new Error(
          `${found.length} of ${type} named ${name}; there are: ${
            all(type)
              .map((r) => r.name)
              .join(", ") || "none"
          }`,
        );
      return found[0]!;
    },
    list: () => resources.map((r) => `${r.type} ${r.name}`).sort(),
  };
}

/** Mocks are not told parents, dependencies, providers or secrets; the monitor in front of them is. */
function watch(resources: Recorded[]): void {
  monitor.registerResource = async function (this: { newUrn(...args: string[]): string }, req, done) {
    const raw = (req.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>;
    const secrets: string[] = [];
    resources.push({
      urn: this.newUrn(req.getParent(), req.getType(), req.getName()),
      type: req.getType(),
      name: req.getName(),
      inputs: opened(raw, secrets) as Inputs,
      secrets,
      parent: req.getParent(),
      provider: req.getProvider().replace(/::[^:]*$/, ""),
      dependsOn: req.getDependenciesList(),
      dependencies: Object.fromEntries(
        [...req.getPropertydependenciesMap().entries()].map(([input, on]) => [input, on.getUrnsList()] as const),
      ),
      retainOnDelete: req.getRetainondelete() ?? false,
      deleteBeforeReplace: req.getDeletebeforereplace(),
      ignoreChanges: req.getIgnorechangesList(),
      importId: req.getImportid(),
    });
    await registerResource.call(this, req, done);
  };
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** The value with its secrets opened; where they were is noted. */
function opened(value: unknown, secrets: string[] = [], path: string[] = []): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (SIGNATURE in value && "value" in value && value[SIGNATURE] === SECRET) {
    secrets.push(path.join("."));
    return opened(value.value, secrets, path);
  }
  if (Array.isArray(value)) return value.map((item, i) => opened(item, secrets, [...path, String(i)]));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, opened(item, secrets, [...path, key])]));
}

/** Waits for an output's value. */
export function valueOf<T>(output: pulumi.Input<T>): Promise<T> {
  return new Promise((resolve) =>
    pulumi.output(output).apply((value) => {
      resolve(value as T);
    }),
  );
}
