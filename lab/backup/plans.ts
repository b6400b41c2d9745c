import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { BackupPlan, BackupPlanInput, BackupRule, BackupSelection, RecoveryPointCreator } from "@aws-sdk/client-backup";
import { ACCOUNT } from "../account";
import { parseCron, type Cron } from "./cron";
import { BackupFault, given } from "./fault";

export interface Selection {
  id: string;
  created: Date;
  document: BackupSelection;
}

export interface Plan {
  id: string;
  region: string;
  arn: string;
  version: string;
  created: Date;
  document: BackupPlan;
  selections: Map<string, Selection>;
  lastRun?: Date;
}

/** A rule, with when it comes round. */
export interface Schedule {
  plan: Plan;
  rule: BackupRule;
  cron: Cron;
}

/** AWS Backup's own, where a rule has none. */
const DEFAULT_SCHEDULE = "cron(0 5 ? * * *)";
const START_MINUTES = 480;
const COMPLETE_MINUTES = 10_080;
/** The least that it takes. */
const LEAST_START_MINUTES = 60;

/** Backup plans and their selections. moto cannot change a plan, never frees its name, and knows no selections. */
export class Plans {
  private readonly known = new Map<string, Plan>();

  create(region: string, input: BackupPlanInput): Plan {
    const document = documentOf(input);
    // AWS Backup takes a second plan of the same name with other rules.
    if (this.in(region).some((plan) => isDeepStrictEqual(contentOf(plan.document), contentOf(document)))) {
      throw new BackupFault("AlreadyExistsException", "Backup plan with the same plan document already exists");
    }
    const id = randomUUID();
    const arn = `arn:aws:backup:${region}:${ACCOUNT}:backup-plan:${id}`;
    const plan: Plan = { id, region, arn, version: randomUUID(), created: new Date(), document, selections: new Map() };
    this.known.set(id, plan);
    return plan;
  }

  update(region: string, id: string, input: BackupPlanInput): Plan {
    const plan = this.need(region, id);
    plan.document = documentOf(input);
    plan.version = randomUUID();
    return plan;
  }

  delete(region: string, id: string): Plan {
    const plan = this.need(region, id);
    if (plan.selections.size > 0) {
      throw new BackupFault("InvalidRequestException", "Related backup plan selections must be deleted prior to backup plan deletion.");
    }
    this.known.delete(id);
    return plan;
  }

  in(region: string): Plan[] {
    return [...this.known.values()].filter((plan) => plan.region === region);
  }

  /** @throws BackupFault where there is none */
  need(region: string, id: string): Plan {
    const plan = this.known.get(id);
    if (plan?.region === region) return plan;
    throw new BackupFault("ResourceNotFoundException", `Cannot find Backup plan with ID ${id} in ${region}.`);
  }

  select(region: string, id: string, document: BackupSelection): Selection {
    const plan = this.need(region, id);
    if ([...plan.selections.values()].some((selection) => selection.document.SelectionName === document.SelectionName)) {
      throw new BackupFault("AlreadyExistsException", `The plan has a selection ${document.SelectionName ?? ""} already.`);
    }
    const selection = { id: randomUUID(), created: new Date(), document };
    plan.selections.set(selection.id, selection);
    return selection;
  }

  /** @throws BackupFault where there is none */
  needSelection(region: string, id: string, selection: string): Selection {
    const found = this.need(region, id).selections.get(selection);
    if (!found) throw new BackupFault("ResourceNotFoundException", `The plan ${id} has no selection ${selection}.`);
    return found;
  }

  schedules(): Schedule[] {
    return [...this.known.values()].flatMap((plan) =>
      (plan.document.Rules ?? []).map((rule) => ({ plan, rule, cron: parseCron(rule.ScheduleExpression ?? DEFAULT_SCHEDULE) })),
    );
  }
}

/** What a backup job says of the rule that began it. */
export function creatorOf({ plan, rule }: Schedule): RecoveryPointCreator {
  return {
    BackupPlanId: plan.id,
    BackupPlanArn: plan.arn,
    BackupPlanName: plan.document.BackupPlanName,
    BackupPlanVersion: plan.version,
    BackupRuleId: rule.RuleId,
    BackupRuleName: rule.RuleName,
    BackupRuleCron: rule.ScheduleExpression,
    BackupRuleTimezone: rule.ScheduleExpressionTimezone,
  };
}

/** A plan's document, without the numbers of its rules. */
function contentOf(document: BackupPlan): BackupPlan {
  return { ...document, Rules: document.Rules?.map((rule) => ({ ...rule, RuleId: undefined })) };
}

/** @throws BackupFault for what AWS Backup does not take, or the lab does not play */
function documentOf({ BackupPlanName, Rules }: BackupPlanInput): BackupPlan {
  return {
    BackupPlanName: given(BackupPlanName, "BackupPlanName"),
    Rules: given(Rules, "Rules").map((rule) => {
      const name = given(rule.RuleName, "RuleName");
      const refuse = (why: string): never => {
        throw new BackupFault("InvalidParameterValueException", `Rule ${name}: ${why}`);
      };
      const schedule = rule.ScheduleExpression ?? DEFAULT_SCHEDULE;
      let cron: Cron;
      try {
        cron = parseCron(schedule);
      } catch (error) {
        return refuse((error as Error).message);
      }
      if (cron.minutes.size > 1) refuse("The interval between backup jobs shouldn't be less than 60 minutes.");
      const zone = rule.ScheduleExpressionTimezone ?? "Etc/UTC";
      if (!/^(Etc\/)?UTC$/.test(zone)) refuse(`the lab's time zone is UTC, not ${zone}.`);
      const start = rule.StartWindowMinutes ?? START_MINUTES;
      const complete = rule.CompletionWindowMinutes ?? COMPLETE_MINUTES;
      if (start < LEAST_START_MINUTES) refuse(`StartWindowMinutes is ${start}; it has to be ${LEAST_START_MINUTES} or more.`);
      if (complete < start + LEAST_START_MINUTES) {
        refuse(`CompletionWindowMinutes is ${complete}; it has to be ${LEAST_START_MINUTES} more than StartWindowMinutes.`);
      }
      if (rule.EnableContinuousBackup === true)
        refuse("the lab plays no continuous backups of AWS Backup; the automated ones of RDS it does.");
      return {
        ...rule,
        TargetBackupVaultName: given(rule.TargetBackupVaultName, "TargetBackupVaultName"),
        RuleId: randomUUID(),
        ScheduleExpression: schedule,
        ScheduleExpressionTimezone: zone,
        StartWindowMinutes: start,
        CompletionWindowMinutes: complete,
      };
    }),
  };
}
