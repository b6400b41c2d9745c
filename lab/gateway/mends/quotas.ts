import { randomUUID } from "node:crypto";
import { ACCOUNT } from "../../account";
import { awsError } from "../errors";
import type { AwsRequest, AwsResponse, Mend } from "../mend";

/** What AWS has set where nobody asked for more. In the lab it is the same for every quota: nothing there counts. */
const DEFAULT = 1;

/** Service Quotas, of which moto knows those of `vpc` only. What is asked for is granted at once. */
export function serviceQuotas(): Mend {
  /** By region, service and quota. */
  const granted = new Map<string, number>();
  const answers: Record<string, (request: AwsRequest, key: string) => AwsResponse> = {
    GetServiceQuota: (request, key) => json({ Quota: quotaOf(request, granted.get(key) ?? DEFAULT) }),
    GetAWSDefaultServiceQuota: (request) => json({ Quota: quotaOf(request, DEFAULT) }),
    RequestServiceQuotaIncrease: (request, key) => {
      const wanted = Number(request.parameters["DesiredValue"]);
      if (!(wanted > (granted.get(key) ?? DEFAULT))) {
        return awsError(request, 400, "IllegalArgumentException", "You must provide a quota value greater than the current quota value.");
      }
      granted.set(key, wanted);
      const { ServiceCode, QuotaCode } = request.parameters;
      return json({ RequestedQuota: { Id: randomUUID(), ServiceCode, QuotaCode, DesiredValue: wanted, Status: "APPROVED" } });
    },
  };
  return {
    service: "servicequotas",
    async request(request) {
      const { ServiceCode = "", QuotaCode = "" } = request.parameters;
      return Promise.resolve(answers[request.action]?.(request, `${request.region}/${ServiceCode}/${QuotaCode}`));
    },
  };
}

function quotaOf({ region, parameters: { ServiceCode = "", QuotaCode = "" } }: AwsRequest, Value: number): object {
  const QuotaArn = `arn:aws:servicequotas:${region}:${ACCOUNT}:${ServiceCode}/${QuotaCode}`;
  return { ServiceCode, ServiceName: ServiceCode, QuotaCode, QuotaName: QuotaCode, QuotaArn, Value, Adjustable: true, GlobalQuota: false };
}

function json(body: object): AwsResponse {
  return { status: 200, headers: { "content-type": "application/x-amz-json-1.1" }, body: Buffer.from(JSON.stringify(body)) };
}
