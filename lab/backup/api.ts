import { randomUUID } from "node:crypto";
import type {
  BackupPlanInput,
  BackupSelection,
  StartBackupJobInput,
  StartCopyJobInput,
  StartRestoreJobInput,
} from "@aws-sdk/client-backup";
import { awsError } from "../gateway/errors";
import type { AwsRequest, AwsResponse, Mend } from "../gateway/mend";
import { startBackup } from "./backup-job";
import { startCopy } from "./copy-job";
import { deletePoint } from "./expiry";
import { BackupFault, given } from "./fault";
import { answerList } from "./lists";
import type { Plan, Selection } from "./plans";
import type { RecoveryPoint } from "./recovery-points";
import { startRestore } from "./restore-job";
import type { Service } from "./service";
import { toWire } from "./wire";

/** A request as the actions see it. */
interface Call {
  region: string;
  /** What the path names: a vault, a plan, a job; and a recovery point or a selection in it. */
  id: string;
  member: string;
  body: unknown;
  parameters: Record<string, string>;
}

type Action = (service: Service, call: Call) => object | Promise<object>;

const ACTIONS: Record<string, Action | undefined> = {
  CreateBackupPlan: async (service, call) => describePlan(service.plans.create(call.region, await planIn(service, call))),
  UpdateBackupPlan: async (service, call) => describePlan(service.plans.update(call.region, call.id, await planIn(service, call))),
  GetBackupPlan: ({ plans }, { region, id }) => {
    const plan = plans.need(region, id);
    return { ...describePlan(plan), BackupPlan: plan.document };
  },
  DeleteBackupPlan: ({ plans }, { region, id }) => ({ ...describePlan(plans.delete(region, id)), DeletionDate: new Date() }),
  ListBackupPlans: ({ plans }, { region, parameters }) =>
    answerList(
      "BackupPlansList",
      plans.in(region).map((plan) => ({ ...describePlan(plan), BackupPlanName: plan.document.BackupPlanName })),
      parameters,
    ),

  CreateBackupSelection: async ({ plans, roles }, { region, id, body }) => {
    const document = given((body as { BackupSelection?: BackupSelection }).BackupSelection, "BackupSelection");
    given(document.SelectionName, "SelectionName");
    for (const property of ["ListOfTags", "Conditions"] as const) {
      const value = document[property] ?? {};
      if (Object.keys(value).length > 0)
        throw new BackupFault("InvalidParameterValueException", `The lab selects by Resources, not by ${property}.`);
    }
    await roles.check(given(document.IamRoleArn, "IamRoleArn"));
    const selection = plans.select(region, id, document);
    return { SelectionId: selection.id, BackupPlanId: id, CreationDate: selection.created };
  },
  GetBackupSelection: ({ plans }, { region, id, member }) => {
    const selection = plans.needSelection(region, id, member);
    return { BackupPlanId: id, SelectionId: member, CreationDate: selection.created, BackupSelection: selection.document };
  },
  ListBackupSelections: ({ plans }, { region, id, parameters }) =>
    answerList(
      "BackupSelectionsList",
      [...plans.need(region, id).selections.values()].map((selection) => describeSelection(id, selection)),
      parameters,
    ),
  DeleteBackupSelection: ({ plans }, { region, id, member }) => {
    plans.needSelection(region, id, member);
    plans.need(region, id).selections.delete(member);
    return {};
  },

  StartBackupJob: async (service, { region, body }) => {
    const input = body as StartBackupJobInput;
    await service.roles.check(given(input.IamRoleArn, "IamRoleArn"));
    const { BackupJobId, RecoveryPointArn, CreationDate } = await startBackup(service, region, input);
    return { BackupJobId, RecoveryPointArn, CreationDate, IsParent: false };
  },
  DescribeBackupJob: ({ backups }, { region, id }) => found(backups.find(region, id), `backup job ${id}`, region),
  ListBackupJobs: ({ backups }, { region, parameters }) => answerList("BackupJobs", backups.in(region), parameters),

  StartCopyJob: async (service, { region, body }) => {
    const input = body as StartCopyJobInput;
    await service.roles.check(given(input.IamRoleArn, "IamRoleArn"));
    const { CopyJobId, CreationDate } = await startCopy(service, region, input);
    return { CopyJobId, CreationDate, IsParent: false };
  },
  DescribeCopyJob: ({ copies }, { region, id }) => ({ CopyJob: found(copies.find(region, id), `copy job ${id}`, region) }),
  ListCopyJobs: ({ copies }, { region, parameters }) => answerList("CopyJobs", copies.in(region), parameters),

  StartRestoreJob: async (service, { region, body }) => {
    const input = body as StartRestoreJobInput;
    if (input.IamRoleArn !== undefined) await service.roles.check(input.IamRoleArn);
    return { RestoreJobId: startRestore(service, region, input).RestoreJobId };
  },
  DescribeRestoreJob: ({ restores }, { region, id }) => found(restores.find(region, id), `restore job ${id}`, region),
  ListRestoreJobs: ({ restores }, { region, parameters }) => answerList("RestoreJobs", restores.in(region), parameters),

  ListRecoveryPointsByBackupVault: async ({ vaults, points }, { region, id, parameters }) =>
    answerList("RecoveryPoints", points.in((await vaults.need(region, id)).arn).map(describePoint), parameters),
  DescribeRecoveryPoint: ({ points }, { region, id, member }) => ({
    ...describePoint(points.need(region, member, id)),
    StorageClass: "WARM",
  }),
  GetRecoveryPointRestoreMetadata: ({ points }, { region, id, member }) => {
    const { BackupVaultArn, RecoveryPointArn, ResourceType, restoreMetadata } = points.need(region, member, id);
    return { BackupVaultArn, RecoveryPointArn, ResourceType, RestoreMetadata: restoreMetadata };
  },
  DeleteRecoveryPoint: async (service, { region, id, member }) => {
    const vault = await service.vaults.need(region, id);
    const point = service.points.need(region, member, id);
    const { DeleteAt } = point.CalculatedLifecycle ?? {};
    if (vault.locked) {
      const until = DeleteAt === undefined ? "for ever" : `until ${DeleteAt.toISOString()}`;
      throw new BackupFault("InvalidRequestException", `The vault ${id} is locked: ${member} cannot be deleted; it is kept ${until}.`);
    }
    if (point.Status !== "COMPLETED") throw new BackupFault("InvalidRequestException", `${member} is ${point.Status}.`);
    await deletePoint(service, point);
    return {};
  },

  PutBackupVaultAccessPolicy: async ({ vaults, policies }, { region, id, body }) => {
    const policy = given((body as { Policy?: string }).Policy, "Policy");
    try {
      JSON.parse(policy);
    } catch {
      throw new BackupFault("InvalidParameterValueException", "Policy is no JSON document.");
    }
    policies.set((await vaults.need(region, id)).arn, policy);
    return {};
  },
  GetBackupVaultAccessPolicy: async ({ vaults, policies }, { region, id }) => {
    const { arn } = await vaults.need(region, id);
    const Policy = policies.get(arn);
    if (Policy === undefined) throw new BackupFault("ResourceNotFoundException", `The vault ${id} has no access policy.`);
    return { BackupVaultName: id, BackupVaultArn: arn, Policy };
  },
  DeleteBackupVaultAccessPolicy: async ({ vaults, policies }, { region, id }) => {
    policies.delete((await vaults.need(region, id)).arn);
    return {};
  },
};

