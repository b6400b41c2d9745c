import type { RdsPlane } from "../../postgres/plane";
import type { AwsRequest } from "../mend";
import { elements } from "../xml";

/** Adds what the lab has to report to moto's events. */
export function addEvents(plane: RdsPlane, { region, parameters }: Pick<AwsRequest, "region" | "parameters">, xml: string): string {
  const { SourceIdentifier: id, SourceType: type = "db-instance" } = parameters;
  if (type !== "db-instance") return xml;
  const since = sinceOf(parameters);
  const own = plane
    .eventsOf(region)
    .filter(({ instance, at }) => (id === undefined || instance.id === id.toLowerCase()) && at.getTime() >= since)
    .map(({ instance, at, categories, message }) => {
      const facts = { SourceIdentifier: instance.id, SourceType: "db-instance", Date: at, Message: message };
      const list = categories.map((EventCategory) => elements({ EventCategory })).join("");
      return `<Event>${elements(facts)}<EventCategories>${list}</EventCategories></Event>`;
    })
    .join("");
  return xml.replace(/<Events\/>/, "<Events></Events>").replace("</Events>", `${own}</Events>`);
}

/** ms since the epoch. */
function sinceOf({ StartTime, Duration }: Record<string, string>): number {
  if (StartTime !== undefined) return Date.parse(StartTime);
  // Minutes.
  return Date.now() - Number(Duration ?? 60) * 60_000;
}
