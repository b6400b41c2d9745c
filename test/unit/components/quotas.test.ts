import { expect, test } from "vitest";
import { Quotas } from "../../../components/quotas";
import { record } from "./recorder";

test("each quota is asked for by AWS's codes of it", async () => {
  const recording = await record(
    () => new Quotas("quotas", { quotas: { "database-instances": { service: "rds", code: "L-7B6409FD", value: 40 } } }),
  );
  expect(recording.get("aws:servicequotas/serviceQuota:ServiceQuota", "quotas-database-instances").inputs).toEqual({
    serviceCode: "rds",
    quotaCode: "L-7B6409FD",
    value: 40,
  });
});
