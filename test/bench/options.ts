import { Command, InvalidArgumentError, Option } from "commander";

export const PARTS = ["failover", "switchover", "floor", "plan", "policies", "recovery"] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  json?: boolean;
  /** Of each kind of failover, of the floor and of each size of plan. */
  runs: number;
  switchovers: number;
  only?: Part;
  out?: string;
}

/** Fewer than these do not make a page that stays. */
export const LEAST = { runs: 5, switchovers: 20 };

/** Where the results of a whole run go, from the checkout. */
export const RESULTS = "bench/results.md";

/** @throws CommanderError */
export function readOptions(argv: string[]): Options {
  return new Command("npm run bench --")
    .exitOverride()
    .description(
      "Measures failover by changeover and by hand, switchover under load, the floor, plan by size, and recoveries from copies, in a lab of its own.\nTakes about an hour on two cores; let nothing else run.",
    )
    .option("--json", "print the figures as JSON")
    .option("--runs <n>", "of each kind of failover, of the floor and of each size of plan", count, LEAST.runs)
    .option("--switchovers <n>", "planned moves, there and home", count, LEAST.switchovers)
    .addOption(new Option("--only <part>", "measure one part").choices(PARTS))
    .option("--out <file>", `where the page goes (default: ${RESULTS}, if all parts were measured at least as often as by default)`)
    .addHelpText(
      "after",
      `
Examples:
  npm run bench
  npm run --silent bench -- --json > figures.json
  npm run bench -- --only failover --runs 1
  npm run bench -- --runs 10 --out /tmp/results.md

Exit codes: 0 done, 2 bad input, 3 refused, 4 stopped midway, 5 done but a figure does not reach what it is to`,
    )
    .parse(argv, { from: "user" })
    .opts<Options>();
}

/** Whether a run of this size may replace the page that is kept. */
export function isWhole({ only, runs, switchovers }: Options): boolean {
  return only === undefined && runs >= LEAST.runs && switchovers >= LEAST.switchovers;
}

function count(value: string): number {
  const n = Number(value);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError("It may be a whole number from 1.");
  return n;
}
