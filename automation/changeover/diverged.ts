import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { writeDiverged, type Diverged, type DivergedOptions } from "../comparison/diverged";
import type { DatabaseAddress } from "../probes/database";
import type { Incident } from "./incident";

/**
 * Lists the rows of a site that was left and that the active one lacks, beside the incident's journal; on another disk
 * where that one is full: neither may hold a changeover up that is past its point of return.
 * @returns as `writeDiverged`, with the file that it became
 */
export async function listDiverged(
  incident: Incident,
  left: DatabaseAddress,
  right: DatabaseAddress,
  options: Pick<DivergedOptions, "onTable" | "rightSnapshot"> = {},
): Promise<Diverged> {
  const file = `${incident.path.replace(/\.jsonl$/, "")}.diverged.jsonl`;
  try {
    return await writeDiverged(left, right, file, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    const elsewhere = join(mkdtempSync(join(tmpdir(), "changeover-")), basename(file));
    incident.list.warn(`${file}: ${(error as Error).message}; the rows go to ${elsewhere}`);
    return writeDiverged(left, right, elsewhere, options);
  }
}
