import { awsError } from "../errors";
import type { AwsRequest, Mend } from "../mend";

/** How far a signature's time may be from the service's own, in milliseconds: S3 allows more than the others. */
const LEEWAY_MS = { s3: 15 * 60_000, others: 5 * 60_000 };

/** AWS refuses what is signed by a wrong clock, and SDKs then correct theirs by the answer's date. moto does not look. */
export const signingTime: Mend = {
  service: "*",
  async request(request) {
    const signedAt = timeOf(request.headers["x-amz-date"]);
    if (signedAt === undefined) return Promise.resolve(undefined);
    const offMs = Math.abs(Date.now() - signedAt);
    if (offMs <= (request.protocol === "s3" ? LEEWAY_MS.s3 : LEEWAY_MS.others)) return Promise.resolve(undefined);
    return Promise.resolve(refusal(request));
  },
};

function refusal(request: AwsRequest) {
  const now = new Date().toISOString();
  if (request.protocol === "s3") {
    return awsError(request, 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.");
  }
  const code =
    request.protocol === "ec2"
      ? "RequestExpired"
      : request.protocol === "query" || request.protocol === "rest-xml"
        ? "SignatureDoesNotMatch"
        : "InvalidSignatureException";
  return awsError(request, request.protocol === "ec2" ? 400 : 403, code, `Signature not valid at this time: it is ${now}`);
}

/** @param text as in 20260102T030405Z */
function timeOf(text: string | undefined): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? "");
  if (!match) return undefined;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
