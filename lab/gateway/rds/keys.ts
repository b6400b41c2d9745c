import type { RdsPlane } from "../../postgres/plane";
import { awsError } from "../errors";
import type { AwsRequest, AwsResponse } from "../mend";

/** What moto records of encryption with the key that AWS keeps itself. */
const AWS_MANAGED = /^(default_kms_key_id|alias\/aws\/.+)$/;

/** The refusal where a key of the request's region cannot decrypt what it has encrypted: it is disabled, about to be deleted, elsewhere. */
export async function keyProblem(
  plane: RdsPlane,
  request: AwsRequest,
  keyId: string | undefined,
  region = request.region,
): Promise<AwsResponse | undefined> {
  if (keyId === undefined || AWS_MANAGED.test(keyId)) return undefined;
  const [, home = region] = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):/.exec(keyId) ?? [];
  const state = home === region ? await plane.keyStateOf(region, keyId) : `of ${home}, not ${region}`;
  if (state === "Enabled") return undefined;
  const why = `The specified KMS key [${keyId}] does not exist, is not enabled or you do not have permissions to access it.`;
  return awsError(request, 400, "KMSKeyNotAccessibleFault", `${why} Its state is: ${state ?? "no such key"}.`);
}
