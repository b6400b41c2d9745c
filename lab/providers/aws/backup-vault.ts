import type * as aws from "@pulumi/aws";
import {
  CreateBackupVaultCommand,
  DeleteBackupVaultAccessPolicyCommand,
  DeleteBackupVaultCommand,
  DeleteBackupVaultLockConfigurationCommand,
  DescribeBackupVaultCommand,
  GetBackupVaultAccessPolicyCommand,
  PutBackupVaultAccessPolicyCommand,
  PutBackupVaultLockConfigurationCommand,
  type DescribeBackupVaultOutput,
} from "@aws-sdk/client-backup";
import { isUnknown } from "../base";
import { present, sameJson, unlessGone, type Aws, type AwsKind } from "./aws";
import { backup, GONE, retag } from "./backup-client";

export const vault: AwsKind<aws.backup.VaultArgs, aws.backup.VaultState> = {
  inputs: { name: { replace: true, autoName: { maxLength: 50 } }, kmsKeyArn: { replace: true, computed: true }, tags: {} },
  outputs: ["arn", "recoveryPoints"],
  async create(aws, inputs) {
    const name = present(inputs.name, "name");
    const { BackupVaultArn } = await backup(aws).send(
      new CreateBackupVaultCommand({ BackupVaultName: name, EncryptionKeyArn: inputs.kmsKeyArn, BackupVaultTags: inputs.tagsAll }),
    );
    return { id: name, outputs: { arn: BackupVaultArn, recoveryPoints: 0 } };
  },
  async update(aws, _id, olds, news) {
    await retag(aws, olds.arn, olds, news);
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => backup(aws).send(new DeleteBackupVaultCommand({ BackupVaultName: id })), GONE);
  },
  async read(aws, id) {
    const found = await describe(aws, id);
    return found === undefined ? undefined : { outputs: { recoveryPoints: found.NumberOfRecoveryPoints ?? 0 } };
  },
};

/** Every property replaces: the official plugin has no update of it. */
export const vaultLockConfiguration: AwsKind<aws.backup.VaultLockConfigurationArgs, aws.backup.VaultLockConfigurationState> = {
  inputs: {
    backupVaultName: { required: true, replace: true },
    changeableForDays: { replace: true },
    maxRetentionDays: { replace: true },
    minRetentionDays: { replace: true },
  },
  outputs: ["backupVaultArn"],
  check: (_aws, { changeableForDays }) =>
    changeableForDays === undefined || isUnknown(changeableForDays) || changeableForDays >= 3
      ? []
      : [{ property: "changeableForDays", reason: `expected changeableForDays to be at least (3), got ${changeableForDays}` }],
  async create(aws, inputs) {
    const id = inputs.backupVaultName;
    await backup(aws).send(
      new PutBackupVaultLockConfigurationCommand({
        BackupVaultName: id,
        ChangeableForDays: inputs.changeableForDays,
        MaxRetentionDays: inputs.maxRetentionDays,
        MinRetentionDays: inputs.minRetentionDays,
      }),
    );
    return { id, outputs: { backupVaultArn: (await describe(aws, id))?.BackupVaultArn } };
  },
  async delete(aws, id) {
    await unlessGone(() => backup(aws).send(new DeleteBackupVaultLockConfigurationCommand({ BackupVaultName: id })), GONE);
  },
  async read(aws, id, inputs) {
    const found = await describe(aws, id);
    if (found === undefined) return undefined;
    const { BackupVaultArn: backupVaultArn, MinRetentionDays: minRetentionDays, MaxRetentionDays: maxRetentionDays } = found;
    return { outputs: { backupVaultArn }, inputs: { ...inputs, backupVaultName: id, minRetentionDays, maxRetentionDays } };
  },
};

export const vaultPolicy: AwsKind<aws.backup.VaultPolicyArgs, aws.backup.VaultPolicyState> = {
  inputs: { backupVaultName: { required: true, replace: true }, policy: { required: true, same: sameJson } },
  outputs: ["backupVaultArn"],
  async create(aws, { backupVaultName, policy }) {
    await backup(aws).send(new PutBackupVaultAccessPolicyCommand({ BackupVaultName: backupVaultName, Policy: policy }));
    return { id: backupVaultName, outputs: { backupVaultArn: (await describe(aws, backupVaultName))?.BackupVaultArn } };
  },
  async update(aws, id, _olds, news) {
    await backup(aws).send(new PutBackupVaultAccessPolicyCommand({ BackupVaultName: id, Policy: news.policy }));
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => backup(aws).send(new DeleteBackupVaultAccessPolicyCommand({ BackupVaultName: id })), GONE);
  },
  async read(aws, id, inputs) {
    const found = await unlessGone(() => backup(aws).send(new GetBackupVaultAccessPolicyCommand({ BackupVaultName: id })), GONE);
    if (found === undefined) return undefined;
    const policy = sameJson(found.Policy, inputs.policy) ? inputs.policy : found.Policy;
    return { outputs: { backupVaultArn: found.BackupVaultArn }, inputs: { backupVaultName: id, policy } };
  },
};

async function describe(aws: Aws, name: string): Promise<DescribeBackupVaultOutput | undefined> {
  return unlessGone(() => backup(aws).send(new DescribeBackupVaultCommand({ BackupVaultName: name })), GONE);
}
