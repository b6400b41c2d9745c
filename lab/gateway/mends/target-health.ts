import { escapeXml } from "../errors";
import type { Mend } from "../mend";

/** A target as the load balancers' data plane sees it. */
export interface TargetState {
  address: string;
  port: number;
  state: string;
  reason?: string;
  description?: string;
}

/** `DescribeTargetHealth` with what the data plane found; moto calls every target healthy. */
export function targetHealth(states: (targetGroupArn: string) => TargetState[] | undefined): Mend {
  return {
    service: "elasticloadbalancing",
    async response(request, response) {
      if (request.action !== "DescribeTargetHealth" || response.status !== 200) return undefined;
      const { parameters } = request;
      const found = states(parameters["TargetGroupArn"] ?? "");
      if (!found) return undefined;
      const asked = Object.keys(parameters)
        .map((name) => /^Targets\.member\.\d+\.Id$/.exec(name) && parameters[name])
        .filter((id) => typeof id === "string");
      const members = found.filter(({ address }) => asked.length === 0 || asked.includes(address)).map(describe);
      const body =
        `<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeTargetHealthResult>` +
        `<TargetHealthDescriptions>${members.join("")}</TargetHealthDescriptions></DescribeTargetHealthResult>` +
        `<ResponseMetadata><RequestId>lab</RequestId></ResponseMetadata></DescribeTargetHealthResponse>`;
      return await Promise.resolve({ ...response, body: Buffer.from(body) });
    },
  };
}

function describe({ address, port, state, reason, description }: TargetState): string {
  const optional = (name: string, value: string | undefined): string =>
    value === undefined ? "" : `<${name}>${escapeXml(value)}</${name}>`;
  return (
    `<member><Target><Id>${escapeXml(address)}</Id><Port>${port}</Port></Target><HealthCheckPort>${port}</HealthCheckPort>` +
    `<TargetHealth><State>${escapeXml(state)}</State>${optional("Reason", reason)}${optional("Description", description)}</TargetHealth></member>`
  );
}
