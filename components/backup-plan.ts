import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { SiteNames } from "../topology/names";
import { backupSchedule } from "./backup-schedule";

export interface BackupPlanArgs {
  /** Physical names of the site. */
  names: SiteNames;
  /** ARN of the database. */
  databaseArn: pulumi.Input<string>;
  /** Vault of this site. */
  vault: pulumi.Input<string>;
  /** ARN of the role that the snapshots are taken in. */
  roleArn: pulumi.Input<string>;
  /** Time between two snapshots, in milliseconds: whole hours that divide a day. */
  intervalMs: number;
  /** Days that a snapshot is kept in this site's vault. */
  keepDays: number;
  /** Sites that each snapshot is copied to, and the days that it is kept there. */
  copyTo: { names: SiteNames; keepDays: number }[];
  /** What must be there first. */
  after: pulumi.Input<pulumi.Resource>[];
}

/** Minutes in which a snapshot has to begin after its time: the least that AWS Backup takes. */
const START_MINUTES = 60;
/** Minutes in which it has to be done, from its time on. A copy may take longer. */
const COMPLETE_MINUTES = 120;

/** Snapshots of the active site's database, and their copies at other sites. Only an active site has it; nothing depends on it. */
export class BackupPlan extends pulumi.ComponentResource {
  constructor(name: string, args: BackupPlanArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:BackupPlan", name, {}, opts);
    const { names } = args;
    const later = { parent: this, dependsOn: args.after };
    const plan = new aws.backup.Plan(
      `${name}-plan`,
      {
        name: names.backupPlan,
        rules: [
          {
            ruleName: "database",
            targetVaultName: args.vault,
            schedule: backupSchedule(args.intervalMs),
            startWindow: START_MINUTES,
            completionWindow: COMPLETE_MINUTES,
            // No cold storage: AWS Backup has none for RDS. No continuous backup: RDS keeps its own log of the same days.
            lifecycle: { deleteAfter: args.keepDays },
            copyActions: args.copyTo.map((to) => ({
              destinationVaultArn: to.names.vaultArn,
              lifecycle: { deleteAfter: to.keepDays },
            })),
          },
        ],
      },
      later,
    );
    new aws.backup.Selection(
      `${name}-selection`,
      { name: names.backupPlan, planId: plan.id, iamRoleArn: args.roleArn, resources: [args.databaseArn] },
      later,
    );
    this.registerOutputs({});
  }
}
