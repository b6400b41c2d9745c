import { Stage } from "../../lab/drill/stage";
import type { BenchLab } from "./lab";

/** One move. Milliseconds. */
export interface Move {
  /** The longest time between two acknowledgements of one service: of the service that waited longest. */
  pauseMs: number;
  /** When that began, from the start of the command; up to the next move counts, so it may be in the re-protection. */
  pauseFromMs: number;
  /** From the pause of writes at the site that is left to the opening of the other, by the driver's clock. */
  databasePauseMs: number;
  /** The command's time to the write that was read back. */
  commandMs: number;
  /** The pause over all services together: how long nobody's write was acknowledged. */
  allServicesPauseMs: number;
}

export interface Switchovers {
  moves: Move[];
  /** Writes that were acknowledged, over the whole run. */
  acknowledged: number;
  /** Of those, not in the database at the end. */
  lost: number;
  /** Written more than once. */
  duplicated: number;
}

/** Moves the service there and home again, each time protecting it anew, under clients that write all the time. */
export async function switchovers(lab: BenchLab, runs: number): Promise<Switchovers> {
  const stage = await Stage.open(lab.folder, { mode: "stop", quiet: true, signal: lab.signal });
  try {
    await lab.step("Clients write through the public name", () => stage.warmUp());
    for (let run = 1; run <= runs; run++) {
      const { active, standby } = await lab.roles();
      await lab.step(`Switchover ${run} of ${runs}, ${active} → ${standby}`, () => stage.move("switchover", standby));
      await lab.step(`Protect ${standby} by ${active} again`, () => lab.reprotect(active));
    }
    const { changeovers, writers } = await lab.step("Compare what clients were told with what the database has", () =>
      stage.close("bench"),
    );
    return {
      moves: changeovers.map(({ longestServicePauseMs, longestServicePauseFromMs, pauseMs = 0, commandMs, clientDowntimeMs }) => ({
        pauseMs: longestServicePauseMs,
        pauseFromMs: longestServicePauseFromMs,
        databasePauseMs: pauseMs,
        commandMs,
        allServicesPauseMs: clientDowntimeMs,
      })),
      ...writers,
    };
  } catch (error) {
    await stage.abandon();
    throw error;
  }
}
