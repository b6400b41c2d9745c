import type * as aws from "@pulumi/aws";
import { GetServiceQuotaCommand, RequestServiceQuotaIncreaseCommand, ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import { present, type Aws, type AwsKind } from "./aws";

const quotas = (aws: Aws): ServiceQuotasClient => aws.client(ServiceQuotasClient);

/** As the official provider has it: an increase is asked for and not waited for; deleting the resource takes nothing back. */
export const serviceQuota: AwsKind<aws.servicequotas.ServiceQuotaArgs, aws.servicequotas.ServiceQuotaState> = {
  inputs: { serviceCode: { required: true, replace: true }, quotaCode: { required: true, replace: true }, value: { required: true } },
  outputs: ["arn", "adjustable", "quotaName", "serviceName", "requestId", "requestStatus"],
  async create(aws, { serviceCode, quotaCode, value }) {
    return { id: `${serviceCode}/${quotaCode}`, outputs: await raise(aws, serviceCode, quotaCode, value) };
  },
  async update(aws, _id, { serviceCode, quotaCode }, { value }) {
    return raise(aws, present(serviceCode, "service code"), present(quotaCode, "quota code"), value);
  },
  async delete() {
    await Promise.resolve();
  },
  async read(aws, id) {
    const [serviceCode = "", quotaCode = ""] = id.split("/");
    return { outputs: await look(aws, serviceCode, quotaCode) };
  },
};

async function look(aws: Aws, ServiceCode: string, QuotaCode: string) {
  const { Quota } = await quotas(aws).send(new GetServiceQuotaCommand({ ServiceCode, QuotaCode }));
  const { QuotaArn: arn, Adjustable: adjustable, QuotaName: quotaName, ServiceName: serviceName, Value: value } = present(Quota, "quota");
  return { arn, adjustable, quotaName, serviceName, value };
}

async function raise(aws: Aws, ServiceCode: string, QuotaCode: string, DesiredValue: number) {
  const quota = await look(aws, ServiceCode, QuotaCode);
  if ((quota.value ?? 0) >= DesiredValue) return quota;
  const { RequestedQuota } = await quotas(aws).send(new RequestServiceQuotaIncreaseCommand({ ServiceCode, QuotaCode, DesiredValue }));
  return { ...quota, value: DesiredValue, requestId: RequestedQuota?.Id, requestStatus: RequestedQuota?.Status };
}
