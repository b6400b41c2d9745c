import type * as aws from "@pulumi/aws";
import {
  CreateBackupPlanCommand,
  DeleteBackupPlanCommand,
  GetBackupPlanCommand,
  UpdateBackupPlanCommand,
  type BackupPlanInput,
  type Lifecycle,
} from "@aws-sdk/client-backup";
import { isMap, type Value } from "../base";
import { present, sameSet, unlessGone, type AwsKind, type Plain } from "./aws";
import { backup, GONE, retag } from "./backup-client";

type Rule = Plain<aws.types.input.backup.PlanRule>;

/** Property names that the lab knows, with those inside them. */
interface Shape {
  [name: string]: Shape | undefined;
}
const LIFECYCLE: Shape = { deleteAfter: {}, coldStorageAfter: {}, optInToArchiveForSupportedResources: {} };
const RULE: Shape = {
  ruleName: {},
  targetVaultName: {},
  schedule: {},
  scheduleExpressionTimezone: {},
  startWindow: {},
  completionWindow: {},
  enableContinuousBackup: {},
  lifecycle: LIFECYCLE,
  copyActions: { destinationVaultArn: {}, lifecycle: LIFECYCLE },
};

export const plan: AwsKind<aws.backup.PlanArgs, aws.backup.PlanState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 50 } },
    // A set, in the official plugin.
    rules: { required: true, same: sameSet },
    tags: {},
  },
  outputs: ["arn", "version"],
  volatile: ["version"],
  check: (_aws, inputs) =>
    unknownIn(inputs.rules as Value | undefined, RULE, "rules").map((path) => ({
      property: "rules",
      reason: `the lab's stand-in for the aws provider has no property ${path} of aws:backup/plan:Plan`,
    })),
  async create(aws, inputs) {
    const { BackupPlanId, BackupPlanArn, VersionId } = await backup(aws).send(
      new CreateBackupPlanCommand({ BackupPlan: document(inputs), BackupPlanTags: inputs.tagsAll }),
    );
    return { id: present(BackupPlanId, "plan id"), outputs: { arn: BackupPlanArn, version: VersionId } };
  },
  async update(aws, id, olds, news) {
    let version = olds.version;
    if (!sameSet(olds.rules, news.rules)) {
      ({ VersionId: version } = await backup(aws).send(new UpdateBackupPlanCommand({ BackupPlanId: id, BackupPlan: document(news) })));
    }
    await retag(aws, olds.arn, olds, news);
    return { version };
  },
  async delete(aws, id) {
    await unlessGone(() => backup(aws).send(new DeleteBackupPlanCommand({ BackupPlanId: id })), GONE);
  },
  async read(aws, id) {
    const found = await unlessGone(() => backup(aws).send(new GetBackupPlanCommand({ BackupPlanId: id })), GONE);
    return found === undefined ? undefined : { outputs: { arn: found.BackupPlanArn, version: found.VersionId } };
  },
};

/** Paths of properties that the shape does not have. */
function unknownIn(value: Value | undefined, shape: Shape, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => unknownIn(item, shape, `${path}[${i}]`));
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => {
    const inner = shape[name];
    return inner === undefined ? [`${path}.${name}`] : unknownIn(item, inner, `${path}.${name}`);
  });
}

/** Defaults are those of the official plugin, which sends them. */
function document({ name, rules }: Plain<aws.backup.PlanArgs>): BackupPlanInput {
  return {
    BackupPlanName: name,
    Rules: (rules as Rule[]).map((rule) => ({
      RuleName: rule.ruleName,
      TargetBackupVaultName: rule.targetVaultName,
      ScheduleExpression: rule.schedule,
      ScheduleExpressionTimezone: rule.scheduleExpressionTimezone ?? "Etc/UTC",
      StartWindowMinutes: rule.startWindow ?? 60,
      CompletionWindowMinutes: rule.completionWindow ?? 180,
      EnableContinuousBackup: rule.enableContinuousBackup ?? false,
      Lifecycle: lifecycle(rule.lifecycle),
      CopyActions: rule.copyActions?.map((action) => ({
        DestinationBackupVaultArn: action.destinationVaultArn,
        Lifecycle: lifecycle(action.lifecycle),
      })),
    })),
  };
}

function lifecycle(of: Rule["lifecycle"]): Lifecycle | undefined {
  return (
    of && {
      DeleteAfterDays: of.deleteAfter,
      MoveToColdStorageAfterDays: of.coldStorageAfter,
      OptInToArchiveForSupportedResources: of.optInToArchiveForSupportedResources,
    }
  );
}
