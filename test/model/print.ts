import { accepts, NAMES, type State } from "./state";
import type { Violation } from "./explore";

/** A state in a line: what each site is, and what stands between them. */
export function describe({ sites, cut, breach }: State): string {
  const each = sites.map((site, place) => {
    const words = [
      site.up ? "" : "lost",
      site.promoting ? "promoting" : site.database,
      site.database === "replica" ? ["", "marks behind", "writes behind"][site.lag] : `${site.mark} ${site.markEpoch}`,
      site.database === "primary" && !site.lease ? "no lease" : "",
      site.switch > 0 ? `switch ${site.switch}` : "",
      site.opening === undefined ? "" : "about to open",
      site.unfenced ? "unfenced" : "",
      accepts(site) ? "WRITES" : "",
    ];
    return `${NAMES[place]}: ${words.filter((word) => word !== "" && word !== undefined).join(", ")}`;
  });
  return [...each, ...(cut === "none" ? [] : [`${cut} cut`]), ...(breach === undefined ? [] : [breach])].join("; ");
}

/** A trace for people: what happened, and what the sites were then. */
export function printTrace({ rule, trace }: Violation): string {
  const width = Math.max(...trace.map(({ what }) => what.length));
  return [rule, ...trace.map(({ what, state }, i) => `${String(i).padStart(3)}. ${what.padEnd(width)}  ${describe(state)}`)].join("\n");
}
