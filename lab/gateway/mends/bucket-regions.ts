import { awsError } from "../errors";
import type { Mend } from "../mend";

const ANYWHERE = new Set(["GetBucketLocation", "ListBuckets", "CreateBucket"]);

/** A bucket is served by its own region only. moto serves every bucket everywhere, which would hide calls that need a lost region. */
export function bucketRegions(): Mend {
  const regions = new Map<string, string>();
  return {
    service: "s3",
    async request(request) {
      const { bucket = "" } = request.parameters;
      const home = regions.get(bucket);
      if (home === undefined || home === request.region || ANYWHERE.has(request.action)) return undefined;
      const message = `The bucket you are attempting to access must be addressed using the specified endpoint: ${bucket} is in ${home}, not ${request.region}.`;
      const response = awsError(request, 301, "PermanentRedirect", message);
      return await Promise.resolve({ ...response, headers: { ...response.headers, "x-amz-bucket-region": home } });
    },
    async response(request, response) {
      const { bucket = "" } = request.parameters;
      if (response.status < 300 && request.action === "CreateBucket") regions.set(bucket, regions.get(bucket) ?? request.region);
      if (response.status < 300 && request.action === "DeleteBucket") regions.delete(bucket);
      await Promise.resolve();
      return undefined;
    },
  };
}
