import { describe, expect, it } from "vitest";
import { Aws, camel, pascal, sameJson, sameSet } from "../../../lab/providers/aws/aws";
import { provider } from "../../../lab/providers/aws/provider";
import { tagChanges, withDefaultTags } from "../../../lab/providers/aws/tags";

/** Every type that the stacks use. */
const TYPES = `ec2/vpc:Vpc ec2/subnet:Subnet ec2/internetGateway:InternetGateway ec2/routeTable:RouteTable ec2/route:Route
  ec2/routeTableAssociation:RouteTableAssociation ec2/securityGroup:SecurityGroup vpc/securityGroupIngressRule:SecurityGroupIngressRule
  vpc/securityGroupEgressRule:SecurityGroupEgressRule kms/key:Key kms/alias:Alias rds/subnetGroup:SubnetGroup rds/parameterGroup:ParameterGroup
  rds/instance:Instance rds/snapshot:Snapshot rds/snapshotCopy:SnapshotCopy
  rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication s3/bucket:Bucket s3/bucketVersioning:BucketVersioning
  s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration s3/bucketPublicAccessBlock:BucketPublicAccessBlock
  s3/bucketPolicy:BucketPolicy s3/bucketReplicationConfig:BucketReplicationConfig
  s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration
  s3/bucketObjectv2:BucketObjectv2 iam/role:Role iam/rolePolicy:RolePolicy lb/loadBalancer:LoadBalancer lb/targetGroup:TargetGroup
  lb/listener:Listener lb/listenerRule:ListenerRule route53/zone:Zone route53/healthCheck:HealthCheck route53/record:Record
  cloudwatch/metricAlarm:MetricAlarm sns/topic:Topic backup/vault:Vault backup/vaultLockConfiguration:VaultLockConfiguration
  backup/vaultPolicy:VaultPolicy backup/plan:Plan backup/selection:Selection cloudtrail/trail:Trail
  servicequotas/serviceQuota:ServiceQuota`
  .split(/\s+/)
  .map((token) => `aws:${token}`);

describe("types", () => {
  it.each(TYPES)("has %s", async (type) => {
    await expect(provider.kind(type)).resolves.toHaveProperty("create");
  });

  it.each(["aws:ec2/vpc:Subnet", "aws:ec2/nothing:Nothing", "aws:eks/cluster:Cluster", "kubernetes:core/v1:Secret"])(
    "has no %s",
    async (type) => {
      await expect(provider.kind(type)).resolves.toBeUndefined();
    },
  );

  it.each([
    ["aws:route53/healthCheck:HealthCheck", ["type", "requestInterval", "measureLatency"]],
    [
      "aws:rds/instance:Instance",
      ["engine", "dbName", "username", "storageEncrypted", "kmsKeyId", "availabilityZone", "snapshotIdentifier", "restoreToPointInTime"],
    ],
    ["aws:s3/bucketObjectv2:BucketObjectv2", ["bucket", "key"]],
    ["aws:rds/snapshot:Snapshot", ["dbInstanceIdentifier", "dbSnapshotIdentifier"]],
    [
      "aws:rds/snapshotCopy:SnapshotCopy",
      ["sourceDbSnapshotIdentifier", "targetDbSnapshotIdentifier", "kmsKeyId", "copyTags", "destinationRegion"],
    ],
    [
      "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
      ["sourceDbInstanceArn", "kmsKeyId", "retentionPeriod", "preSignedUrl"],
    ],
    ["aws:backup/vault:Vault", ["name", "kmsKeyArn"]],
    [
      "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
      ["backupVaultName", "changeableForDays", "maxRetentionDays", "minRetentionDays"],
    ],
    ["aws:backup/vaultPolicy:VaultPolicy", ["backupVaultName"]],
    ["aws:backup/plan:Plan", ["name"]],
    ["aws:backup/selection:Selection", ["name", "planId", "iamRoleArn", "resources", "notResources"]],
  ])("%s is replaced for %j alone", async (type, expected) => {
    const kind = await provider.kind(type);
    const inputs = kind?.inputs as Record<string, { replace?: true }>;
    expect(Object.keys(inputs).filter((name) => inputs[name]?.replace === true)).toEqual(expected);
  });
});

it.each(
  `rds/instance:Instance rds/snapshot:Snapshot s3/bucketReplicationConfig:BucketReplicationConfig s3/bucketObjectv2:BucketObjectv2
  vpc/securityGroupIngressRule:SecurityGroupIngressRule vpc/securityGroupEgressRule:SecurityGroupEgressRule`.split(/\s+/),
)("aws:%s is read anew by a refresh", async (type) => {
  expect((await provider.kind(`aws:${type}`))?.read).toBeTypeOf("function");
});

describe("tags", () => {
  it("of the provider lie under those of the resource", async () => {
    const kind = withDefaultTags({
      inputs: { tags: {} },
      create: () => Promise.reject(new Error()),
      delete: () => Promise.reject(new Error()),
    });
    const inputs: { tags: object; tagsAll?: object } = { tags: { Name: "a", Team: "own" } };
    await kind.check?.(new Aws("eu-north-1", { Team: "default", Environment: "lab" }), inputs, undefined, {} as never);
    expect(inputs.tagsAll).toEqual({ Environment: "lab", Name: "a", Team: "own" });
  });

  it("change by what is set and what is removed", () => {
    expect(tagChanges({ tagsAll: { a: "1", b: "2", c: "3" } }, { tagsAll: { a: "1", b: "x", d: "4" } })).toEqual({
      set: { b: "x", d: "4" },
      remove: ["c"],
    });
    expect(tagChanges({ tagsAll: { a: "1" } }, { tagsAll: { a: "1" } })).toBeUndefined();
  });
});

it("compares documents and sets by meaning", () => {
  expect(sameJson('{"a":[1,2],"b":{"c":1,"d":2}}', '{ "b": {"d":2,"c":1}, "a": [1,2] }')).toBe(true);
  expect(sameJson('{"a":[1,2]}', '{"a":[2,1]}')).toBe(false);
  expect(sameJson("no document", "no document")).toBe(false);
  expect(sameSet(["a", "b"], ["b", "a"])).toBe(true);
  expect(sameSet(["a", "a"], ["b", "a"])).toBe(false);
});

it("spells property names as the API does", () => {
  const own = { rules: [{ id: "x", bucketKeyEnabled: true }] };
  const api = { Rules: [{ ID: "x", BucketKeyEnabled: true }] };
  expect(pascal(own, { id: "ID" })).toEqual(api);
  expect(camel({ ...api, Unset: undefined }, { id: "ID" })).toEqual(own);
});
