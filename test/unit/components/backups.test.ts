import { expect, test } from "vitest";
import { BackupPlan } from "../../../components/backup-plan";
import { BackupRole } from "../../../components/backup-role";
import { backupSchedule } from "../../../components/backup-schedule";
import { Backups } from "../../../components/backups";
import { Keys } from "../../../components/keys";
import { matches } from "./arn";
import { names, record } from "./recorder";

const account = "123456789012";
const primary = names.site("primary");
const secondary = names.site("secondary");
const cold = names.site("cold");
const vaultOf = { keyArn: "arn:own-key", account, keepDays: { least: 2, most: 365 } };
const LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration";
const POLICY = "aws:backup/vaultPolicy:VaultPolicy";

interface Statement {
  Sid: string;
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: object;
}
const statements = (text: string) => (JSON.parse(text) as { Statement: Statement[] }).Statement;

test("a vault has the site's key and a lock that can be taken away again, which is never there twice", async () => {
  const recording = await record(() => new Backups("backups", { names: primary, ...vaultOf }));
  expect(recording.list()).toEqual(["aws:backup/vault:Vault backups-vault", `${LOCK} backups-lock`, "changeover:site:Backups backups"]);
  expect(recording.get("aws:backup/vault:Vault", "backups-vault").inputs).toEqual({
    name: "samia-tarot-production-primary",
    kmsKeyArn: "arn:own-key",
  });
  const lock = recording.get(LOCK, "backups-lock");
  // With changeableForDays it could not be taken away after that time, by anybody.
  expect(lock.inputs).toEqual({ backupVaultName: "samia-tarot-production-primary", minRetentionDays: 2, maxRetentionDays: 365 });
  expect(lock.deleteBeforeReplace).toBe(true);
});

test("the cold site's vault takes copies of the warm sites, before they are there", async () => {
  const recording = await record(() => new Backups("backups", { names: cold, ...vaultOf, copiesOf: [primary, secondary] }));
  const policy = recording.get(POLICY, "backups-policy").inputs;
  expect(policy.backupVaultName).toBe("samia-tarot-production-cold");
  expect(statements(policy.policy)).toEqual([
    {
      Sid: "Copies",
      Effect: "Allow",
      Principal: { AWS: "arn:aws:iam::123456789012:root" },
      Action: "backup:CopyIntoBackupVault",
      Resource: "*",
      Condition: {
        ArnEquals: {
          "aws:PrincipalArn": [
            "arn:aws:iam::123456789012:role/samia-tarot-production-primary-backup",
            "arn:aws:iam::123456789012:role/samia-tarot-production-secondary-backup",
          ],
        },
      },
    },
  ]);
});