/**
 * AWS Backup's API as far as moto has none of it: plans that can be changed, selections, jobs, recovery points, access policies. Vaults,
 * their locks and everybody's tags stay moto's.
 */
export function backupMend(service: Service): Mend {
  const answer = async (request: AwsRequest): Promise<AwsResponse | AwsRequest | undefined> => {
    const { region, parameters, path } = request;
    // moto looks for the resource before the last slash.
    if (request.action === "ListTags") return { ...request, path: path.replace(/\/?(?=\?|$)/, "/") };
    const action = ACTIONS[request.action];
    if (action === undefined) return refuseFullVault(service, request);
    const body: unknown = request.body.length > 0 ? JSON.parse(request.body.toString("utf8")) : {};
    const result = await action(service, { region, id: parameters["id"] ?? "", member: parameters["member"] ?? "", body, parameters });
    const tags = (body as { BackupPlanTags?: Record<string, string> }).BackupPlanTags;
    if (request.action === "CreateBackupPlan" && tags)
      await service.vaults.tag(region, (result as { BackupPlanArn: string }).BackupPlanArn, tags);
    return {
      status: 200,
      headers: { "content-type": "application/json", "x-amzn-requestid": randomUUID() },
      body: Buffer.from(JSON.stringify(toWire(result))),
    };
  };
  return {
    service: "backup",
    async request(request) {
      try {
        return await answer(request);
      } catch (error) {
        if (error instanceof BackupFault) return awsError(request, 400, error.code, error.message);
        throw error;
      }
    },
    async response(request, response) {
      if (response.status !== 200 || (request.action !== "DescribeBackupVault" && request.action !== "ListBackupVaults")) return undefined;
      return Promise.resolve({ ...response, body: countPoints(service, response.body) });
    },
  };
}

