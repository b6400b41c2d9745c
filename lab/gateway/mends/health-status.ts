import { escapeXml } from "../errors";
import type { Mend } from "../mend";

/** A health check as the lab's prober sees it. */
export interface ProbedCheck {
  id: string;
  status: "healthy" | "unhealthy";
  lastReason: string;
  /** When the endpoint was last asked, in ms since 1970. */
  checkedAt?: number;
}

/** `GetHealthCheckStatus` with what the prober found; moto reports success for ever. */
export function healthStatus(checks: () => ProbedCheck[]): Mend {
  return {
    service: "route53",
    async response(request, response) {
      if (request.action !== "GetHealthCheckStatus" || response.status !== 200) return undefined;
      const check = checks().find(({ id }) => id === request.parameters["id"]);
      if (!check) return undefined;
      const status = escapeXml(`${check.status === "healthy" ? "Success" : "Failure"}: ${check.lastReason}`);
      const time = new Date(check.checkedAt ?? Date.now()).toISOString();
      const body =
        `<GetHealthCheckStatusResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HealthCheckObservations><HealthCheckObservation>` +
        `<Region>eu-west-1</Region><IPAddress>15.177.2.1</IPAddress><StatusReport><Status>${status}</Status><CheckedTime>${time}</CheckedTime></StatusReport>` +
        `</HealthCheckObservation></HealthCheckObservations></GetHealthCheckStatusResponse>`;
      return await Promise.resolve({ ...response, body: Buffer.from(body) });
    },
  };
}