test("the role is AWS Backup's, for this site's databases, their snapshots, and copies to the cold site", async () => {
  const recording = await record(() => new BackupRole("backup", { names: primary, copyTo: [cold], keyArn: "arn:own-key", account }));
  const role = recording.get("aws:iam/role:Role", "backup-role").inputs;
  expect(role.name).toBe("samia-tarot-production-primary-backup");
  expect(JSON.parse(role.assumeRolePolicy)).toMatchObject({
    Statement: [{ Principal: { Service: "backup.amazonaws.com" }, Condition: { StringEquals: { "aws:SourceAccount": account } } }],
  });
  const all = statements(recording.get("aws:iam/rolePolicy:RolePolicy", "backup-policy").inputs.policy);
  const may = (action: string, resource: string): boolean =>
    all.some((s) => [s.Action].flat().includes(action) && [s.Resource].flat().some((pattern) => matches(pattern, resource)));
  const snapshot = (region: string) => `arn:aws:rds:${region}:${account}:snapshot:awsbackup:job-1`;
  expect(may("rds:CreateDBSnapshot", primary.databaseArn(3))).toBe(true);
  expect(may("rds:CreateDBSnapshot", snapshot("eu-north-1"))).toBe(true);
  expect(may("rds:CopyDBSnapshot", snapshot("us-east-1"))).toBe(true);
  expect(may("rds:DeleteDBSnapshot", snapshot("us-east-1"))).toBe(true);
  expect(may("backup:CopyIntoBackupVault", cold.vaultArn)).toBe(true);
  expect(may("rds:CreateDBSnapshot", secondary.databaseArn(1))).toBe(false);
  expect(may("rds:CopyDBSnapshot", snapshot("eu-west-1"))).toBe(false);
  expect(may("rds:DeleteDBSnapshot", `arn:aws:rds:eu-north-1:${account}:snapshot:by-hand`)).toBe(false);
  expect(may("backup:CopyIntoBackupVault", secondary.vaultArn)).toBe(false);
  expect(all.filter((s) => [s.Resource].flat().includes("*")).map((s) => s.Action)).toEqual(["tag:GetResources"]);
  expect(all.flatMap((s) => s.Action).filter((action) => action.includes("*") || action.startsWith("backup:Delete"))).toEqual([]);
  // A key that is known by its alias alone, and none without.
  const keys = all.filter((s) => [s.Resource].flat().some((r) => r.includes("key/*")));
  expect(keys.map((s) => [s.Resource, (s.Condition as Record<string, object>)["ForAnyValue:StringEquals"]])).toEqual(
    Array(2).fill([`arn:aws:kms:us-east-1:${account}:key/*`, { "kms:ResourceAliases": ["alias/samia-tarot-production-cold"] }]),
  );
});

test("a plan: each snapshot into the own vault and on to the cold one, each with its own time to stay", async () => {
  const recording = await record(() => {
    const before = new Keys("before", { names: primary, account });
    new BackupPlan("backup", {
      names: primary,
      databaseArn: primary.databaseArn(1),
      vault: primary.vault,
      roleArn: primary.backupRoleArn,
      intervalMs: 3_600_000,
      keepDays: 2,
      copyTo: [{ names: cold, keepDays: 35 }],
      after: [before],
    });
  });
  const plan = recording.get("aws:backup/plan:Plan", "backup-plan");
  expect(plan.inputs).toEqual({
    name: "samia-tarot-production-primary",
    rules: [
      {
        ruleName: "database",
        targetVaultName: "samia-tarot-production-primary",
        schedule: "cron(0 * * * ? *)",
        startWindow: 60,
        completionWindow: 120,
        lifecycle: { deleteAfter: 2 },
        copyActions: [
          {
            destinationVaultArn: "arn:aws:backup:us-east-1:123456789012:backup-vault:samia-tarot-production-cold",
            lifecycle: { deleteAfter: 35 },
          },
        ],
      },
    ],
  });
  const selection = recording.get("aws:backup/selection:Selection", "backup-selection");
  expect(selection.inputs).toEqual({
    name: "samia-tarot-production-primary",
    planId: "backup-plan-id",
    iamRoleArn: "arn:aws:iam::123456789012:role/samia-tarot-production-primary-backup",
    resources: ["arn:aws:rds:eu-north-1:123456789012:db:samia-tarot-production-primary-1"],
  });
  const alias = recording.get("aws:kms/alias:Alias", "before-alias").urn;
  for (const { dependsOn } of [plan, selection]) expect(dependsOn).toContain(alias);
});

test.each([
  [1, "cron(0 * * * ? *)"],
  [2, "cron(0 0/2 * * ? *)"],
  [12, "cron(0 0/12 * * ? *)"],
  [24, "cron(0 0 * * ? *)"],
])("every %d hours is %s", (hours, cron) => {
  expect(backupSchedule(hours * 3_600_000)).toBe(cron);
});

test.each([0, 0.5, 5, 48])("%d hours come round at no fixed times of a day", (hours) => {
  expect(() => backupSchedule(hours * 3_600_000)).toThrow(RangeError);
});
