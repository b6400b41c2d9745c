import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Aws } from "../../../lab/providers/aws/aws";
import { plan, selection, vaultLockConfiguration, vaultPolicy } from "../../../lab/providers/aws/backup";
import { diffInputs, type CreateRequest, type Properties, type PropertySpec } from "../../../lab/providers/base";
import { endAws, serveAws } from "./served-aws";

/** An endpoint that answers what a test puts here, by method and path; anything else is not found. */
let answers: Record<string, object>;
let calls: { call: string; body: unknown }[];
let server: Server;
let aws: Aws;

beforeEach(async () => {
  answers = {};
  calls = [];
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const call = `${request.method ?? ""} ${decodeURIComponent(request.url ?? "").replace(/\?.*/, "")}`;
      const { CreatorRequestId: _, ...body } = JSON.parse(text || "{}") as Record<string, unknown>;
      calls.push({ call, body });
      const answer = answers[call];
      const type = { "content-type": "application/json" };
      if (answer) response.writeHead(200, type).end(JSON.stringify(answer));
      else response.writeHead(400, { ...type, "x-amzn-errortype": "ResourceNotFoundException" }).end('{"message":"not there"}');
    });
  });
  aws = await serveAws(server);
});

afterEach(() => endAws(server));

const about = { signal: new AbortController().signal, exists: () => undefined } as unknown as CreateRequest & { oldInputs: never };
const replaces = (kind: { inputs: unknown }, olds: Properties, news: Properties): string[] =>
  diffInputs(olds, news, (name) => (kind.inputs as Record<string, PropertySpec>)[name]).replaces;

describe("a plan", () => {
  const rule = {
    ruleName: "database",
    targetVaultName: "v",
    schedule: "cron(0 * * * ? *)",
    lifecycle: { deleteAfter: 2 },
    copyActions: [{ destinationVaultArn: "arn:cold", lifecycle: { deleteAfter: 35 } }],
  };
  const check = (rules: unknown) => plan.check?.(aws, { rules } as never, undefined, about);

  it("is sent as the API spells it, with the official plugin's defaults", async () => {
    answers["PUT /backup/plans"] = { BackupPlanId: "id-1", BackupPlanArn: "arn:plan", VersionId: "v1" };
    const made = await plan.create(aws, { name: "p", rules: [rule], tagsAll: { site: "primary" } }, about);
    expect(made).toEqual({ id: "id-1", outputs: { arn: "arn:plan", version: "v1" } });
    expect(calls).toEqual([
      {
        call: "PUT /backup/plans",
        body: {
          BackupPlan: {
            BackupPlanName: "p",
            Rules: [
              {
                RuleName: "database",
                TargetBackupVaultName: "v",
                ScheduleExpression: "cron(0 * * * ? *)",
                ScheduleExpressionTimezone: "Etc/UTC",
                StartWindowMinutes: 60,
                CompletionWindowMinutes: 180,
                EnableContinuousBackup: false,
                Lifecycle: { DeleteAfterDays: 2 },
                CopyActions: [{ DestinationBackupVaultArn: "arn:cold", Lifecycle: { DeleteAfterDays: 35 } }],
              },
            ],
          },
          BackupPlanTags: { site: "primary" },
        },
      },
    ]);
  });

  it("refuses what is unknown anywhere in its rules", () => {
    expect(check([rule])).toEqual([]);
    expect(check("04da6b54-80e4-46f7-96ec-b56ff0331ba9")).toEqual([]);
    const spoilt = { ...rule, colour: "red", copyActions: [{ ...rule.copyActions[0], lifecycle: { deleteBefore: 1 } }] };
    expect((check([spoilt]) as { reason: string }[]).map(({ reason }) => /property (\S+)/.exec(reason)?.[1])).toEqual([
      "rules[0].copyActions[0].lifecycle.deleteBefore",
      "rules[0].colour",
    ]);
  });

  it("changes its rules in place, and its tags without a new version", async () => {
    const olds = { name: "p", rules: [rule], arn: "arn:plan", version: "v1", tagsAll: { a: "1" } };
    expect(replaces(plan, { name: "p", rules: [rule] }, { name: "p", rules: [{ ...rule, startWindow: 90 }] })).toEqual([]);
    expect(replaces(plan, { name: "p", rules: [rule] }, { name: "q", rules: [rule] })).toEqual(["name"]);
    answers["POST /tags/arn:plan"] = {};
    expect(await plan.update?.(aws, "id-1", olds, { name: "p", rules: [rule], tagsAll: { a: "2" } }, about)).toEqual({ version: "v1" });
    expect(calls.map(({ call }) => call)).toEqual(["POST /tags/arn:plan"]);
    answers["POST /backup/plans/id-1"] = { VersionId: "v2" };
    const news = { name: "p", rules: [{ ...rule, startWindow: 90 }], tagsAll: { a: "1" } };
    expect(await plan.update?.(aws, "id-1", olds, news, about)).toEqual({ version: "v2" });
  });

  it("may be gone", async () => {
    await expect(plan.read?.(aws, "id-1", { rules: [] }, {}, about)).resolves.toBeUndefined();
    await expect(plan.delete(aws, "id-1", {}, about)).resolves.toBeUndefined();
  });
});

