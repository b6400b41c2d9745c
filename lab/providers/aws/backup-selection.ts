import type * as aws from "@pulumi/aws";
import { CreateBackupSelectionCommand, DeleteBackupSelectionCommand, GetBackupSelectionCommand } from "@aws-sdk/client-backup";
import { present, sameSet, unlessGone, type AwsKind } from "./aws";
import { backup, GONE } from "./backup-client";

/** What a plan backs up, by ARN. Every property replaces: AWS Backup cannot change one. */
export const selection: AwsKind<aws.backup.SelectionArgs, aws.backup.SelectionState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 50 } },
    planId: { required: true, replace: true },
    iamRoleArn: { required: true, replace: true },
    resources: { replace: true, same: sameSet },
    notResources: { replace: true, same: sameSet },
  },
  async create(aws, inputs) {
    const { SelectionId } = await backup(aws).send(
      new CreateBackupSelectionCommand({
        BackupPlanId: inputs.planId,
        BackupSelection: {
          SelectionName: inputs.name,
          IamRoleArn: inputs.iamRoleArn,
          Resources: inputs.resources,
          NotResources: inputs.notResources,
        },
      }),
    );
    return { id: present(SelectionId, "selection id"), outputs: {} };
  },
  async delete(aws, id, outputs) {
    await unlessGone(
      () => backup(aws).send(new DeleteBackupSelectionCommand({ BackupPlanId: outputs.planId, SelectionId: id })),
      GONE,
      "InvalidParameterValueException",
    );
  },
  async read(aws, id, inputs) {
    const found = await unlessGone(
      () => backup(aws).send(new GetBackupSelectionCommand({ BackupPlanId: inputs.planId, SelectionId: id })),
      GONE,
      "InvalidParameterValueException",
    );
    if (found?.BackupSelection === undefined) return undefined;
    const { IamRoleArn: iamRoleArn, Resources } = found.BackupSelection;
    const resources = sameSet(Resources, inputs.resources) ? inputs.resources : Resources;
    return { outputs: {}, inputs: { ...inputs, iamRoleArn, resources } };
  },
};