/** The plan that a request brings; its vaults have to be there. */
async function planIn({ vaults }: Service, { region, body }: Call): Promise<BackupPlanInput> {
  const plan = given((body as { BackupPlan?: BackupPlanInput }).BackupPlan, "BackupPlan");
  for (const rule of plan.Rules ?? []) await vaults.need(region, given(rule.TargetBackupVaultName, "TargetBackupVaultName"));
  return plan;
}

/** A vault goes when it is empty. */
async function refuseFullVault({ vaults, points }: Service, { region, action, parameters }: AwsRequest): Promise<undefined> {
  if (action !== "DeleteBackupVault") return;
  const vault = await vaults.find(region, parameters["id"] ?? "");
  if (vault && points.in(vault.arn).length > 0) {
    throw new BackupFault("InvalidRequestException", `Backup vault cannot be deleted because it contains recovery points: ${vault.name}.`);
  }
}

/** moto's vaults are empty. */
function countPoints({ points }: Service, body: Buffer): Buffer {
  interface Shown {
    BackupVaultArn?: string;
    NumberOfRecoveryPoints?: number;
    BackupVaultList?: Shown[];
  }
  const count = (vault: Shown): Shown => ({ ...vault, NumberOfRecoveryPoints: points.in(vault.BackupVaultArn ?? "").length });
  const shown = JSON.parse(body.toString("utf8")) as Shown;
  return Buffer.from(
    JSON.stringify(shown.BackupVaultList ? { ...shown, BackupVaultList: shown.BackupVaultList.map(count) } : count(shown)),
  );
}

function describePoint({ restoreMetadata: _, ...shown }: RecoveryPoint): object {
  return shown;
}

function describePlan({ id, arn, version, created, lastRun }: Plan) {
  return { BackupPlanId: id, BackupPlanArn: arn, VersionId: version, CreationDate: created, LastExecutionDate: lastRun };
}

function describeSelection(plan: string, { id, created, document }: Selection): object {
  return {
    BackupPlanId: plan,
    SelectionId: id,
    SelectionName: document.SelectionName,
    IamRoleArn: document.IamRoleArn,
    CreationDate: created,
  };
}

function found<T extends object>(record: T | undefined, what: string, region: string): T {
  if (!record) throw new BackupFault("ResourceNotFoundException", `There is no ${what} in ${region}.`);
  return record;
}
