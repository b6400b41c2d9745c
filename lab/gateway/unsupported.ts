import { awsError } from "./errors";
import type { Mend } from "./mend";

/**
 * moto answers what it does not implement, and what it stumbles over, with an HTML page and 500 or 404, which looks like an outage and
 * is retried for up to half a minute. Here it is a client error that names the operation.
 */
export const unsupported: Mend = {
  service: "*",
  async response(request, response) {
    const page = response.status >= 400 && response.body.length > 0 && /^\s*<!doctype html/i.test(response.body.toString("latin1", 0, 64));
    if (!page && !(request.method === "HEAD" && response.status >= 500)) return undefined;
    const { service, action, region } = request;
    return await Promise.resolve(
      awsError(
        request,
        400,
        "NotImplementedInLab",
        `the lab's AWS does not implement ${service}:${action} (${region}), or failed at it: moto answered ${response.status}`,
      ),
    );
  },
};
