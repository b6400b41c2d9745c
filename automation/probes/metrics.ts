import { callsIn } from "./calls";

/** Attempts at one call of CloudWatch, and how long each may take. */
const ATTEMPTS = 3;
const CALL_MS = 5_000;

export interface Datum {
  namespace: string;
  metric: string;
  dimensions: Record<string, string>;
  value: number;
}

/** Gives CloudWatch a figure of now. Credentials and endpoint come from the environment, as for any AWS tool. */
export async function putMetric(region: string, { namespace, metric, dimensions, value }: Datum): Promise<void> {
  const { CloudWatchClient, PutMetricDataCommand } = await import("@aws-sdk/client-cloudwatch");
  const cloudwatch = new CloudWatchClient(callsIn(region, ATTEMPTS, CALL_MS));
  try {
    await cloudwatch.send(
      new PutMetricDataCommand({
        Namespace: namespace,
        MetricData: [
          { MetricName: metric, Value: value, Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })) },
        ],
      }),
    );
  } finally {
    cloudwatch.destroy();
  }
}
