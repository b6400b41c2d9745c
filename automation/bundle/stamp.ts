import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { changeoverHome } from "../../setup/home.mjs";
import type { BundleStamp } from "../backend";

/** What this machine remembers of the last bundle of an environment; `changeover doctor` reads it. */
export function readStamp(environment: string): BundleStamp | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(environment), "utf8")) as BundleStamp;
  } catch {
    return undefined;
  }
}

export function writeStamp(environment: string, stamp: BundleStamp): void {
  mkdirSync(join(changeoverHome(), "bundles"), { recursive: true });
  writeFileSync(fileOf(environment), `${JSON.stringify(stamp, null, 2)}\n`);
}

function fileOf(environment: string): string {
  return join(changeoverHome(), "bundles", `${environment}.json`);
}
