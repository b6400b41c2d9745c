import { ACCOUNT } from "../../account";
import type { World } from "../../world";
import type { Mend } from "../mend";
import { bucketPolicies } from "./bucket-policies";
import { bucketRegions } from "./bucket-regions";
import { keysByArn } from "./keys";
import { serviceQuotas } from "./quotas";
import { recordChecks } from "./records";
import { signingTime } from "./signing-time";

/** Account that owns everything in the lab. */
const CALLER = `arn:aws:iam::${ACCOUNT}:root`;

/** Corrections that need no data plane of the lab. */
export function ownMends(world: World): Mend[] {
  return [signingTime, bucketRegions(), bucketPolicies(CALLER), recordChecks(world), keysByArn, serviceQuotas()];
}
