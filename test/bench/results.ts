import type { Figures } from "./figures";
import { goalsOf, milliseconds, ratioInSequence, ratioWithUpdate, twoDigits } from "./reach";
import { summary } from "./statistics";

/** `bench/results.md`. Pure: the figures and nothing else. */
export function resultsPage(figures: Figures): string {
  return `${[about(figures), goals(figures), failover(figures), floor(figures), switchover(figures), plan(figures), policies(figures), recovery(figures)].flat().join("\n\n")}\n`;
}

function about({ command, startedAt, tookMs, host, plugins }: Figures): string[] {
  const origins = [...new Set(Object.values(plugins))];
  return [
    "# Bench",
    `Written by \`${command}\`, begun ${startedAt}, ${Math.round(tookMs / 60_000)} minutes. Nothing here is typed by hand. The lab plays three regions on this one machine, with provider plug-ins that are ${origins.join(" and ")}; a health check goes round once a second and DNS's answers live one second. Times on AWS are others (docs/figures.md); what compares is measured here side by side.`,
    table(
      ["host", ""],
      [
        ["CPU", `${host.cpu}, ${host.cores} cores`],
        ["memory", `${host.memoryGiB} GiB`],
        ["system", host.os],
        ["Node.js", host.node],
      ],
    ),
  ];
}

function goals(figures: Figures): string[] {
  const rows = goalsOf(figures).map(({ name, target, measured, met }) => [name, measured, target, met ? "met" : "**missed**"]);
  return rows.length === 0 ? [] : ["## Reach", table(["what", "measured", "reach", ""], rows)];
}

function failover({ failover: times, failoverToScriptRatio, failoverToAtOnceRatio, failoverToFloorRatio, ...figures }: Figures): string[] {
  if (!times) return [];
  const inSequence = ratioInSequence({ failover: times, ...figures });
  const withUpdate = ratioWithUpdate({ failover: times, ...figures });
  return [
    "## Failover",
    "From the start of the process to a write through the public name that was read back from the site that took over, in its epoch. The region is lost before, and the health checks have noticed. `by hand` is `test/bench/by-hand.sh`: the runbook's `aws`, `psql` and `kubectl` in its order, with nothing in between; it verifies last, when every tier is back, as the runbook does. `all at once` is `test/bench/by-hand-at-once.sh`: the same by somebody who has trained for it, who overlaps what can be and looks at nothing before. The first two alternate, and so do the directions; no clients write meanwhile.",
    table(MEASURES, [
      row("changeover, ms", times.changeoverMs),
      row("by hand, ms", times.scriptMs),
      row("by hand, all at once, ms", times.atOnceMs),
    ]),
    [
      ...(failoverToScriptRatio === undefined ? [] : [`Changeover to by hand: ${twoDigits(failoverToScriptRatio)} (median by median).`]),
      ...(failoverToAtOnceRatio === undefined ? [] : [`To all at once: ${twoDigits(failoverToAtOnceRatio)}.`]),
      ...(failoverToFloorRatio
        ? [
            `Changeover to the floor: ${twoDigits(failoverToFloorRatio.median)} (${twoDigits(failoverToFloorRatio.min)} to ${twoDigits(failoverToFloorRatio.max)}).`,
          ]
        : []),
      ...(withUpdate === undefined ? [] : [`Changeover to the floor and one update that changes nothing: ${twoDigits(withUpdate)}.`]),
      ...(inSequence === undefined ? [] : [`Changeover to the three of the floor one after the other: ${twoDigits(inSequence)}.`]),
    ].join(" "),
  ];
}

function floor({ floor: times }: Figures): string[] {
  if (!times) return [];
  const { promotionMs, readyPodMs, ttlMs, updateMs, floorMs, inSequenceMs } = times;
  return [
    "## Floor",
    "A pod is of use in its new role only once the database takes writes, so promotion and first ready pod follow each other; the takeover switch can be written at the first moment, so DNS turns beside them. The floor is the longer of the two ways, max(promotion + first ready pod, DNS), from the medians of each measured alone.",
    table(MEASURES, [
      row("promotion, ms", promotionMs),
      row("first ready pod, ms", readyPodMs),
      row("DNS: switch to the end of the last old answer, ms", ttlMs),
      row("beside them: an update of the standby's stack that changes nothing, ms", updateMs),
    ]),
    `Floor: ${milliseconds(floorMs)}; the three one after the other: ${milliseconds(inSequenceMs)}. The lab promotes and starts pods in a fraction of a second where AWS takes minutes, so here an update of one stack, whatever it changes, takes several times the floor: a failover that is as fast as that does not wait for one.`,
  ];
}