describe("a selection", () => {
  const inputs = { name: "s", planId: "p", iamRoleArn: "arn:role", resources: ["arn:db"] };

  it("is one of a plan, and replaced by any change", async () => {
    answers["PUT /backup/plans/p/selections"] = { SelectionId: "s-1" };
    await expect(selection.create(aws, inputs, about)).resolves.toEqual({ id: "s-1", outputs: {} });
    expect(calls[0]?.body).toEqual({ BackupSelection: { SelectionName: "s", IamRoleArn: "arn:role", Resources: ["arn:db"] } });
    expect(replaces(selection, inputs, { ...inputs, resources: ["arn:db-2"] })).toEqual(["resources"]);
    expect(selection.update).toBeUndefined();
  });

  it("is as AWS Backup tells, or gone", async () => {
    answers["GET /backup/plans/p/selections/s-1"] = {
      BackupSelection: { SelectionName: "s", IamRoleArn: "arn:role", Resources: ["arn:other"] },
    };
    expect(await selection.read?.(aws, "s-1", inputs, inputs, about)).toMatchObject({ inputs: { ...inputs, resources: ["arn:other"] } });
    answers = {};
    await expect(selection.read?.(aws, "s-1", inputs, inputs, about)).resolves.toBeUndefined();
  });
});

describe("a vault's lock", () => {
  const inputs = { backupVaultName: "v", minRetentionDays: 2, maxRetentionDays: 365 };
  const told = { BackupVaultArn: "arn:v", Locked: true, MinRetentionDays: 2, MaxRetentionDays: 365 };

  it("is put, and replaced by any change", async () => {
    answers = { "PUT /backup-vaults/v/vault-lock": {}, "GET /backup-vaults/v": told };
    expect(await vaultLockConfiguration.create(aws, inputs, about)).toEqual({ id: "v", outputs: { backupVaultArn: "arn:v" } });
    expect(calls[0]?.body).toEqual({ MinRetentionDays: 2, MaxRetentionDays: 365 });
    expect(replaces(vaultLockConfiguration, inputs, { ...inputs, maxRetentionDays: 400 })).toEqual(["maxRetentionDays"]);
    expect(vaultLockConfiguration.update).toBeUndefined();
  });

  it("that somebody took away shows", async () => {
    answers = { "GET /backup-vaults/v": told };
    expect((await vaultLockConfiguration.read?.(aws, "v", inputs, inputs, about))?.inputs).toEqual(inputs);
    answers = { "GET /backup-vaults/v": { BackupVaultArn: "arn:v" } };
    expect((await vaultLockConfiguration.read?.(aws, "v", inputs, inputs, about))?.inputs).toEqual({ backupVaultName: "v" });
  });

  it("leaves three days at least to change one's mind", () => {
    const check = (days: number) => vaultLockConfiguration.check?.(aws, { ...inputs, changeableForDays: days }, undefined, about);
    expect(check(3)).toEqual([]);
    expect(check(2)).toMatchObject([{ property: "changeableForDays" }]);
  });
});

describe("a vault's policy", () => {
  it("is put and changed in place, by its meaning", async () => {
    const policy = '{"Statement":[]}';
    answers = { "PUT /backup-vaults/v/access-policy": {}, "GET /backup-vaults/v": { BackupVaultArn: "arn:v" } };
    expect(await vaultPolicy.create(aws, { backupVaultName: "v", policy }, about)).toEqual({
      id: "v",
      outputs: { backupVaultArn: "arn:v" },
    });
    expect(calls[0]?.body).toEqual({ Policy: policy });
    answers = { "GET /backup-vaults/v/access-policy": { BackupVaultArn: "arn:v", Policy: '{ "Statement": [] }' } };
    expect((await vaultPolicy.read?.(aws, "v", { backupVaultName: "v", policy }, {}, about))?.inputs).toEqual({
      backupVaultName: "v",
      policy,
    });
    expect(replaces(vaultPolicy, { backupVaultName: "v", policy }, { backupVaultName: "w", policy: "{}" })).toEqual(["backupVaultName"]);
  });
});
