import type { Mend } from "../mend";

const BY_ID_ONLY = new Set(["EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"]);

/** moto fails at these when the key is named by its ARN. */
export const keysByArn: Mend = {
  service: "kms",
  async request(request) {
    const id = /^arn:aws:kms:[^:]+:\d+:key\/(.+)$/.exec(request.parameters["KeyId"] ?? "")?.[1];
    if (id === undefined || !BY_ID_ONLY.has(request.action)) return undefined;
    const body = { ...(JSON.parse(request.body.toString("utf8")) as object), KeyId: id };
    return await Promise.resolve({ ...request, parameters: { ...request.parameters, KeyId: id }, body: Buffer.from(JSON.stringify(body)) });
  },
};