function switchover({ switchover: moves }: Figures): string[] {
  if (!moves) return [];
  const { runs, pauseMs, allServicesPauseMs, acknowledged, lost, duplicated } = moves;
  const longestFirst = [...moves.moves].sort((a, b) => b.pauseMs - a.pauseMs);
  return [
    "## Switchover",
    `${runs} planned moves there and home, the service protected again after each, under clients that write to every service all the time. The pause is the longest time between two acknowledged writes, from what the clients wrote down.`,
    table(MEASURES, [
      row("pause of the service that waited longest, ms", pauseMs.values),
      row("pause of all services together, ms", allServicesPauseMs.values),
    ]),
    "Each move, the longest pause first. A pause counts up to the next move: one that began after the write was read back is of the re-protection.",
    table(
      ["pause, ms", "began after the command, ms", "writes paused at the databases, ms", "write read back after, ms"],
      longestFirst.map((move) =>
        [move.pauseMs, move.pauseFromMs, move.databasePauseMs, move.commandMs].map((ms) => String(Math.round(ms))),
      ),
    ),
    `${acknowledged} writes acknowledged, ${lost} lost, ${duplicated} made twice.`,
  ];
}

function plan({ plan: sizes, planGrowth }: Figures): string[] {
  if (!sizes) return [];
  return [
    "## Plan",
    "`changeover plan --to … --unreachable …` from start to end, against the lab's stacks, with a topology that has so many services; those beyond the deployed seven are planned as new. Memory is the sum of the resident sets of the command and all that it started, looked at every 50 ms; a page that two share counts twice.",
    table(
      ["services", "operations", "runs", "median, ms", "min", "max", "quartiles apart", "peak memory, MiB"],
      sizes.map(({ services, operations, msValues, peakMiB }) => {
        const { n, median, min, max, iqr } = summary(msValues);
        return [services, operations, n, ...[median, min, max, iqr, peakMiB].map(Math.round)].map(String);
      }),
    ),
    ...(planGrowth
      ? [
          `From 100 services to 1,000: ${twoDigits(planGrowth.timeRatio)} times the time, ${twoDigits(planGrowth.timePerServiceRatio)} times the time for each service, ${twoDigits(planGrowth.memoryRatio)} times the memory.`,
        ]
      : []),
  ];
}

function policies({ policies: times }: Figures): string[] {
  if (!times) return [];
  const { singleMs, allMs, allToSlowestRatio } = times;
  return [
    "## Policies",
    "Previews with the policy pack, from start to end: each stack by itself, by `pulumi preview --policy-pack policies`, and all of them in one command, `changeover policies`.",
    table(MEASURES, [...Object.entries(singleMs).map(([part, values]) => row(`${part}, ms`, values)), row("every stack, ms", allMs)]),
    `Every stack to the slowest by itself: ${twoDigits(allToSlowestRatio)} (median by median).`,
  ];
}

function recovery({ recovery: measured }: Figures): string[] {
  if (!measured) return [];
  const { bytes, restoreMs, activationMs } = measured;
  return [
    "## Recovery from copies",
    `A database of ${Math.round(bytes / 1_048_576)} MiB, once each, from the start of the command to a write through the public name that was read back: restored at its own site to a point in time, and made anew at the cold site with both other regions lost.`,
    table(
      ["", "ms"],
      [
        ["restore", String(restoreMs)],
        ["activation", String(activationMs)],
      ],
    ),
  ];
}

const MEASURES = ["", "runs", "median", "min", "max", "quartiles apart"];

function row(name: string, values: readonly number[]): string[] {
  const { n, median, min, max, iqr } = summary(values);
  return [name, ...[n, median, min, max, iqr].map((value) => String(Math.round(value)))];
}

function table(headers: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return [line(headers), line(headers.map(() => "---")), ...rows.map(line)].join("\n");
}
