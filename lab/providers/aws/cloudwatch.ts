import type * as aws from "@pulumi/aws";
import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
} from "@aws-sdk/client-cloudwatch";
import { present, unlessGone, type Aws, type AwsKind, type Plain } from "./aws";
import { tagList, type Tags } from "./tags";

const cloudwatch = (aws: Aws): CloudWatchClient => aws.client(CloudWatchClient);

type AlarmArgs = Plain<aws.cloudwatch.MetricAlarmArgs> & { tagsAll?: Tags | undefined };

export const metricAlarm: AwsKind<aws.cloudwatch.MetricAlarmArgs, aws.cloudwatch.MetricAlarmState> = {
  inputs: {
    name: { replace: true, autoName: { maxLength: 255 } },
    comparisonOperator: { required: true },
    evaluationPeriods: { required: true },
    alarmDescription: {},
    namespace: {},
    metricName: {},
    dimensions: {},
    statistic: {},
    extendedStatistic: {},
    threshold: {},
    period: {},
    datapointsToAlarm: {},
    treatMissingData: {},
    unit: {},
    actionsEnabled: {},
    alarmActions: {},
    okActions: {},
    insufficientDataActions: {},
    tags: {},
  },
  outputs: ["arn"],
  async create(aws, inputs) {
    const name = present(inputs.name, "name");
    await put(aws, inputs);
    const { MetricAlarms } = await cloudwatch(aws).send(new DescribeAlarmsCommand({ AlarmNames: [name] }));
    return { id: name, outputs: { arn: MetricAlarms?.[0]?.AlarmArn, actionsEnabled: inputs.actionsEnabled ?? true } };
  },
  async update(aws, _id, _olds, news) {
    await put(aws, news);
    return { actionsEnabled: news.actionsEnabled ?? true };
  },
  async delete(aws, id) {
    await unlessGone(() => cloudwatch(aws).send(new DeleteAlarmsCommand({ AlarmNames: [id] })), /NotFound/);
  },
  async read(aws, id) {
    const { MetricAlarms } = await cloudwatch(aws).send(new DescribeAlarmsCommand({ AlarmNames: [id] }));
    return MetricAlarms?.[0] === undefined ? undefined : { outputs: {} };
  },
};

/** One call makes the alarm or overwrites all of it; tags it takes only at the first time, so the official plugin's later ones are not played. */
async function put(aws: Aws, inputs: AlarmArgs): Promise<void> {
  await cloudwatch(aws).send(
    new PutMetricAlarmCommand({
      AlarmName: inputs.name,
      AlarmDescription: inputs.alarmDescription,
      Namespace: inputs.namespace,
      MetricName: inputs.metricName,
      Dimensions: Object.entries(inputs.dimensions ?? {}).map(([Name, Value]) => ({ Name, Value })),
      Statistic: inputs.statistic,
      ExtendedStatistic: inputs.extendedStatistic,
      ComparisonOperator: inputs.comparisonOperator,
      Threshold: inputs.threshold,
      Period: inputs.period,
      EvaluationPeriods: inputs.evaluationPeriods,
      DatapointsToAlarm: inputs.datapointsToAlarm,
      TreatMissingData: inputs.treatMissingData ?? "missing",
      Unit: inputs.unit,
      ActionsEnabled: inputs.actionsEnabled ?? true,
      AlarmActions: inputs.alarmActions,
      OKActions: inputs.okActions,
      InsufficientDataActions: inputs.insufficientDataActions,
      Tags: tagList(inputs.tagsAll),
    } as PutMetricAlarmCommandInput),
  );
}
