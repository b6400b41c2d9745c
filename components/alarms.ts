import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { AlarmSpec } from "./alarm-specs";

export interface AlarmsArgs {
  /** Begins every alarm's name and is the topic's: `production-secondary`. */
  prefix: string;
  /** Key that the topic's messages are encrypted with. @default not encrypted at rest */
  keyArn?: pulumi.Input<string>;
  alarms: AlarmSpec[];
}

/** A topic, and the alarms that ring it. Who is woken is a subscription of the topic, and theirs to make. */
export class Alarms extends pulumi.ComponentResource {
  readonly topicArn: pulumi.Output<string>;

  constructor(name: string, args: AlarmsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("changeover:site:Alarms", name, {}, opts);
    const { prefix, keyArn } = args;
    const parent = { parent: this };
    const topic = new aws.sns.Topic(`${name}-topic`, { name: prefix, ...(keyArn !== undefined && { kmsMasterKeyId: keyArn }) }, parent);
    for (const spec of args.alarms) {
      new aws.cloudwatch.MetricAlarm(
        `${name}-${spec.name}`,
        {
          name: `${prefix}-${spec.name}`,
          alarmDescription: spec.description,
          namespace: spec.namespace,
          metricName: spec.metric,
          dimensions: spec.dimensions,
          statistic: spec.statistic,
          comparisonOperator: spec.rings === "above" ? "GreaterThanThreshold" : "LessThanThreshold",
          threshold: spec.threshold,
          period: 60,
          evaluationPeriods: spec.minutes,
          treatMissingData: spec.missing,
          alarmActions: [topic.arn],
        },
        parent,
      );
    }
    this.topicArn = topic.arn;
    this.registerOutputs({ topicArn: this.topicArn });
  }
}
