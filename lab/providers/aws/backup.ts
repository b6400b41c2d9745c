import type * as aws from "@pulumi/aws";
import {
  BackupClient,
  CreateBackupVaultCommand,
  DeleteBackupVaultCommand,
  DescribeBackupVaultCommand,
  TagResourceCommand as TagVaultCommand,
  UntagResourceCommand as UntagVaultCommand,
} from "@aws-sdk/client-backup";
import { present, unlessGone, type Aws, type AwsKind } from "./aws";
import { tagChanges } from "./tags";

/** Backup vaults. */

const backup = (aws: Aws): BackupClient => aws.client(BackupClient);

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
    const tags = tagChanges(olds, news);
    if (tags !== undefined && tags.remove.length > 0) {
      await backup(aws).send(new UntagVaultCommand({ ResourceArn: olds.arn, TagKeyList: tags.remove }));
    }
    if (tags !== undefined) await backup(aws).send(new TagVaultCommand({ ResourceArn: olds.arn, Tags: tags.set }));
    return {};
  },
  async delete(aws, id) {
    await unlessGone(() => backup(aws).send(new DeleteBackupVaultCommand({ BackupVaultName: id })), "ResourceNotFoundException");
  },
  async read(aws, id) {
    const found = await unlessGone(
      () => backup(aws).send(new DescribeBackupVaultCommand({ BackupVaultName: id })),
      "ResourceNotFoundException",
    );
    return found === undefined ? undefined : { outputs: { recoveryPoints: found.NumberOfRecoveryPoints ?? 0 } };
  },
};
