import type * as aws from "@pulumi/aws";
import type * as kubernetes from "@pulumi/kubernetes";
import type { Unwrap } from "@pulumi/pulumi";

/** A type of resource, by its token, with the type of its properties: the pack starts without loading the providers' packages. */
export interface Kind<_Props> {
  readonly token: string;
}

const kind = <Args>(token: string): Kind<Unwrap<Args>> => ({ token });

export const INSTANCE = kind<aws.rds.InstanceArgs>("aws:rds/instance:Instance");
export const SNAPSHOT = kind<aws.rds.SnapshotArgs>("aws:rds/snapshot:Snapshot");
export const PARAMETER_GROUP = kind<aws.rds.ParameterGroupArgs>("aws:rds/parameterGroup:ParameterGroup");
export const KEY = kind<aws.kms.KeyArgs>("aws:kms/key:Key");
export const BUCKET = kind<aws.s3.BucketArgs>("aws:s3/bucket:Bucket");
export const BUCKET_VERSIONING = kind<aws.s3.BucketVersioningArgs>("aws:s3/bucketVersioning:BucketVersioning");
export const BUCKET_ENCRYPTION = kind<aws.s3.BucketServerSideEncryptionConfigurationArgs>(
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
);
export const BUCKET_BLOCK = kind<aws.s3.BucketPublicAccessBlockArgs>("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock");
export const BUCKET_POLICY = kind<aws.s3.BucketPolicyArgs>("aws:s3/bucketPolicy:BucketPolicy");
export const BUCKET_REPLICATION = kind<aws.s3.BucketReplicationConfigArgs>("aws:s3/bucketReplicationConfig:BucketReplicationConfig");
export const BUCKET_LOCK = kind<aws.s3.BucketObjectLockConfigurationArgs>(
  "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
);
export const BUCKET_LIFECYCLE = kind<aws.s3.BucketLifecycleConfigurationArgs>(
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
);
export const OBJECT = kind<aws.s3.BucketObjectv2Args>("aws:s3/bucketObjectv2:BucketObjectv2");
export const ROLE = kind<aws.iam.RoleArgs>("aws:iam/role:Role");
export const ROLE_POLICY = kind<aws.iam.RolePolicyArgs>("aws:iam/rolePolicy:RolePolicy");
export const BALANCER = kind<aws.lb.LoadBalancerArgs>("aws:lb/loadBalancer:LoadBalancer");
export const TARGET_GROUP = kind<aws.lb.TargetGroupArgs>("aws:lb/targetGroup:TargetGroup");
export const LISTENER = kind<aws.lb.ListenerArgs>("aws:lb/listener:Listener");
export const SECURITY_GROUP = kind<aws.ec2.SecurityGroupArgs>("aws:ec2/securityGroup:SecurityGroup");
export const INGRESS = kind<aws.vpc.SecurityGroupIngressRuleArgs>("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule");
export const HEALTH_CHECK = kind<aws.route53.HealthCheckArgs>("aws:route53/healthCheck:HealthCheck");
export const ALARM = kind<aws.cloudwatch.MetricAlarmArgs>("aws:cloudwatch/metricAlarm:MetricAlarm");
export const VAULT = kind<aws.backup.VaultArgs>("aws:backup/vault:Vault");
export const VAULT_LOCK = kind<aws.backup.VaultLockConfigurationArgs>("aws:backup/vaultLockConfiguration:VaultLockConfiguration");
export const BACKUP_PLAN = kind<aws.backup.PlanArgs>("aws:backup/plan:Plan");
export const BACKUP_SELECTION = kind<aws.backup.SelectionArgs>("aws:backup/selection:Selection");
export const SERVICE_QUOTA = kind<aws.servicequotas.ServiceQuotaArgs>("aws:servicequotas/serviceQuota:ServiceQuota");
export const AWS_PROVIDER = kind<aws.ProviderArgs>("pulumi:providers:aws");

export const CONFIG_MAP = kind<kubernetes.core.v1.ConfigMapArgs>("kubernetes:core/v1:ConfigMap");
export const SECRET = kind<kubernetes.core.v1.SecretArgs>("kubernetes:core/v1:Secret");
export const DEPLOYMENT = kind<kubernetes.apps.v1.DeploymentArgs>("kubernetes:apps/v1:Deployment");
export const DISRUPTION_BUDGET = kind<kubernetes.policy.v1.PodDisruptionBudgetArgs>("kubernetes:policy/v1:PodDisruptionBudget");
export const AUTOSCALER = kind<kubernetes.autoscaling.v2.HorizontalPodAutoscalerArgs>("kubernetes:autoscaling/v2:HorizontalPodAutoscaler");

export const STACK_REFERENCE: Kind<{ name: string; outputs: Record<string, unknown> }> = { token: "pulumi:pulumi:StackReference" };
