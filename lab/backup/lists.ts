import { BackupFault } from "./fault";

type Test = (record: Record<string, unknown>, value: string) => boolean;

const is =
  (...names: string[]): Test =>
  (record, value) =>
    names.some((name) => record[name] === value);
const before =
  (name: string): Test =>
  (record, value) =>
    record[name] instanceof Date && record[name] < new Date(value);
const after =
  (name: string): Test =>
  (record, value) =>
    record[name] instanceof Date && record[name] > new Date(value);

/** What lists may be narrowed by, by the name in the query. */
const FILTERS: Record<string, Test | undefined> = {
  resourceArn: is("ResourceArn"),
  resourceType: is("ResourceType"),
  state: is("State"),
  status: is("Status"),
  accountId: is("AccountId"),
  backupVaultName: is("BackupVaultName"),
  destinationVaultArn: is("DestinationBackupVaultArn"),
  sourceRecoveryPointArn: is("SourceRecoveryPointArn"),
  backupPlanId: (record, value) => (record["CreatedBy"] as { BackupPlanId?: string } | undefined)?.BackupPlanId === value,
  createdBefore: before("CreationDate"),
  createdAfter: after("CreationDate"),
  completeBefore: before("CompletionDate"),
  completeAfter: after("CompletionDate"),
};

/** Not filters, or the lab's own. */
const OTHERS = new Set(["id", "member", "nextToken", "maxResults", "includeDeleted"]);

/**
 * One page of a list, newest first, as AWS Backup answers it. Pure.
 * @throws BackupFault for a filter that the lab does not know
 */
export function answerList(name: string, records: object[], parameters: Record<string, string>): object {
  const tests = Object.entries(parameters).flatMap(([key, value]): [Test, string][] => {
    if (OTHERS.has(key)) return [];
    const test = FILTERS[key];
    if (!test) throw new BackupFault("InvalidParameterValueException", `The lab does not filter ${name} by ${key}.`);
    return [[test, value]];
  });
  const matching = (records as Record<string, unknown>[])
    .filter((record) => tests.every(([test, value]) => test(record, value)))
    .sort((a, b) => timeOf(b) - timeOf(a));
  const from = Number(parameters["nextToken"] ?? 0);
  const to = from + Number(parameters["maxResults"] ?? 1_000);
  return { [name]: matching.slice(from, to), ...(to < matching.length ? { NextToken: String(to) } : {}) };
}

function timeOf({ CreationDate }: Record<string, unknown>): number {
  return CreationDate instanceof Date ? CreationDate.getTime() : 0;
}
